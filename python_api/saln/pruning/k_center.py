"""k-center of a whole pool: always the row farthest from those kept or chosen before."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from saln.pruning.lazy import lazy_greedy
from saln.pruning.pool import Pool

ROUNDING = 1e-6
"""Of ‖x‖² + ‖c‖², what a squared distance must exceed to be told from none."""


class KCenter:
    """Squared distance to the nearest row kept; see `saln.pruning.lazy.Objective`.

    Parameters
    ----------
    pool : Pool
    n_rows : int
        N, of the whole dataset.
    """

    front, block = 2048, 8192

    def __init__(self, pool: Pool, n_rows: int) -> None:
        self._pool = pool
        self._centers: list[Tensor] = []
        self._n_centers = 0
        self._nearest = torch.full((n_rows,), math.inf, device=pool.device)
        self._compared = torch.zeros(n_rows, dtype=torch.int64, device=pool.device)  # with the first so many centers

    def gains(self, rows: Tensor) -> Tensor:
        """As in `Objective`: distances to centers that the rows were not yet compared with are looked at."""
        centers = torch.cat(self._centers)
        for some in torch.split(rows[self._compared[rows].argsort()], self.front):  # compared with nearly as many
            first = int(self._compared[some].min())
            x = self._pool.take(some)
            for more in torch.split(centers[first:], self.front):
                found = squared_distances(x, self._pool.take(more)).amin(dim=1)
                self._nearest[some] = torch.minimum(self._nearest[some], found)
        self._compared[rows] = self._n_centers
        return self._nearest[rows]

    def grow(self, rows: Tensor, size: int) -> tuple[Tensor, Tensor]:
        """As in `Objective`."""
        x, nearest = self._pool.take(rows), self._nearest[rows]
        places = torch.empty(size, dtype=torch.int64, device=rows.device)
        gains = torch.empty(size, device=rows.device)
        for n in range(size):
            places[n] = nearest.argmax()
            gains[n] = nearest[places[n]]
            nearest = torch.minimum(nearest, squared_distances(x, x[places[n : n + 1]]).squeeze(1))
            nearest[places[n]] = -math.inf
        return places, gains

    def keep(self, rows: Tensor) -> None:
        """As in `Objective`."""
        self._centers.append(rows)
        self._n_centers += len(rows)


def squared_distances(x: Tensor, centers: Tensor) -> Tensor:
    """`[m, k]` of points `[m, d]` from centers `[k, d]`; 0 where rounding alone tells them apart.

    >>> import torch
    >>> from saln.pruning.k_center import squared_distances
    >>> squared_distances(torch.tensor([[0.0, 0.1], [3.0, 4.0]]), torch.tensor([[0.0, 0.1]]))
    tensor([[ 0.0000],
            [24.2100]])
    """
    squares = x.square().sum(dim=1, keepdim=True) + centers.square().sum(dim=1)
    found = torch.addmm(squares, x, centers.T, alpha=-2)
    return torch.where(found > ROUNDING * squares, found, 0)


def k_center(pool: Pool, rows: Tensor, chosen: Tensor, size: int, n_rows: int) -> Tensor:
    """Rows `[size]` by farthest-first traversal from the chosen ones; from the row nearest the mean without any."""
    objective, first = KCenter(pool, n_rows), rows[:0]
    if len(chosen):
        objective.keep(chosen)
    else:
        away = torch.cat([x.square().sum(dim=1) for _, x in pool.blocks(rows)])  # the mean is the origin
        first = rows[away.argmin().view(1)]
        objective.keep(first)
        rows = rows[rows != first]
    return torch.cat([first, lazy_greedy(objective, rows, size - len(first))])
