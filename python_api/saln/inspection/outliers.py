"""How far from all others each row of a dataset is."""

from __future__ import annotations

import torch
from torch import Tensor

from saln.inspection.neighbours import Neighbours, check_features, nearest_neighbours

USUAL = (0.5, 0.95)
"""Shares of rows whose distances say what is usual."""
HALF = 3.0
"""Score 1/2 is at the median and so many times what lies between the two."""


@torch.no_grad()
def outlier_scores(features: Tensor, *, neighbours: Neighbours | None = None, seed: int = 0) -> Tensor:
    """How far each row is from its nearest, relative to what is usual in the dataset.

    With δ the mean distance (1 - similarity) to the k nearest different rows, in units of what lies between the median
    and the 95th percentile, and from the median on: 1 - 2^(-(δ/3)²).

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
    _, similarities = neighbours.different
    distances = (1 - similarities).nanmean(dim=1).nan_to_num(0.0)
    heap = neighbours.equal.heap
    scores = distances.new_full((len(features),), torch.nan)
    if len(distances):
        scores[heap >= 0] = _scores(distances)[heap[heap >= 0]]
    return scores


def _scores(distances: Tensor) -> Tensor:
    ordered = distances.sort().values
    middle, high = (ordered[round(share * (len(ordered) - 1))] for share in USUAL)
    unusual = ((distances - middle) / (high - middle).clamp_min(1e-6)).clamp_min(0)
    return 1 - torch.exp2(-((unusual / HALF) ** 2))
