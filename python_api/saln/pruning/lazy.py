"""Greedy choice out of a pool too large to be looked at anew for every row."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

FEWEST = 16
"""Rows asked for at once, at least."""


class Objective(Protocol):
    """What a greedy method maximises: a row's gain never grows while others are kept.

    Attributes
    ----------
    front : int
        Rows weighed against one another at once.
    block : int
        Rows whose gains are computed at once.
    """

    front: int
    block: int

    def gains(self, rows: Tensor) -> Tensor:
        """What each of the rows `[m]` would gain now, float32 `[m]`."""
        ...

    def grow(self, rows: Tensor, size: int) -> tuple[Tensor, Tensor]:
        """Choose greedily among the rows `[m]` alone: places in the order of choice, int64 `[size]`, and gains."""
        ...

    def keep(self, rows: Tensor) -> None:
        """These rows are kept."""
        ...


def lazy_greedy(objective: Objective, rows: Tensor, size: int) -> Tensor:
    """The rows that a greedy choice among all of them takes, in that order.

    What a row gained once bounds what it gains later (Minoux 1978, accelerated greedy). So gains are computed anew for
    those of the largest bounds alone, until `front` of them are known to be ahead of all others; these are chosen
    among, one after the other, for as long as the best of them gains no less than the largest bound of the others.

    Parameters
    ----------
    objective : Objective
    rows : Tensor [n]
        int64, ascending.
    size : int
        At most n.

    Returns
    -------
    Tensor [size]
        Ties go to the lower row, up to rounding.
    """
    bounds = torch.full((len(rows),), math.inf, device=rows.device)
    kept = [rows[:0]]
    left, asked = size, FEWEST
    while left:
        front, outside = _front(objective, rows, bounds)
        if outside == -math.inf:
            asked = left
        places, gains = objective.grow(rows[front], min(asked, left, len(front)))
        n = 1 + int((gains[1:] >= outside).long().cumprod(dim=0).sum())
        taken = front[places[:n]]
        objective.keep(rows[taken])
        bounds[taken] = -math.inf
        kept.append(rows[taken])
        left, asked = left - n, max(FEWEST, 2 * n)
    return torch.cat(kept)


def _front(objective: Objective, rows: Tensor, bounds: Tensor) -> tuple[Tensor, float]:
    """Places `[m]`, ascending, of those that gain most, with bounds renewed, and the largest bound of all others."""
    order = bounds.argsort(descending=True, stable=True)[: int((bounds > -math.inf).sum())]
    weighed, following = 0, math.inf
    while weighed < len(order) and int((bounds[order[:weighed]] >= following).sum()) < objective.front:
        some = order[weighed : weighed + objective.block]
        bounds[some] = objective.gains(rows[some])
        weighed += len(some)
        following = float(bounds[order[weighed]]) if weighed < len(order) else -math.inf
    ahead = order[:weighed].sort().values
    ahead = ahead[bounds[ahead].argsort(descending=True, stable=True)]
    behind = ahead[objective.front : objective.front + 1]
    outside = max(following, float(bounds[behind]) if len(behind) else -math.inf)
    return ahead[: objective.front].sort().values, outside
