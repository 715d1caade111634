"""How far from all others each row of a dataset is."""

from __future__ import annotations

import torch
from torch import Tensor

from saln.inspection.background import background_distances
from saln.inspection.neighbours import Neighbours, check_features, nearest_neighbours
from saln.inspection.standard_rows import StandardRows

__all__ = ["outlier_scores"]

USUAL = (0.5, 0.95)
"""Shares of rows whose distances say what is usual."""
HALF = 4.0
"""Score 1/2 is at the median and so many times what lies between the two."""
BACKGROUND = 8
"""Which of the sample's nearest rows is the background."""
DISCOUNT = 0.8
"""What distances to the background count, relative to distances to the nearest."""


@torch.no_grad()
def outlier_scores(features: Tensor, *, neighbours: Neighbours | None = None, seed: int = 0) -> Tensor:
    """How far each row is from the others, relative to what is usual in the dataset.

    Two distances count, each the root of 1 - similarity of rows that are not centred: the mean one to the nearest
    different rows, and the one to the eighth nearest of a sample, which outliers that are many and alike do not hide
    from. Each is taken from its median on, in units of what lies between that and the 95th percentile; the second is
    discounted by 0.8. With δ the larger, the score is 1 - 2^(-(δ/4)²). What is unlike the rest in all its features
    shows in rows that are not centred; their nearest are sought among centred ones.

    Parameters
    ----------
    features : Tensor [N, d]
        float16, bfloat16, float32 or float64; of a mapped file, too.
    neighbours : Neighbours, optional
        Of these features, where they are known.
    seed : int
        As of `nearest_neighbours`.

    Returns
    -------
    Tensor [N]
        float32, 0 (ordinary) to 1 (far from everything); NaN of rows that are not finite, 0 where there is no other.

    Raises
    ------
    TypeError, ValueError
        Features that are not floating or not a matrix, neighbours of another number of rows.

    Examples
    --------
    >>> import torch
    >>> from saln.inspection.outliers import outlier_scores
    >>> features = torch.cat([torch.linspace(0, 1, 99), torch.tensor([5.0])])[:, None]
    >>> outlier_scores(features).argmax()
    tensor(99)
    """
    check_features(features)
    if neighbours is None:
        neighbours = nearest_neighbours(features, seed=seed)
    elif len(neighbours.rows) != len(features):
        raise ValueError(f"neighbours are of {len(neighbours.rows)} rows, features of {len(features)}")
    heap = neighbours.equal.heap
    rows = StandardRows.of(features, neighbours.equal.first)
    scores = torch.full((len(features),), torch.nan, device=features.device)
    if len(rows):
        unusual = _unusual(_neighbour_distances(rows, neighbours.different[0]))
        background = _unusual(background_distances(rows, BACKGROUND, centred=False))
        most = torch.maximum(unusual, DISCOUNT * background)
        scores[heap >= 0] = (1 - torch.exp2(-((most / HALF) ** 2)))[heap[heap >= 0]]
    return scores


def _neighbour_distances(rows: StandardRows, near: Tensor) -> Tensor:
    """Mean distance to the nearest rows `[H, k]`, `[H]`; 0 of a row without any."""
    k = near.shape[1]
    parts = []
    size = max(1, rows.chunk // k)
    for some, own in zip(
        torch.split(near, size), torch.split(torch.arange(len(near), device=near.device), size), strict=True
    ):
        x = rows.take(own, centred=False)
        y = rows.take(some.clamp_min(0).flatten(), centred=False).view(*some.shape, -1)
        products = (y @ x[:, :, None]).squeeze(2)
        squares = x.square().sum(dim=1)[:, None] + y.square().sum(dim=2)
        distances = (1 - (products + 1) / (squares / 2 + 1)).masked_fill(some < 0, 0)
        parts.append(distances.sum(dim=1) / (some >= 0).sum(dim=1).clamp_min(1))
    return torch.cat(parts)


def _unusual(distances: Tensor) -> Tensor:
    distances = distances.clamp_min(0).sqrt()
    ordered = distances.sort().values
    middle, high = (ordered[round(share * (len(ordered) - 1))] for share in USUAL)
    return ((distances - middle) / (high - middle).clamp_min(1e-6)).clamp_min(0)
