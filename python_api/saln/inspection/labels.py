"""How likely the label of each row is right, from one look at the features: no model is trained."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from saln.inspection.label_noise import LabelNoise, fit_alike, fit_label_noise, given, right
from saln.inspection.out_of_fold import OutOfFold, out_of_fold_scores
from saln.inspection.rows import check_features, check_probabilities, finite_rows

__all__ = ["LabelJudgement", "judge_labels"]

PER_CLASS = 8
"""Rows that a class must have to be judged."""
CALIBRATED = 5_000_000
"""Numbers, rows times classes, that the noise is estimated on; but at least so many rows of a class on average:"""
ROWS_PER_CLASS = 20
LEAST_SKILL = 0.3
"""Skill below which features say next to nothing of labels."""
LITTLE_SKILL, SKILLED = 0.55, 0.7
"""Skill up to which doubts count for little, and from which they count in full."""
LITTLE_TRUST = 0.1
"""What doubts then count for: enough to keep rows in order.

A judge who seldom names the true class cannot tell its own errors from those of labels: on pixels of steel and of
photographs, where its skill is 0.36 to 0.56, it took an eighth of the right labels for wrong. These three are set on
those sets, and on embeddings of IMDb, whose skill is 0.56: they are no more than that.
"""
CHUNK = 1 << 16
LEAST_PROBABILITY = 1e-6
"""What smaller ones are taken for: models often claim more than they know."""


@dataclass(frozen=True)
class LabelJudgement:
    """What one look at a dataset says of its labels.

    Attributes
    ----------
    classes : Tensor
        `[C]` int64, the distinct labels, ascending.
    quality : Tensor
        `[N]` float32, the probability that the given label is right, given row, label and noise; NaN where a row is not
        judged: rows that are not finite, and classes of fewer than `PER_CLASS` rows.
    suggested : Tensor
        `[N]` int64, the label that fits best; the given one where a row is not judged.
    losses : Tensor
        `[N]` float32, minus the logarithm of the out-of-fold probability of the given label; NaN of rows that are not
        finite. That of a class with too few rows is its frequency.
    noise : float
        The estimated share of wrong labels.
    noise_matrix : Tensor
        `[C, C]` float64, estimated P(given j | true i).
    skill : float
        How much more often than who always names the largest class the out-of-fold judge expects to name the true one,
        as a share of what is possible. 0: the features say nothing.
    """

    classes: Tensor
    quality: Tensor
    suggested: Tensor
    losses: Tensor
    noise: float
    noise_matrix: Tensor
    skill: float


def judge_labels(
    features: Tensor,
    labels: Tensor,
    *,
    probabilities: Tensor | None = None,
    among: Tensor | None = None,
    seed: int = 0,
) -> LabelJudgement:
    """The probability that each label is right, and the label that fits best.

    Ridge regression on one-hot labels judges every row out of fold (`saln.inspection.out_of_fold`); a mixture that
    knows that labels may be wrong, and which for which, reads its scores (`saln.inspection.label_noise`). Where
    features say little, doubts count for less: `SKILLED`.

    O(N d (d + C)) time, with at most 64 million numbers fitted on, and O(d³) for each fold and ridge; features are read
    in parts, and at most those 64 million numbers are held.

    Parameters
    ----------
    features : Tensor [N, d]
        Of any floating dtype; rows that are not finite are not judged.
    labels : Tensor [N]
        Integers, C different ones.
    probabilities : Tensor [N, C], optional
        Your own out-of-sample probabilities, columns in ascending order of the labels that occur; features are not read
        then. Rows that are not finite are not judged.
    among : Tensor, optional
        `[n]` int64, rows to fit on: those without their copies, which would be judged by themselves.
    seed : int
        Of the folds and the rows fitted on.

    Raises
    ------
    ValueError
        If shapes do not fit, or labels are no integers.

    Examples
    --------
    >>> import torch
    >>> from saln.inspection.labels import judge_labels
    >>> source = torch.Generator().manual_seed(0)
    >>> truth = torch.arange(1000) % 2
    >>> features = torch.randn(1000, 4, generator=source) + 4.0 * truth[:, None]
    >>> labels = torch.where(torch.arange(1000) % 5 == 0, 1 - truth, truth)  # a fifth is wrong
    >>> found = judge_labels(features, labels)
    >>> round(found.noise, 1), bool((found.quality[::5] < 0.1).all()), bool(found.quality[1::5].mean() > 0.9)
    (0.2, True, True)
    >>> torch.equal(found.suggested, truth)
    True
    """
    check_features(features)
    if labels.shape != features.shape[:1]:
        raise ValueError(f"labels is {list(labels.shape)}, want [{len(features)}], one for each row of features")
    if labels.is_floating_point() or labels.is_complex():
        raise ValueError(f"labels is {labels.dtype}, want integers; judge_targets takes numbers")
    classes, y, counts = torch.unique(labels.long(), return_inverse=True, return_counts=True)
    if probabilities is not None:
        check_probabilities(probabilities, len(y), len(classes), f"labels has {len(classes)} distinct values")
    finite = finite_rows(features if probabilities is None else probabilities)
    counted = y[finite] if among is None else y[among[finite[among]]]
    kept = (torch.bincount(counted, minlength=len(classes)) >= PER_CLASS).nonzero().squeeze(1)  # [c] judged classes
    place = torch.full_like(counts, -1).index_put_((kept,), torch.arange(len(kept), device=kept.device))[y]  # [N]
    judged = finite & (place >= 0)
    rows = judged.nonzero().squeeze(1)
    told = _Told.nothing(classes, y, counts, finite)
    if len(kept) < 2:
        told.quality[rows] = 1.0
        told.losses[rows] = 0.0
        return told.judgement(0.0, torch.eye(len(classes), dtype=torch.float64, device=y.device), 0.0)
    calibrated = max(CALIBRATED // len(kept), ROWS_PER_CLASS * len(kept))

    def likelihood(some: Tensor, scores: Tensor) -> float:
        return fit_alike(scores[:calibrated], place[some[:calibrated]]).likelihood

    if among is not None:
        rows = among[judged[among]]
    source: OutOfFold | _Probabilities
    if probabilities is None:
        source = out_of_fold_scores(
            features, lambda some: F.one_hot(place[some], len(kept)).float(), rows, likelihood, seed=seed
        )
    else:
        source = _Probabilities.of(probabilities, rows, kept, seed)
    fitted = source.rows[:calibrated]
    noise = fit_label_noise(source.scores[:calibrated], place[fitted])
    certainty = told.judge(source.rows, source.scores, place, kept, noise)
    for some in torch.split(judged.index_fill(0, source.rows, False).nonzero().squeeze(1), CHUNK):
        told.judge(some, source.others(some), place, kept, noise)
    largest = float(noise.priors.amax())
    skill = max(0.0, (certainty - largest) / (1 - largest))
    trust = min(1.0, max(LITTLE_TRUST, (skill - LITTLE_SKILL) / (SKILLED - LITTLE_SKILL)))
    told.quality.sub_(1).mul_(trust).add_(1)
    matrix = torch.eye(len(classes), dtype=torch.float64, device=y.device)
    matrix[kept[:, None], kept] += trust * (noise.matrix.double() - matrix[kept[:, None], kept])
    return told.judgement(trust * noise.noise, matrix, skill)


@dataclass(frozen=True)
class _Told:
    """What is known of rows so far."""

    classes: Tensor
    quality: Tensor
    suggested: Tensor
    losses: Tensor

    @classmethod
    def nothing(cls, classes: Tensor, y: Tensor, counts: Tensor, finite: Tensor) -> _Told:
        """Before any row is judged: of classes `[C]`, rows' places in them `[N]`, and how frequent they are."""
        frequency = counts[y] / max(1, len(y))
        losses = torch.where(finite, -frequency.log(), torch.nan).float()
        return cls(classes, torch.full_like(losses, torch.nan), classes[y], losses)

    def judge(self, rows: Tensor, scores: Tensor, place: Tensor, kept: Tensor, noise: LabelNoise) -> float:
        """Judge rows `[m]` by scores `[m, c]` of the kept classes `[c]`; how certain the scores are, on average."""
        certainty = 0.0
        for some, part in zip(torch.split(rows, CHUNK), torch.split(scores, CHUNK), strict=True):
            shares, y = noise.shares(part), place[some]
            self.quality[some] = right(shares, noise.matrix, y)
            self.losses[some] = -given(shares, noise.matrix, y).log()
            self.suggested[some] = self.classes[kept[shares.argmax(dim=0)]]
            certainty += float(shares.amax(dim=0).sum())
        return certainty / max(1, len(rows))

    def judgement(self, noise: float, matrix: Tensor, skill: float) -> LabelJudgement:
        return LabelJudgement(self.classes, self.quality, self.suggested, self.losses, noise, matrix, skill)


@dataclass(frozen=True)
class _Probabilities:
    """What a user's probabilities `[N, C]` say, as `OutOfFold` says it: rows `[m]` and their log-odds `[m, c]`."""

    rows: Tensor
    scores: Tensor
    probabilities: Tensor
    kept: Tensor
    usual: Tensor  # [c]

    @classmethod
    def of(cls, probabilities: Tensor, rows: Tensor, kept: Tensor, seed: int) -> _Probabilities:
        order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed)).to(rows.device)
        plain = _log_odds(probabilities, rows[order], kept)
        usual = plain.mean(dim=0)  # what is common to all rows says how frequent classes are
        return cls(rows[order], plain - usual, probabilities, kept, usual)

    def others(self, rows: Tensor) -> Tensor:
        return _log_odds(self.probabilities, rows, self.kept) - self.usual


def _log_odds(probabilities: Tensor, rows: Tensor, kept: Tensor) -> Tensor:
    """Log-odds `[m, c]` of the kept classes `[c]`, of mean zero in every row."""
    odds = probabilities.index_select(0, rows).index_select(1, kept).float().clamp_min(LEAST_PROBABILITY).log()
    return odds - odds.mean(dim=1, keepdim=True)
