"""Which rows of a dataset are the same to the bit."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from saln.mapping import check, take

CHUNK = 1 << 23
"""Numbers that are looked at in one go."""
WORD = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


@dataclass(frozen=True)
class EqualRows:
    """Rows in heaps: all rows of a heap are equal, and no two heaps are.

    Attributes
    ----------
    heap : Tensor
        `[N]` int64, the heap that each row lies in; -1 of rows that are not finite.
    first : Tensor
        `[H]` int64, the first row of each heap. Heaps are ordered by a hash of what their rows hold: in whatever order
        the rows come, heaps have the same order.
    """

    heap: Tensor
    first: Tensor

    @property
    def sizes(self) -> Tensor:
        """Rows in each heap, `[H]` int64."""
        return torch.bincount(self.heap[self.heap >= 0], minlength=len(self.first))


def find_equal_rows(features: Tensor, *, seed: int = 0) -> EqualRows:
    """Sort rows into heaps of equal ones; 0.0 and -0.0 are equal.

    Rows are hashed, and those with equal hashes compared, so that no chance makes different rows equal. O(N d) time,
    O(N) memory beside a chunk.

    Parameters
    ----------
    features : Tensor [N, d]
        float16, bfloat16, float32 or float64.
    seed : int
        Of the hash.

    Returns
    -------
    EqualRows

    Examples
    --------
    >>> import torch
    >>> from saln.inspection.equal_rows import find_equal_rows
    >>> equal = find_equal_rows(torch.tensor([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0], [torch.nan, 0.0]]))
    >>> equal.heap[0] == equal.heap[2], equal.heap[0] == equal.heap[1], equal.heap[3].item()
    (tensor(True), tensor(False), -1)
    """
    source = torch.Generator().manual_seed(seed)
    hashes, finite = _hashes(features, source)
    pending = finite.nonzero().squeeze(1)
    pending = pending[hashes[pending].argsort(stable=True)]  # by hash, then by row
    first = torch.full((len(features),), -1, device=features.device)  # [N] the first row that equals each
    while len(pending):
        starts = hashes[pending].diff(prepend=hashes[pending[:1]] - 1) != 0
        leader = pending[starts][starts.cumsum(0) - 1]
        same = leader == pending
        doubtful = (~same).nonzero().squeeze(1)
        same[doubtful] = _equal(features, pending[doubtful], leader[doubtful])
        first[pending[same]] = leader[same]
        pending = pending[~same]  # rows whose hash is another row's by chance
    leaders = (first == torch.arange(len(first), device=first.device)).nonzero().squeeze(1)
    leaders = leaders[hashes[leaders].argsort(stable=True)]
    number = torch.full_like(first, -1)
    number[leaders] = torch.arange(len(leaders), device=first.device)
    return EqualRows(torch.where(first >= 0, number[first], -1), leaders)


def _chunk(width: int) -> int:
    return max(1, CHUNK // max(1, width))


def _hashes(features: Tensor, source: torch.Generator) -> tuple[Tensor, Tensor]:
    """A hash of each row, `[N]` int64, and whether the row is finite, `[N]`."""
    width = features.shape[1]
    odd = torch.randint(-(1 << 63), (1 << 63) - 1, (width,), generator=source).to(features.device) | 1
    hashes, finite = [], []
    for rows in torch.split(features, _chunk(width)):
        check(rows)
        finite.append(rows.isfinite().all(dim=1))
        # -0.0 + 0.0 is 0.0. A sum of products modulo 2^64 (Carter & Wegman 1979), of the numbers' bits.
        bits = (rows + 0.0).contiguous().view(WORD[rows.element_size()])
        hashes.append((bits * odd).sum(dim=1))
    empty = torch.empty(0, device=features.device)
    return torch.cat([empty.long(), *hashes]), torch.cat([empty.bool(), *finite])


def _equal(features: Tensor, rows: Tensor, others: Tensor) -> Tensor:
    """Whether rows equal others, `[m]`."""
    size = _chunk(features.shape[1])
    parts = [
        (take(features, some) == take(features, other)).all(dim=1)
        for some, other in zip(torch.split(rows, size), torch.split(others, size), strict=True)
    ]
    return torch.cat(parts) if parts else rows.bool()
