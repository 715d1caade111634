"""What labels are taken for: the true class of a row, which its scores tell, seen through a noise matrix.

With z the log-odds of classes, given a row, its label j has probability

    sum_i softmax(k z + log π)_i T_ij,

and is right, given the row, with the share that i = j has in it. T is the noise matrix, P(given j | true i). Scale k,
priors π and T are those of the largest likelihood on rows that did not make the scores, so that weak features are told
from wrong labels: they make k small, not T wrong. Two readings of scores as log-odds and two kinds of T are tried:

- scores as they are, or Fisher's linear discriminant in the space of the scores, whose means and covariance are found
  together with T by expectation maximisation, since labels, too, are seen through T (linear discriminants of fitted
  values: Hastie, Tibshirani & Buja 1994; the mixture with unreliable labels: Lawrence & Schölkopf 2001);
- T without noise, with all classes taken for each other alike (one number, found by Newton's method: the likelihood is
  concave in it), or with rows of it free.

Which of them holds the Bayesian information criterion decides (Schwarz 1978).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

LEAST_NOISE = 1e-3
"""Wrong labels are never ruled out: with none at all, no label would be less credible than another."""
LEAST_PRIOR = 1e-3
SCALES = (-16, 10, 3)
"""First, last, and first tried, in half octaves: scales of log-odds over their spread."""
STARTS = (0.1, 0.3)
"""Shares of wrong labels that expectation maximisation starts from, if no larger one is found before."""
STEPS, ROUNDS = 10, 2
MOST_ROUNDS = 100
"""Rounds of expectation maximisation, and fewer where classes are many:"""
MOST_PRODUCTS = 1e11
"""Multiplications for the discriminant's rounds, of m c² each."""
SETTLED = 1e-5
"""Gain of mean log-likelihood in a round below which it ends."""
RESCALED = 10
"""How often the scale is looked for anew, at most, each time after the matrix has settled."""
PSEUDO_ROWS = 10.0
"""Rows that every row of T is thought to have had before, with all classes taken for each other alike."""


@dataclass(frozen=True)
class LabelNoise:
    """The likeliest reading of scores and labels.

    Attributes
    ----------
    slopes, offsets : Tensor
        `[c, c]` and `[c]` float32, of the log-odds by scores; scale, and priors' logarithms, are in them.
    priors : Tensor
        `[c]` float32, how frequent the true classes are.
    matrix : Tensor
        `[c, c]` float32, P(given j | true i).
    likelihood : float
        Mean logarithm of the probability of a label.
    evidence : float
        The sum of all such, less what its numbers cost.
    """

    slopes: Tensor
    offsets: Tensor
    priors: Tensor
    matrix: Tensor
    likelihood: float
    evidence: float

    @property
    def noise(self) -> float:
        """The share of wrong labels."""
        return float((self.priors * (1 - self.matrix.diagonal())).sum())

    def shares(self, scores: Tensor) -> Tensor:
        """The probability `[c, m]` of every class to be the true one, given scores `[m, c]` alone."""
        return _softmax((self.slopes.T @ scores.T).add_(self.offsets[:, None]))

    def of(self, slopes: Tensor, offsets: Tensor, numbers: int) -> LabelNoise:
        """The same for scores that give its own by slopes `[c, c]` and offsets `[c]`, so many numbers fitted.

        Each makes the labels that it was fitted on likelier by half, others less so by as much (Akaike 1974).
        """
        return replace(
            self,
            slopes=slopes @ self.slopes,
            offsets=offsets @ self.slopes + self.offsets,
            evidence=self.evidence - numbers,
        )


def given(shares: Tensor, matrix: Tensor, y: Tensor) -> Tensor:
    """The probability `[m]` of labels `[m]`, given shares `[c, m]`."""
    return (shares * matrix.index_select(1, y)).sum(dim=0).clamp_min(1e-30)


def right(shares: Tensor, matrix: Tensor, y: Tensor) -> Tensor:
    """The probability `[m]` that labels `[m]` are right, given shares `[c, m]`."""
    own = shares.gather(0, y[None]).squeeze(0) * matrix.diagonal()[y]
    return (own / given(shares, matrix, y)).clamp_max(1.0)


def fit_label_noise(scores: Tensor, y: Tensor) -> LabelNoise:
    """The likeliest reading of scores `[m, c]` and labels `[m]`, 0 to c - 1, each of which occurs; c at least 2.

    O(m c²) time a round, O(m c) memory.

    Examples
    --------
    >>> import torch
    >>> from saln.inspection.label_noise import fit_label_noise
    >>> source = torch.Generator().manual_seed(0)
    >>> truth = torch.arange(3000) % 3
    >>> scores = torch.eye(3)[truth] + 0.2 * torch.randn(3000, 3, generator=source)
    >>> labels = torch.where((truth == 0) & (torch.rand(3000, generator=source) < 0.4), 1, truth)
    >>> fit_label_noise(scores, labels).matrix.round(decimals=1)
    tensor([[0.6000, 0.4000, 0.0000],
            [0.0000, 1.0000, 0.0000],
            [0.0000, 0.0000, 1.0000]])
    """
    c = scores.shape[1]
    largest = int(torch.bincount(y).amax())
    plain = fit_alike(scores, y)
    found = [plain, fit_alike(scores, y, noisy=False)]
    for noise in STARTS:
        slopes, offsets, matrix = discriminant(scores, y, alike(max(noise, plain.noise), c, scores))
        odds = scores @ slopes + offsets
        readings = [fit_alike(odds, y), fit_alike(odds, y, noisy=False)]
        if largest * math.log(c) > _cost_of_a_row(c, len(y)):
            # Else no row of the matrix, however its rows were labelled, could pay for itself.
            readings.append(fit_free(odds, y, matrix))
        found += [each.of(slopes, offsets, numbers=c * (c - 1)) for each in readings]
    return max(found, key=lambda each: each.evidence)


def alike(noise: float, c: int, of: Tensor) -> Tensor:
    """The noise matrix `[c, c]` with all classes taken for each other alike."""
    return of.new_full((c, c), noise / (c - 1)).fill_diagonal_(1 - noise)


def fit_alike(scores: Tensor, y: Tensor, *, noisy: bool = True) -> LabelNoise:
    """The likeliest scale, priors and share of wrong labels, scores `[m, c]` being log-odds, all classes alike.

    If not noisy, the share is the least one.
    """
    m, c = scores.shape
    odds = scores.T.contiguous()  # [c, m]: classes are few
    observed = torch.bincount(y, minlength=c).to(odds.dtype) / m
    spread = float(odds.std().clamp_min(1e-12))
    tried: dict[int, tuple[float, float, Tensor]] = {}

    def likelihood(step: int) -> float:
        if step not in tried:
            tried[step] = _fit_noise(odds * (2.0 ** (step / 2) / spread), y, observed, noisy)
        return tried[step][0]

    best = climb(likelihood, *SCALES)
    value, noise, priors = tried[best]
    scale = 2.0 ** (best / 2) / spread
    eye = torch.eye(c, dtype=odds.dtype, device=odds.device)
    return LabelNoise(scale * eye, priors.log(), priors, alike(noise, c, odds), value, _evidence(value, m, int(noisy)))


def climb(value: Callable[[int], float], first: int, last: int, start: int) -> int:
    """Where a value of whole numbers is largest, from a start uphill."""
    best, most = start, value(start)
    for step in (1, -1):
        while first <= best + step <= last and value(best + step) > most:
            best += step
            most = value(best)
    return best


def _softmax(odds: Tensor) -> Tensor:
    """Of `[c, m]` over classes, in place."""
    odds.sub_(odds.amax(dim=0)).exp_()
    return odds.div_(odds.sum(dim=0))


def _cost_of_a_row(c: int, m: int) -> float:
    return 0.5 * (c - 1) * math.log(m)


def _evidence(likelihood: float, m: int, numbers: int) -> float:
    return m * likelihood - 0.5 * numbers * math.log(m)


def _fit_noise(odds: Tensor, y: Tensor, observed: Tensor, noisy: bool) -> tuple[float, float, Tensor]:
    """Mean log-likelihood, share of wrong labels and priors `[c]`, for scaled log-odds `[c, m]`."""
    c = len(odds)
    priors, noise = observed, 0.1 if noisy else LEAST_NOISE
    for _ in range(ROUNDS):
        share = _softmax(odds + priors.log()[:, None]).gather(0, y[None]).squeeze(0)  # [m]
        slope = (1 - share) / (c - 1) - share  # of a label's probability, share + noise * slope, by the noise
        for _ in range(STEPS if noisy else 0):
            steepness = slope / (share + noise * slope)
            step = float(steepness.mean() / steepness.square().mean().clamp_min(1e-12))
            before, noise = noise, min(max(noise + step, LEAST_NOISE), 0.95 * (c - 1) / c)
            if abs(noise - before) < 1e-4:
                break
        # The share of a class among labels is that of its own which are right, and of all others which are wrong.
        wrong = noise / (c - 1)
        priors = ((observed - wrong) / (1 - noise - wrong)).clamp_min(LEAST_PRIOR)
        priors = priors / priors.sum()
    return float((share + noise * slope).log().mean()), noise, priors


def discriminant(scores: Tensor, y: Tensor, matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Slopes `[c, c]` and offsets `[c]` of Fisher's log-odds, priors left out, and the noise matrix found with them.

    Expectation maximisation, from rows that are of their label's class, and from a noise matrix.
    """
    c = scores.shape[1]
    centre = scores[:, :-1].mean(dim=0)  # scores sum to one: the last says nothing new
    x = (scores[:, :-1] - centre).T.contiguous()  # [c - 1, m]
    square, belongs, before = x.double() @ x.T.double(), F.one_hot(y, c).T.to(x.dtype), -math.inf
    for _ in range(max(3, min(MOST_ROUNDS, int(MOST_PRODUCTS / (len(y) * c * c))))):
        sizes = belongs.sum(dim=1).double() + 1e-3  # [c]
        means = (x @ belongs.T).double() / sizes  # [c - 1, c]
        covariance = (square - (means * sizes) @ means.T) / len(y)
        covariance.diagonal().add_(1e-4 * covariance.diagonal().mean().clamp_min(1e-12))
        slopes = torch.cholesky_solve(means, torch.linalg.cholesky(covariance))  # [c - 1, c]
        offsets = -0.5 * (means * slopes).sum(dim=0)
        log_priors = (sizes / sizes.sum()).log()
        shares = _softmax((slopes.T.to(x.dtype) @ x).add_((offsets + log_priors).to(x.dtype)[:, None]))
        belongs, counts, likelihood = _expect(shares, matrix, y)
        matrix = _matrix(counts)
        if likelihood - before < SETTLED:
            break
        before = likelihood
    slopes, offsets = slopes.to(scores.dtype), offsets.to(scores.dtype)
    return F.pad(slopes, (0, 0, 0, 1)), offsets - centre @ slopes, matrix


def _expect(shares: Tensor, matrix: Tensor, y: Tensor) -> tuple[Tensor, Tensor, float]:
    """What each row belongs to `[c, m]`, how many rows are of class i and labelled j, and the mean log-likelihood."""
    belongs = shares.mul_(matrix.index_select(1, y))
    likely = belongs.sum(dim=0).clamp_min(1e-30)
    belongs.div_(likely)
    counts = torch.zeros_like(matrix).index_add_(0, y, belongs.T)  # [labelled j, of class i]
    return belongs, counts.T, float(likely.log().mean())


def _matrix(counts: Tensor, free: Tensor | None = None) -> Tensor:
    """The noise matrix that counts `[c, c]` make likely; of its rows `[c]` those that are not free share one number."""
    kept = torch.zeros_like(counts[:, 0], dtype=torch.bool) if free is None else ~free
    among = counts if free is None or bool(free.all()) else counts[kept]
    noise = 1 - float(counts.diagonal()[kept].sum() / among.sum()) if bool(kept.any()) else _off(counts)
    same = alike(min(max(noise, LEAST_NOISE), 0.99), len(counts), counts)
    matrix = counts + PSEUDO_ROWS * alike(_off(counts), len(counts), counts)
    return torch.where(kept[:, None], same, matrix / matrix.sum(dim=1, keepdim=True))


def _off(counts: Tensor) -> float:
    return max(LEAST_NOISE, 1 - float(counts.diagonal().sum() / counts.sum()))


def fit_free(scores: Tensor, y: Tensor, matrix: Tensor) -> LabelNoise:
    """The likeliest scale, priors and noise matrix, scores `[m, c]` being log-odds; starts from a matrix.

    Rows of the matrix are free where that makes labels likelier by more than it costs.
    """
    m, c = scores.shape
    odds, scale = scores.T.contiguous(), 1.0
    priors = torch.bincount(y, minlength=c).to(scores.dtype) / m

    def settle(scale: float, matrix: Tensor, priors: Tensor, free: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        before = -math.inf
        for _ in range(MOST_ROUNDS):
            belongs, counts, likelihood = _expect(_shares(odds, scale, priors), matrix, y)
            matrix, priors = _matrix(counts, free), belongs.mean(dim=1).clamp_min(LEAST_PRIOR)
            priors = priors / priors.sum()
            if likelihood - before < SETTLED:
                break
            before = likelihood
        return matrix, priors, counts

    def likelihood_at(scale: float) -> float:
        return float(given(_shares(odds, scale, priors), matrix, y).log().mean())

    free = None
    for _ in range(2):
        for _ in range(RESCALED):
            matrix, priors, counts = settle(scale, matrix, priors, free)
            scales = [scale * 2 ** (step / 4) for step in range(-8, 9)]
            best = scales[climb(lambda step: likelihood_at(scales[step]), 0, 16, 8)]  # noqa: B023 - called at once
            if best == scale:
                break
            scale = best
        if free is not None:
            break
        gain = (counts * (matrix.clamp_min(1e-12) / alike(_off(counts), c, counts)).log()).sum(dim=1)
        free = gain > _cost_of_a_row(c, m)
        if bool(free.all()):
            break
        matrix = _matrix(counts, free)
    assert free is not None
    likelihood = likelihood_at(scale)
    eye = torch.eye(c, dtype=odds.dtype, device=odds.device)
    numbers = int(free.sum()) * (c - 1) + 1
    return LabelNoise(scale * eye, priors.log(), priors, matrix, likelihood, _evidence(likelihood, m, numbers))


def _shares(odds: Tensor, scale: float, priors: Tensor) -> Tensor:
    return _softmax((scale * odds).add_(priors.log()[:, None]))
