"""How likely each number that a regression is to tell is right."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from saln.inspection.label_noise import LEAST_NOISE
from saln.inspection.out_of_fold import out_of_fold_scores
from saln.inspection.rows import check_features, finite_rows

FREEDOM = 4.0
"""Degrees of freedom of residuals where targets are right: tails are heavier than a normal distribution's."""
FARTHEST = 5.0
"""Half interquartile ranges from the median, to which targets are clipped for the fit."""
FEWEST = 20
ROUNDS, REFITS = 50, 3


@dataclass(frozen=True)
class TargetJudgement:
    """What one look at a dataset says of its targets.

    Attributes
    ----------
    quality : Tensor
        `[N]` float32, the probability that the given target is right; NaN where a row is not judged: where it or its
        target is not finite, and everywhere with fewer than `FEWEST` rows.
    suggested : Tensor
        `[N]` float32, the target that a model of other rows expects; NaN where a row is not judged.
    residuals : Tensor
        `[N]` float32, given less suggested, over the scale of residuals where targets are right.
    noise : float
        The estimated share of wrong targets.
    scale : float
        That of residuals where targets are right, in the units of targets.
    skill : float
        The share of the targets' squared scale that the model explains, 0 to 1.
    """

    quality: Tensor
    suggested: Tensor
    residuals: Tensor
    noise: float
    scale: float
    skill: float


def judge_targets(features: Tensor, targets: Tensor, *, seed: int = 0) -> TargetJudgement:
    """The probability that each target is right, and the target that fits best.

    Ridge regression tells every target out of fold. Residuals of right targets are taken for Student's t with four
    degrees of freedom, wrong targets for anything (Cauchy's distribution around the median, as wide as targets are).
    The scale and the share of wrong ones are found by expectation maximisation; wrong ones are believed in only where
    that makes targets likelier by more than it costs, and the ridge is then fitted again without them.

    Parameters
    ----------
    features : Tensor [N, d]
        Of any floating dtype.
    targets : Tensor [N]
        Of any dtype.
    seed : int
        Of the folds and the rows fitted on.

    Raises
    ------
    ValueError
        If shapes do not fit.

    Examples
    --------
    >>> import torch
    >>> from saln.inspection.targets import judge_targets
    >>> source = torch.Generator().manual_seed(0)
    >>> features = torch.randn(1000, 3, generator=source)
    >>> truth = features @ torch.tensor([3.0, -2.0, 1.0])
    >>> targets = truth + 0.1 * torch.randn(1000, generator=source)
    >>> targets[:50] += 5
    >>> found = judge_targets(features, targets)
    >>> round(found.noise, 2), bool((found.quality[:50] < 0.1).all()), bool((found.suggested - truth).abs().max() < 0.5)
    (0.05, True, True)
    """
    check_features(features)
    if targets.shape != features.shape[:1]:
        raise ValueError(f"targets is {list(targets.shape)}, want [{len(features)}], one for each row of features")
    values = targets.double()
    rows = (finite_rows(features) & values.isfinite()).nonzero().squeeze(1)
    quality = torch.full((len(values),), torch.nan, device=values.device)
    suggested, residuals = quality.clone(), quality.clone()
    if len(rows) < FEWEST:
        return TargetJudgement(quality, suggested, residuals, 0.0, 0.0, 0.0)
    ascending = values[rows].sort().values
    low, centre, high = (ascending[int(share * (len(rows) - 1))] for share in (0.25, 0.5, 0.75))
    width = float((high - low) / 2) or float(values[rows].std())
    if width == 0:
        quality[rows], suggested[rows], residuals[rows] = 1.0, values[rows].float(), 0.0
        return TargetJudgement(quality, suggested, residuals, 0.0, 0.0, 0.0)
    standard = (values - centre) / width  # [N]
    clipped = standard.clamp(-FARTHEST, FARTHEST).float()[:, None]

    def closeness(some: Tensor, scores: Tensor) -> float:
        return -float((scores - clipped[some]).square().mean())

    found = out_of_fold_scores(features, lambda some: clipped[some], rows, closeness, seed=seed)
    drawn, told = found.rows, standard[found.rows]
    noise, scale = _believed(told - found.scores.squeeze(1), told)
    for _ in range(REFITS if noise > LEAST_NOISE else 0):
        # Wrong targets draw the model towards them: it learns what it expects in their place.
        expected = found.scores.squeeze(1).double()
        right, _ = _right(told - expected, told, noise, scale)
        found = found.refitted((right * told + (1 - right) * expected).clamp(-FARTHEST, FARTHEST).float()[:, None])
        noise, scale = _believed(told - found.scores.squeeze(1), told)
    left = rows[torch.ones_like(quality, dtype=torch.bool).index_fill_(0, drawn, False)[rows]]
    order = torch.cat([drawn, left])
    expected = torch.cat([found.scores, found.others(left)]).squeeze(1).double()
    away = standard[order] - expected
    quality[order] = _right(away, standard[order], noise, scale)[0].float()
    suggested[order] = (expected * width + centre).float()
    residuals[order] = (away / scale).float()
    _, without, _ = _fit(told, told, noisy=False)
    return TargetJudgement(quality, suggested, residuals, noise, scale * width, max(0.0, 1 - (scale / without) ** 2))


def _believed(away: Tensor, standard: Tensor) -> tuple[float, float]:
    """The share of wrong targets and the scale of right ones' residuals, given residuals and targets, `[m]` each."""
    plain, noisy = (_fit(away, standard, noisy=noisy) for noisy in (False, True))
    noise, scale, _ = noisy if noisy[2] - plain[2] > 0.5 * math.log(len(away)) else plain
    return noise, scale


def _right(away: Tensor, standard: Tensor, noise: float, scale: float) -> tuple[Tensor, Tensor]:
    """The probability `[m]` that targets are right, and the logarithm of their density, given residuals `[m]`."""
    half = (FREEDOM + 1) / 2
    usual = math.lgamma(half) - math.lgamma(FREEDOM / 2) - 0.5 * math.log(FREEDOM * math.pi) - math.log(scale)
    good = usual - half * (1 + (away / scale).square() / FREEDOM).log() + math.log(1 - noise)
    bad = math.log(noise / math.pi) - (1 + standard.square()).log()
    both = torch.logaddexp(good, bad)
    return (good - both).exp(), both


def _fit(away: Tensor, standard: Tensor, *, noisy: bool) -> tuple[float, float, float]:
    """The likeliest share of wrong targets, scale of right ones' residuals, and their log-likelihood."""
    noise, scale = (0.1 if noisy else LEAST_NOISE), float(away.abs().median()) + 1e-9
    for _ in range(ROUNDS):
        right, _ = _right(away, standard, noise, scale)
        weights = right * (FREEDOM + 1) / (FREEDOM + (away / scale).square())
        scale = float(((weights * away.square()).sum() / right.sum().clamp_min(1e-12)).sqrt()) + 1e-9
        if noisy:
            noise = min(max(1 - float(right.mean()), LEAST_NOISE), 0.9)
    return noise, scale, float(_right(away, standard, noise, scale)[1].sum())
