"""Facility location of a whole pool: every row has one that resembles it among those kept or chosen."""

from __future__ import annotations

import torch
from torch import Tensor

from saln.pruning.lazy import lazy_greedy
from saln.pruning.pool import Pool
from saln.selectors.facility_location import greedy_facility_location

SERVED = 10_000
"""Rows that are to find their like; of larger pools so many are drawn."""


class FacilityLocation:
    """Σ over the rows to be served of the largest similarity to a row kept; see `saln.pruning.lazy.Objective`.

    Parameters
    ----------
    pool : Pool
    rows : Tensor [n]
        Those to be served.
    """

    front, block = 256, 1024

    def __init__(self, pool: Pool, rows: Tensor) -> None:
        self._pool = pool
        self._points = pool.take(rows)
        self._served = self._points.new_zeros(len(rows), 1)

    def gains(self, rows: Tensor) -> Tensor:
        """As in `Objective`."""
        return (self._similarity(rows) - self._served).clamp_min_(0).sum(dim=0)

    def grow(self, rows: Tensor, size: int) -> tuple[Tensor, Tensor]:
        """As in `Objective`."""
        return greedy_facility_location(self._similarity(rows), size, self._served)

    def keep(self, rows: Tensor) -> None:
        """As in `Objective`."""
        for some in torch.split(rows, self.block):
            self._served = torch.maximum(self._served, self._similarity(some).amax(dim=1, keepdim=True))

    def _similarity(self, rows: Tensor) -> Tensor:
        """`[n, m]`, of those to be served and rows `[m]`; negative ones count as 0, as in the selector."""
        return (self._points @ self._pool.take(rows).T).clamp_min_(0)


def facility_location(pool: Pool, rows: Tensor, chosen: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Rows `[size]` that greedily maximise what the pool finds of its like in them and the chosen ones."""
    drawn = torch.randperm(len(pool.rows), generator=generator)[:SERVED].sort().values
    objective = FacilityLocation(pool, pool.rows[drawn.to(pool.device)])
    if len(chosen):
        objective.keep(chosen)
    return lazy_greedy(objective, rows, size)
