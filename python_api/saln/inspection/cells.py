"""Overlapping cells of rows that lie near each other, each a candidate batch of the Gram kernels."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from saln.inspection.standard_rows import StandardRows

PER_CELL = 32
"""Rows per centre."""
CELLS_PER_ROW = 6
"""Cells that a row is put in: those with the nearest centres."""
LARGEST = 512
"""Rows that a batch has at most; larger cells become several, each of rows about as near to the centre."""
LAUNCH = 1 << 14
"""Rows in the batches of one launch, padding included."""
ONE_LEVEL = 4096
"""Centres that every row is compared with; if there are more, a row is compared with those of near regions."""
REGIONS = 16
"""Regions whose centres a row is compared with."""


def near_batches(rows: StandardRows) -> Iterator[Tensor]:
    """Launches of batches `[C, b]` int64 of numbers of rows, -1 is padding: rows near each other meet in some.

    Centres are the first rows, which have to be in random order. Every row joins the cells of the nearest centres. An
    inverted file (Jegou, Douze & Schmid 2011) compares a row with the rows of the nearest cells; here cells overlap
    instead, so that all who meet in a cell are compared by one Gram matrix.
    """
    centres = _unit(rows, torch.arange(max(1, len(rows) // PER_CELL), device=rows.rows.device))
    search = _search_all if len(centres) <= ONE_LEVEL else _search_regions
    cells, closeness = search(rows, centres, min(CELLS_PER_ROW, len(centres)))
    yield from _packed(cells, closeness)


def _unit(rows: StandardRows, which: Tensor) -> Tensor:
    return F.normalize(torch.cat([rows.take(some) for some in torch.split(which, rows.chunk)]))


def _search_all(rows: StandardRows, centres: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The nearest centres of each row and how near they are, `[n, count]`, of all centres `[C, d]`."""
    every = torch.split(torch.arange(len(rows), device=centres.device), rows.chunk)
    nearest = torch.cat([(_unit(rows, some) @ centres.T).argmax(dim=1) for some in every])
    # Once to the mean of the rows that are nearest.
    sums = torch.zeros_like(centres)
    for some, cell in zip(every, torch.split(nearest, rows.chunk), strict=True):
        sums.index_add_(0, cell, _unit(rows, some))
    centres = F.normalize(sums)
    found = [(_unit(rows, some) @ centres.T).topk(count, dim=1) for some in every]
    return torch.cat([each.indices for each in found]), torch.cat([each.values for each in found])


def _search_regions(rows: StandardRows, centres: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The same, of centres that lie in regions near the row's region."""
    device = centres.device
    count_regions = round(len(centres) ** 0.5)
    middles = centres[:count_regions]
    near = (middles @ middles.T).topk(min(REGIONS, count_regions), dim=1).indices  # [R, REGIONS]
    of_centre = (centres @ middles.T).argmax(dim=1)
    every = torch.split(torch.arange(len(rows), device=device), rows.chunk)
    of_row = torch.cat([(_unit(rows, some) @ middles.T).argmax(dim=1) for some in every])
    cells = torch.full((len(rows), count), -1, device=device)
    closeness = torch.full((len(rows), count), -1.0, device=device)
    for region in range(count_regions):
        candidates = torch.isin(of_centre, near[region]).nonzero().squeeze(1)
        some_centres = centres[candidates]
        for some in torch.split((of_row == region).nonzero().squeeze(1), rows.chunk):
            found = (_unit(rows, some) @ some_centres.T).topk(min(count, len(candidates)), dim=1)
            cells[some, : found.indices.shape[1]] = candidates[found.indices]
            closeness[some, : found.indices.shape[1]] = found.values
    return cells, closeness


def _packed(cells: Tensor, closeness: Tensor) -> Iterator[Tensor]:
    """Cells as launches of batches of about equal size, the largest first; a cell's rows by closeness."""
    device = cells.device
    row = torch.arange(len(cells), device=device)[:, None].expand_as(cells)[cells >= 0]
    cell, closeness = cells[cells >= 0], closeness[cells >= 0]
    order = closeness.argsort(descending=True, stable=True)
    order = order[cell[order].argsort(stable=True)]
    row, cell = row[order], cell[order]
    place = torch.arange(len(cell), device=device) - torch.searchsorted(cell, cell)
    # A piece is LARGEST rows of a cell in a row.
    starts = (place % LARGEST == 0).nonzero().squeeze(1)
    sizes = torch.cat([starts, starts.new_tensor([len(cell)])]).diff()
    sizes, by_size = sizes.sort(descending=True, stable=True)
    starts = starts[by_size]
    first = 0
    widths = sizes.tolist()
    while first < len(widths) and widths[first] > 1:
        last = min(len(widths), first + max(1, LAUNCH // widths[first]))
        places = torch.arange(widths[first], device=device)
        inside = places < sizes[first:last, None]
        yield row[(starts[first:last, None] + places).clamp_max(len(row) - 1)].masked_fill(~inside, -1)
        first = last
