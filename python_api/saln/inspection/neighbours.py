"""The nearest rows of every row of a dataset."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

import saln_kernels
from saln.inspection.cells import near_batches
from saln.inspection.equal_rows import EqualRows, find_equal_rows
from saln.inspection.standard_rows import StandardRows, similarities

__all__ = ["Neighbours", "nearest_neighbours"]

EXACT = 8192
"""Different rows up to which all pairs are compared."""
BLOCK = 1 << 23
"""Similarities that are looked at in one go."""
NONE = -2.0
"""Below all similarities."""


@dataclass(frozen=True)
class Neighbours:
    """The nearest rows of every row, by descending similarity.

    Similarity is 1 - |x - y|² / (|x|² + |y|² + 2) of rows as `StandardRows` gives them: about their cosine where the
    lengths are alike, as those of networks' features are. It sees lengths, too, so that only equal rows have 1, from
    one column on.

    Attributes
    ----------
    rows : Tensor
        `[N, k]` int64, never the row itself; -1 where there is none.
    similarities : Tensor
        `[N, k]` float32, from -1 to 1; NaN where there is none.
    equal : EqualRows
        Which rows are the same.
    different : tuple of Tensor
        What `rows` and `similarities` would be, `[H, k]`, if one row alone were left of every heap of equal ones, by
        number of heap.
    """

    rows: Tensor
    similarities: Tensor
    equal: EqualRows
    different: tuple[Tensor, Tensor]


@torch.no_grad()
def nearest_neighbours(features: Tensor, k: int = 10, *, seed: int = 0) -> Neighbours:
    """Find the k nearest rows of each row.

    Columns are centred, and scaled if they are in different units. Equal rows are found first, and are each other's
    nearest. Up to `EXACT` different rows all pairs are compared; more are put in overlapping cells
    (`saln.inspection.cells`), and those that share one are compared by `saln_kernels.gram`, many cells in a launch.
    Then some of the nearest are missed, the less the nearer they are.

    Rows that are not finite have no neighbours and are nobody's.

    O(N d √N) time, O(N k) memory beside parts of fixed size; features are never copied.

    Parameters
    ----------
    features : Tensor [N, d]
        float16, bfloat16, float32 or float64; of a mapped file, too.
    k : int
        At least 1.
    seed : int
        Of the order in which rows are taken; the result does not depend on the order in which they come.

    Returns
    -------
    Neighbours

    Raises
    ------
    TypeError, ValueError
        Features that are not floating or not a matrix, k below 1.

    Examples
    --------
    >>> import torch
    >>> from saln.inspection.neighbours import nearest_neighbours
    >>> found = nearest_neighbours(torch.tensor([[0.0, 1.0], [0.1, 1.0], [5.0, 3.0]]), k=1)
    >>> found.rows.tolist()
    [[1], [0], [1]]
    """
    check_features(features)
    if k < 1:
        raise ValueError(f"k is {k}, want at least 1")
    equal = find_equal_rows(features, seed=seed)
    rows = StandardRows.of(features, equal.first)
    state = _State.empty(len(rows), k, features.device)
    if len(rows) <= EXACT:
        _compare_all(rows, state)
    else:
        for launch in near_batches(rows):
            _compare(rows, launch, state)
    return _of_all(equal, state.rows, state.similarities.masked_fill_(state.rows < 0, torch.nan))


def check_features(features: Tensor) -> None:
    """Raise unless features are a floating matrix."""
    if not isinstance(features, Tensor) or not features.is_floating_point():
        kind = features.dtype if isinstance(features, Tensor) else type(features).__name__
        raise TypeError(f"features is {kind}, want a tensor of floating dtype")
    if features.dim() != 2:
        raise ValueError(f"features has shape {list(features.shape)}, want [N, d]")


@dataclass(frozen=True)
class _State:
    """The nearest rows found so far: numbers of different rows and similarities, `[n, k]`."""

    rows: Tensor
    similarities: Tensor

    @classmethod
    def empty(cls, n: int, k: int, device: torch.device) -> _State:
        return cls(torch.full((n, k), -1, device=device), torch.full((n, k), NONE, device=device))

    def add(self, rows: Tensor, found: Tensor, similarities: Tensor) -> None:
        """Neighbours of rows `[m]`, none of them twice: found `[m, j]`, -1 is none."""
        known = self.rows[rows]
        similarities = similarities.masked_fill((found[:, :, None] == known[:, None, :]).any(dim=2) | (found < 0), NONE)
        found = torch.cat([known, found], dim=1)
        best = torch.cat([self.similarities[rows], similarities], dim=1).topk(self.rows.shape[1], dim=1)
        self.rows[rows] = found.gather(1, best.indices).masked_fill_(best.values == NONE, -1)
        self.similarities[rows] = best.values


def distances_between(rows: StandardRows, some: Tensor, others: Tensor) -> Tensor:
    """1 - similarity of rows `[m]` to others `[m]`, from differences: exact where it is small. Numbers of rows."""
    parts = []
    for one, other in zip(torch.split(some, rows.chunk), torch.split(others, rows.chunk), strict=True):
        x, y = rows.take(one), rows.take(other)
        parts.append((x - y).square().sum(dim=1) / (x.square().sum(dim=1) + y.square().sum(dim=1) + 2))
    return torch.cat(parts) if parts else torch.empty(0, device=some.device)


def _compare_all(rows: StandardRows, state: _State) -> None:
    n = len(rows)
    every = torch.arange(n, device=rows.rows.device)
    if n < 2:
        return
    x = rows.take(every)
    squares = x.square().sum(dim=1)
    count = min(state.rows.shape[1], n - 1)
    for some in torch.split(every, max(1, BLOCK // n)):
        found = similarities(x[some] @ x.T, squares[some], squares)
        found[torch.arange(len(some), device=some.device), some] = NONE
        best = found.topk(count, dim=1)
        state.add(some, best.indices, best.values)


def _compare(rows: StandardRows, launch: Tensor, state: _State) -> None:
    """Rows of each batch `[C, b]` with each other."""
    inside = launch >= 0
    x = rows.take(launch[inside])
    local = torch.full_like(launch, -1)
    local[inside] = torch.arange(len(x), device=launch.device)
    products = saln_kernels.gram(x, local)
    squares = products.diagonal(dim1=1, dim2=2).clone()
    near = similarities(products, squares, squares)
    near.diagonal(dim1=1, dim2=2).fill_(NONE)
    near.masked_fill_(~inside[:, None, :], NONE)
    best = near.topk(min(state.rows.shape[1], launch.shape[1] - 1), dim=2)
    found = launch.gather(1, best.indices.flatten(1)).view(best.indices.shape)[inside]
    found = found.masked_fill(best.values[inside] == NONE, -1)
    row, values = launch[inside], best.values[inside]
    # A row that is in several batches takes its turns.
    order = row.argsort(stable=True)
    row, found, values = row[order], found[order], values[order]
    turn = torch.arange(len(row), device=row.device) - torch.searchsorted(row, row)
    for each in range(int(turn.amax()) + 1 if len(turn) else 0):
        now = turn == each
        state.add(row[now], found[now], values[now])


def _of_all(equal: EqualRows, near: Tensor, similarities: Tensor) -> Neighbours:
    """Neighbours of all rows, given those of one row of each heap, `[H, k]` numbers of heaps."""
    n, k = len(equal.heap), near.shape[1]
    device = near.device
    sizes = equal.sizes
    members = equal.heap.argsort(stable=True)[n - int(sizes.sum()) :]  # [n finite] by heap, then by row
    starts = sizes.cumsum(0) - sizes
    place = torch.empty(n, dtype=torch.int64, device=device)
    place[members] = torch.arange(len(members), device=device)
    rows = torch.full((n, k), -1, device=device)
    found = torch.full((n, k), torch.nan, device=device)
    slots = torch.arange(k, device=device)
    for some in torch.split(members, 1 << 16):
        heap = equal.heap[some]
        # The others of the own heap, then all of the nearest one, and so on: [m, 1 + k] heaps.
        heaps = torch.cat([heap[:, None], near[heap]], dim=1)
        size = torch.where(heaps >= 0, sizes[heaps.clamp_min(0)], 0)
        size[:, 0] -= 1
        ends = size.cumsum(dim=1)
        which = torch.searchsorted(ends, slots.expand(len(some), k).contiguous(), right=True)  # [m, k]
        there = which <= k
        which = which.clamp_max(k)
        offset = slots - (ends - size).gather(1, which)
        chosen = heaps.gather(1, which)
        own = place[some] - starts[heap] + 1
        offset = torch.where(which == 0, (own[:, None] + offset) % sizes[heap][:, None], offset)
        rows[some] = members[(starts[chosen.clamp_min(0)] + offset).clamp(0, len(members) - 1)].masked_fill_(~there, -1)
        value = torch.cat([torch.ones_like(similarities[heap, :1]), similarities[heap]], dim=1).gather(1, which)
        found[some] = value.masked_fill_(~there, torch.nan)
    return Neighbours(rows, found, equal, (near, similarities))
