"""How far rows are from a few rows that stand for the whole dataset."""

from __future__ import annotations

import torch
from torch import Tensor

from saln.inspection.standard_rows import StandardRows, similarities

SAMPLE = 512
"""Rows that stand for all."""


def background_distances(rows: StandardRows, nearest: int, *, centred: bool) -> Tensor:
    """Distance, 1 - similarity, of each row to the so manieth nearest of `SAMPLE` rows, `[n]` float32.

    A group of rows that are far from all others, or copies of each other, does not hide that from a sample: it has few
    of them, or none (Sugiyama & Borgwardt 2013). The sample is the last rows, which have to be in random order.
    """
    n = len(rows)
    if n < 2:
        return torch.zeros(n, device=rows.rows.device)
    every = torch.arange(n, device=rows.rows.device)
    nearest = min(nearest, n - 1, SAMPLE - 1)
    sample = every[-SAMPLE:]
    x = rows.take(sample, centred=centred)
    squares = x.square().sum(dim=1)
    parts = []
    for some in torch.split(every, rows.chunk):
        y = rows.take(some, centred=centred)
        near = similarities(y @ x.T, y.square().sum(dim=1), squares)
        near.masked_fill_(some[:, None] == sample, -torch.inf)
        parts.append(1 - near.topk(nearest, dim=1).values[:, -1])
    return torch.cat(parts)
