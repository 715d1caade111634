"""How often each row of a dataset occurs in it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

LOOKED_AT = 2000
"""Rows among which copies are looked for first; where there are none, all rows are taken for different."""
LEAST_SURPLUS = 0.05
"""Share of rows that must be copies of others for any to count."""
COMPARED = 32
"""Columns in which two rows with the same projection must be equal to count as copies."""
SAME_PROJECTION = 1e-5
"""Standard deviations that projections of copies differ by at most, beside rounding of the largest."""


@dataclass(frozen=True)
class Copies:
    """Which rows are the same.

    Attributes
    ----------
    counts : Tensor
        `[N]` float64, how many rows are the same as each, itself included.
    different : Tensor or None
        `[n]` one row of every heap of copies; None where all rows are different.
    """

    counts: Tensor
    different: Tensor | None


def find_copies(features: Tensor, *, seed: int = 0) -> Copies:
    """How many rows are the same as each.

    Rows are the same if a random projection of them is, and a few columns. Some rows are looked at first, and all only
    if copies are among these. Copies that make up less than `LEAST_SURPLUS` of all rows are taken for different: there
    is little to gain. Nearly equal rows are different, too, and so are rows that are not finite.

    O(N d + N log N) time, without copies O(d); O(N) memory.

    Parameters
    ----------
    features : Tensor [N, d]
    seed : int
        Of the projection.

    Examples
    --------
    >>> import torch
    >>> from saln.selectors.support.copies import find_copies
    >>> find_copies(torch.tensor([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]]))
    Copies(counts=tensor([2., 1., 2.], dtype=torch.float64), different=tensor([0, 1]))
    """
    n = len(features)
    source = torch.Generator().manual_seed(seed)
    if n > LOOKED_AT:
        some = torch.randperm(n, generator=source)[:LOOKED_AT].to(features.device)
        if _heaps(features.index_select(0, some), source) is None:
            return Copies(torch.ones(n, dtype=torch.float64, device=features.device), None)
    heaps = _heaps(features, source)
    sizes = None if heaps is None else torch.bincount(heaps)
    if heaps is None or sizes is None or 1 - len(sizes) / n < LEAST_SURPLUS:
        return Copies(torch.ones(n, dtype=torch.float64, device=features.device), None)
    rows = torch.arange(n, device=features.device)
    first = torch.full_like(sizes, n).scatter_reduce_(0, heaps, rows, "amin")
    return Copies(sizes.double()[heaps], first.sort().values)


def _heaps(features: Tensor, source: torch.Generator) -> Tensor | None:
    """The number of the heap of copies that each row lies in, `[N]`; None where each is alone."""
    n, width = features.shape
    if n < 2 or width == 0:
        return None
    direction = torch.randn(width, generator=source).to(features.device)
    projected = torch.cat([part.float() @ direction for part in torch.split(features, 1 << 16)])  # [N]
    projected, order = projected.sort(stable=True)
    known = projected[projected.isfinite()]
    rounding = 1e-6 * known.abs().amax() if len(known) else 0.0
    near = projected.diff() <= SAME_PROJECTION * known.std(correction=0) + rounding
    # Where there are many rows some projections are the same by chance.
    doubtful = near.nonzero().squeeze(1)
    if not len(doubtful):
        return None
    columns = torch.randperm(width, generator=source)[:COMPARED].sort().values.to(features.device)
    compared = features.index_select(1, columns)
    near[doubtful] = (compared[order[doubtful]] == compared[order[doubtful + 1]]).all(dim=1)
    if not bool(near.any()):
        return None
    heaps = torch.empty_like(order)
    heaps[order] = torch.cat([near.new_zeros(1), ~near]).cumsum(0)
    return heaps
