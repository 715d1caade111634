"""Features cut down to the directions in which they vary most, so that comparing them costs little."""

from __future__ import annotations

import torch
from torch import Tensor

from saln.mapping import check, take

MOST = 64
"""Directions kept: a guess."""
LOOKED_AT = 4096
"""Rows from which the directions are found."""
CHUNK = 1 << 16


def leading_directions(features: Tensor, *, seed: int = 0) -> Tensor:
    """Standardised columns, turned to their leading principal directions, `[N, w]` float32, w at most `MOST`.

    Columns that do not vary count for nothing; rows that are not finite are zero. Directions are those of randomised
    subspace iteration (Halko, Martinsson & Tropp 2011, arXiv 0909.4061) on `LOOKED_AT` rows, for at most `MOST` columns
    the columns themselves. Inner products are per column: divided by d.

    O(N d w) time, O(N w) memory.

    >>> import torch
    >>> from saln.selectors.support.directions import leading_directions
    >>> leading_directions(torch.tensor([[1.0, 5.0], [3.0, 5.0]]))
    tensor([[-0.7071,  0.0000],
            [ 0.7071,  0.0000]])
    """
    n, d = features.shape
    if not n or not d:
        return features.new_zeros(n, 1, dtype=torch.float32)
    source = torch.Generator().manual_seed(seed)
    some = torch.randperm(n, generator=source)[:LOOKED_AT].to(features.device)
    x = take(features, some).float()
    x = x[x.sum(dim=1).isfinite()]
    if not len(x):
        return features.new_zeros(n, 1, dtype=torch.float32)
    spread, centre = torch.std_mean(x, dim=0, correction=0)
    per_spread = torch.where(spread > 1e-4 * centre.abs(), 1 / (spread * d**0.5), 0.0)  # less is rounding
    turn = None if d <= MOST else _subspace((x - centre) * per_spread, source)
    parts = []
    for part in torch.split(features, CHUNK):
        check(part)
        x = ((part.float() - centre) * per_spread).nan_to_num_(0.0, 0.0, 0.0)
        parts.append(x if turn is None else x @ turn)
    return torch.cat(parts)


def _subspace(x: Tensor, source: torch.Generator) -> Tensor:
    """Orthonormal columns `[d, w]` that span about the leading right singular vectors of x `[m, d]`."""
    found = torch.randn(x.shape[1], MOST + 8, generator=source).to(x.device)
    for _ in range(3):
        found = torch.linalg.qr(x.T @ (x @ found)).Q
    _, _, rotation = torch.linalg.svd(x @ found, full_matrices=False)
    turned: Tensor = found @ rotation[:MOST].T
    return turned
