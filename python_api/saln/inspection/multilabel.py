"""How likely each of a row's labels is right, where a row has any number of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from saln.inspection.label_noise import fit_label_noise, given, right
from saln.inspection.labels import LEAST_PROBABILITY, PER_CLASS
from saln.inspection.out_of_fold import out_of_fold_scores
from saln.inspection.rows import check_features, check_probabilities, finite_rows

CALIBRATED = 100_000
"""Rows that a label's noise is estimated on at most."""


@dataclass(frozen=True)
class MultilabelJudgement:
    """What one look at a dataset says of its labels.

    Attributes
    ----------
    quality : Tensor
        `[N, L]` float32, the probability that what is given for a label, there or not, is right; NaN where it is not
        judged: rows that are not finite, and labels that fewer than `PER_CLASS` rows have, or lack.
    row_quality : Tensor
        `[N]` float32, the least in a row; NaN where nothing in it is judged.
    suggested : Tensor
        `[N, L]` int64, 0 or 1, what fits best; what is given where it is not judged.
    losses : Tensor
        `[N]` float32, minus the logarithm of the out-of-fold probability of what is given, the mean of the row's judged
        labels; NaN of rows that are not finite.
    noise : Tensor
        `[L]` float64, the estimated share of rows in which a label is wrong.
    """

    quality: Tensor
    row_quality: Tensor
    suggested: Tensor
    losses: Tensor
    noise: Tensor


def judge_multilabel(
    features: Tensor, labels: Tensor, *, probabilities: Tensor | None = None, seed: int = 0
) -> MultilabelJudgement:
    """The probability that each label of each row is right: every label for itself, as in `judge_labels`.

    One ridge regression tells all labels; each has its own noise. Costs are those of `judge_labels`, and O(N L).

    Parameters
    ----------
    features : Tensor [N, d]
        Of any floating dtype; rows that are not finite are not judged.
    labels : Tensor [N, L]
        0 or 1, of any dtype.
    probabilities : Tensor [N, L], optional
        Your own out-of-sample probabilities that labels are there; features are not read then.
    seed : int
        Of the folds and the rows fitted on.

    Raises
    ------
    ValueError
        If shapes do not fit, or labels are other than 0 and 1.

    Examples
    --------
    >>> import torch
    >>> from saln.inspection.multilabel import judge_multilabel
    >>> source = torch.Generator().manual_seed(0)
    >>> truth = torch.randint(2, (1000, 3), generator=source)
    >>> features = torch.randn(1000, 6, generator=source) + 6.0 * torch.cat([truth, 1 - truth], dim=1)
    >>> labels = truth.clone()
    >>> labels[:100, 1] = 1 - labels[:100, 1]
    >>> found = judge_multilabel(features, labels)
    >>> torch.equal(found.suggested, truth), bool((found.row_quality[:100] < 0.5).all())
    (True, True)
    """
    check_features(features)
    if labels.ndim != 2 or len(labels) != len(features):
        raise ValueError(f"labels is {list(labels.shape)}, want [{len(features)}, L], a row for each row of features")
    if not bool(((labels == 0) | (labels == 1)).all()):
        raise ValueError("labels has values other than 0 and 1")
    if probabilities is not None:
        check_probabilities(probabilities, len(labels), labels.shape[1], f"labels has {labels.shape[1]}")
    finite = finite_rows(features if probabilities is None else probabilities)
    rows = finite.nonzero().squeeze(1)
    suggested = labels.long().clone()
    quality = torch.full(labels.shape, torch.nan, device=labels.device)
    losses, noise = quality.clone(), torch.zeros(labels.shape[1], dtype=torch.float64, device=labels.device)
    times = suggested[rows].sum(dim=0)
    judged = ((times >= PER_CLASS) & (len(rows) - times >= PER_CLASS)).nonzero().squeeze(1).tolist()
    if judged:
        scores, drawn = _scores(features, suggested, probabilities, rows, seed)
    for which in judged:
        y = suggested[:, which].clone()
        odds = torch.stack([-scores[:, which], scores[:, which]], dim=1)  # [n, 2] in the order of `drawn`
        found = fit_label_noise(odds[:CALIBRATED], y[drawn[:CALIBRATED]])
        shares = found.shares(odds)
        quality[drawn, which] = right(shares, found.matrix, y[drawn])
        losses[drawn, which] = -given(shares, found.matrix, y[drawn]).log()
        suggested[drawn, which] = shares.argmax(dim=0)
        noise[which] = found.noise
    least = quality.nan_to_num(torch.inf).amin(dim=1) if labels.shape[1] else torch.full_like(finite, torch.nan)
    row_quality = torch.where(least.isfinite(), least, torch.nan)
    row_losses = losses.nanmean(dim=1).nan_to_num(0.0).masked_fill(~finite, torch.nan)
    return MultilabelJudgement(quality, row_quality, suggested, row_losses, noise)


def _scores(
    features: Tensor, labels: Tensor, probabilities: Tensor | None, rows: Tensor, seed: int
) -> tuple[Tensor, Tensor]:
    """Scores `[n, L]` of the rows in some order, and the order `[n]`: those that a model was fitted on come first."""
    if probabilities is not None:
        drawn = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed)).to(rows.device)]
        return probabilities[drawn].float().clamp(LEAST_PROBABILITY, 1 - LEAST_PROBABILITY).logit() / 2, drawn

    def closeness(some: Tensor, scores: Tensor) -> float:
        return -float((scores - labels[some]).square().mean())

    found = out_of_fold_scores(features, lambda some: labels[some].float(), rows, closeness, seed=seed)
    rest = torch.ones_like(labels[:, 0], dtype=torch.bool).index_fill_(0, found.rows, False)
    left = rows[rest[rows]]
    return torch.cat([found.scores, found.others(left)]) - 0.5, torch.cat([found.rows, left])
