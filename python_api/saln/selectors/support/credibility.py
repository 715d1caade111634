"""How likely the label of each row is right, from one look at the features: no model is trained.

Two discriminants, both with a mean for every class, give each row log-odds of its class, up to a scale: one with equal
variances in all directions (nearest mean), one with a shrunk covariance (Fisher's linear discriminant). Labels are
right with probability 1 - ε, else any other class alike, so that with p the softmax of the scaled log-odds plus log
priors a label y has probability

    (1 - ε) p_y + ε (1 - p_y) / (c - 1),

and is right, given the row, with the first summand's share of it. Scale, ε and priors are those of the largest
likelihood on rows that did not make the means; it is concave in ε, where Newton's method finds the maximum. Weak
features are told from wrong labels: they make p flat, and ε small. (Class-conditional label noise: Natarajan et al.
2013; out-of-sample judgement as in confident learning, Northcutt et al. 2021, arXiv 1911.00068. The two discriminants
and the single pass are this project's.)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

FITTED = 2_500_000
"""Numbers that everything is fitted on: so many rows as hold that many, within the next two bounds."""
FEWEST_ROWS, MOST_ROWS = 2000, 8000
LEAST_SKILL = 0.45
"""Skill below which every label is believed: features that hardly tell classes apart (pixels, say) do not tell which
labels are wrong, and what looks like noise is the discriminant's own error."""
CLEARLY_CLEAN, SKILLED = 0.03, 0.6
"""Share of wrong labels among the fewest rows, and skill, with which no more rows are looked at."""
PER_CLASS = 8
"""Of these, so many a class must have to be judged; the labels of other classes are believed."""
LEAST_ROWS = 1000
"""In smaller datasets every label is believed: estimates of the noise scatter too much."""
LEAST_NOISE = 0.1
"""Share of wrong labels below which every label is believed: samples that are hard but right are worth more than what
would be found."""
WIDEST = 512
"""Columns up to which covariances are looked at."""
SHRINKAGE = 0.3
SCALES = 8
ROUNDS, STEPS = 2, 10
COVARIANCE_ROWS = 2000


@dataclass(frozen=True)
class Credibility:
    """What one look at a dataset says of its labels.

    Attributes
    ----------
    values : Tensor or None
        `[N]` float64, the probability that each label is right; None where all are believed.
    noise : float
        Estimated share of wrong labels, ε.
    """

    values: Tensor | None
    noise: float


def label_credibility(features: Tensor, labels: Tensor, *, among: Tensor | None = None, seed: int = 0) -> Credibility:
    """The probability that each label is right.

    O(N d c) time where labels are wrong, else O(d c) for the rows looked at, O(N c) memory; with covariances
    O(d³) more.

    Parameters
    ----------
    features : Tensor [N, d]
        Rows that are not finite are not judged: NaN.
    labels : Tensor [N]
        Integers, c different ones.
    among : Tensor, optional
        Rows to fit on: those without their copies, which would be judged by themselves.
    seed : int
        Of the rows that are looked at.

    Examples
    --------
    >>> import torch
    >>> from saln.selectors.support.credibility import label_credibility
    >>> source = torch.Generator().manual_seed(0)
    >>> truth = torch.arange(1000) % 2
    >>> features = torch.randn(1000, 4, generator=source) + 4.0 * truth[:, None]
    >>> labels = torch.where(torch.arange(1000) % 5 == 0, 1 - truth, truth)  # a fifth is wrong
    >>> found = label_credibility(features, labels)
    >>> round(found.noise, 1), found.values[::5].mean() < 0.1, found.values[1::5].mean() > 0.9
    (0.2, tensor(True), tensor(True))
    """
    n = len(labels)
    among = torch.arange(n, device=labels.device) if among is None else among
    if len(among) < LEAST_ROWS:
        return Credibility(None, 0.0)
    most = min(max(FITTED // max(1, features.shape[1]), FEWEST_ROWS), MOST_ROWS)
    drawn = among[torch.randperm(len(among), generator=torch.Generator().manual_seed(seed))[:most].to(among.device)]
    for rows in (drawn[:FEWEST_ROWS], drawn):
        sample, classes = Sample.of(features.index_select(0, rows).float(), labels[rows])
        if sample.n_classes < 2:
            return Credibility(None, 0.0)
        fitted = fit(sample)
        if len(rows) == len(drawn) or (fitted.noise < CLEARLY_CLEAN and fitted.skill > SKILLED):
            break
    if fitted.noise >= LEAST_NOISE and features.shape[1] <= WIDEST:
        # Which directions tell classes apart the rows themselves decide.
        fitted = max(fitted, refit(sample, fitted.weights), key=lambda each: each.likelihood)
    if fitted.noise < LEAST_NOISE or fitted.skill < LEAST_SKILL:
        return Credibility(None, fitted.noise)
    values = torch.ones(n, dtype=torch.float64, device=labels.device)
    for rows in torch.split(torch.arange(n, device=labels.device), 1 << 16):
        places = torch.searchsorted(classes, labels[rows]).clamp_max(len(classes) - 1)
        judged = classes[places] == labels[rows]
        odds = F.linear(features[rows[0] : rows[-1] + 1].float(), fitted.slopes, fitted.offsets)
        values[rows] = torch.where(judged, fitted.mixture.right(odds, places).double(), 1.0)
    return Credibility(values, fitted.noise)


@dataclass(frozen=True)
class Sample:
    """Rows `[m, d]` in random order, their classes `[m]` of so many, and what standardises columns, `[d]`."""

    x: Tensor
    y: Tensor
    n_classes: int
    centre: Tensor
    per_spread: Tensor

    @classmethod
    def of(cls, x: Tensor, labels: Tensor) -> tuple[Sample, Tensor]:
        """The sample, and the classes `[c]` in it that are judged: of others, and of broken rows, nothing is kept.

        Columns that do not vary count for nothing.
        """
        classes, counts = torch.unique(labels, return_counts=True)
        kept = x.sum(dim=1).isfinite()
        if int(counts.min()) < PER_CLASS:
            classes = classes[counts >= PER_CLASS]
            kept &= torch.isin(labels, classes)
        if not bool(kept.all()):
            x, labels = x[kept], labels[kept]
        first = x[:FEWEST_ROWS]
        centre = first.mean(dim=0)
        spread = (first * first).mean(dim=0).sub_(centre * centre).clamp_min(0).sqrt()
        spread = torch.where(spread > 1e-4 * centre.abs(), spread, 0)  # less is rounding
        per_spread = torch.where(spread > 0, 1 / spread, 0)
        return cls(x, torch.searchsorted(classes, labels), len(classes), centre, per_spread), classes

    def first(self, m: int) -> Sample:
        """The first rows alone, standardised alike."""
        return Sample(self.x[:m], self.y[:m], self.n_classes, self.centre, self.per_spread)


@dataclass(frozen=True)
class Mixture:
    """What labels are taken for: scale of the log-odds, share of wrong labels, log priors `[c]`."""

    scale: Tensor
    noise: Tensor
    log_priors: Tensor

    def shares(self, odds: Tensor) -> Tensor:
        """The probability `[m, c]` of every class, given log-odds without scale."""
        return (self.scale * odds + self.log_priors).softmax(dim=1)

    def skill(self, odds: Tensor) -> float:
        """As in `Fit`."""
        largest = float(self.log_priors.exp().amax())
        return (float(self.shares(odds).amax(dim=1).mean()) - largest) / (1 - largest)

    def right(self, odds: Tensor, y: Tensor) -> Tensor:
        """The probability `[m]` that labels are right, given log-odds `[m, c]` without scale."""
        share = self.shares(odds).gather(1, y[:, None]).squeeze(1)
        good = (1 - self.noise) * share
        return good / (good + self.noise / (odds.shape[1] - 1) * (1 - share)).clamp_min(1e-30)


@dataclass(frozen=True)
class Fit:
    """A discriminant of all rows, and what is fitted on rows that did not make it.

    Attributes
    ----------
    likelihood : float
        Mean logarithm of the probability of a label.
    skill : float
        How often the discriminant expects to be right more than who always names the largest class, as a share of what
        is possible.
    weights : Tensor
        `[m]` how credible the rows are.
    """

    slopes: Tensor
    offsets: Tensor
    mixture: Mixture
    likelihood: float
    skill: float
    weights: Tensor

    @property
    def noise(self) -> float:
        return float(self.mixture.noise)


def fit(sample: Sample) -> Fit:
    """Nearest mean: means, then a mixture, then both again with rows counted by how credible their labels are."""
    weights = torch.ones_like(sample.x[:, 0])
    for _ in range(ROUNDS):
        odds = _judged_by_others(sample, weights, None)
        mixture, likelihood = fit_mixture(odds, sample.y)
        if mixture.noise < LEAST_NOISE:
            break
        weights = mixture.right(odds, sample.y)
    return Fit(*_discriminant(sample, weights, None), mixture, likelihood, mixture.skill(odds), weights)


def refit(sample: Sample, weights: Tensor) -> Fit:
    """Fisher's discriminant, of rows counted by how credible they are already known to be."""
    few, some = sample.first(COVARIANCE_ROWS), weights[:COVARIANCE_ROWS]
    odds = _judged_by_others(few, some, SHRINKAGE)
    mixture, likelihood = fit_mixture(odds, few.y)
    credible = mixture.right(odds, few.y)
    return Fit(*_discriminant(few, some, SHRINKAGE), mixture, likelihood, mixture.skill(odds), credible)


def _judged_by_others(sample: Sample, weights: Tensor, shrinkage: float | None) -> Tensor:
    """Log-odds `[m, c]` of each half by a discriminant of the other."""
    half = len(sample.y) // 2
    odds = sample.x.new_empty(len(sample.y), sample.n_classes)
    for made_of, used_on in ((slice(half), slice(half, None)), (slice(half, None), slice(half))):
        made = Sample(sample.x[made_of], sample.y[made_of], sample.n_classes, sample.centre, sample.per_spread)
        odds[used_on] = F.linear(sample.x[used_on], *_discriminant(made, weights[made_of], shrinkage))
    return odds


def _discriminant(sample: Sample, weights: Tensor, shrinkage: float | None) -> tuple[Tensor, Tensor]:
    """Slopes `[c, d]` and offsets `[c]` of the log-odds by columns as they are, priors left out.

    With a shrinkage it knows the covariance within classes, else it takes all directions alike.
    """
    x, y, weights = sample.x, sample.y, weights[:, None]
    members = F.one_hot(y, sample.n_classes).to(x.dtype) * weights
    means = (members.T @ x) / members.sum(dim=0)[:, None].clamp_min(1e-3)
    means = (means - sample.centre) * sample.per_spread  # of standardised columns
    slopes = means
    if shrinkage is not None:
        inside = ((x - sample.centre) * sample.per_spread - means[y]) * weights.sqrt()
        covariance = (1 - shrinkage) / weights.sum().clamp_min(1e-3) * (inside.T @ inside)
        covariance.diagonal().add_(shrinkage / (1 - shrinkage) * covariance.diagonal().mean() + 1e-6)
        slopes = torch.cholesky_solve(means.T, torch.linalg.cholesky(covariance)).T
    offsets = -0.5 * (slopes * means).sum(dim=1)
    slopes = slopes * sample.per_spread
    return slopes, offsets - slopes @ sample.centre


def fit_mixture(odds: Tensor, y: Tensor) -> tuple[Mixture, float]:
    """The likeliest mixture for log-odds `[m, c]` and labels `[m]`, and the mean log-likelihood; O(m c)."""
    m, c = odds.shape
    observed = torch.bincount(y, minlength=c).to(odds.dtype) / m
    scales = torch.logspace(-2, 4.5, SCALES, base=2.0, dtype=odds.dtype, device=odds.device)
    scales = scales / odds.std().clamp_min(1e-12)
    scaled = scales[:, None, None] * odds.T  # [scales, c, m]
    priors, noise = observed.expand(SCALES, c), odds.new_full((SCALES, 1), 0.1)
    for _ in range(ROUNDS):
        shares = (scaled + priors.log()[:, :, None]).softmax(dim=1)
        share = shares.gather(1, y.expand(SCALES, 1, m)).squeeze(1)  # [scales, m]
        slope = (1 - share) / (c - 1) - share  # of a label's probability, share + noise * slope, by the noise
        for _ in range(STEPS):
            steepness = slope / (share + noise * slope)
            step = steepness.mean(dim=1, keepdim=True) / steepness.square().mean(dim=1, keepdim=True).clamp_min(1e-12)
            noise = (noise + step).clamp(1e-3, 0.95 * (c - 1) / c)
        # The share of a class among labels is that of its own which are right, and of all others which are wrong.
        wrong = noise / (c - 1)
        priors = ((observed - wrong) / (1 - noise - wrong)).clamp_min(1e-3)
        priors = priors / priors.sum(dim=1, keepdim=True)
    likelihoods = (share + noise * slope).log().mean(dim=1)
    best = likelihoods.argmax()
    return Mixture(scales[best], noise[best, 0], priors[best].log()), float(likelihoods[best])
