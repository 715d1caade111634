"""Log-det of a whole pool: rows that say most beside those kept or chosen before."""

from __future__ import annotations

import math

import torch
from torch import Tensor

import saln_kernels
from saln.pruning.lazy import lazy_greedy
from saln.pruning.pool import Pool

RIDGE = 0.1
"""σ², in units of the mean squared length of a row, as in the selector `logdet`."""
WIDEST, LARGE = 512, 20_000
"""Of pools of more rows than LARGE so many directions are kept at most, the leading ones of LARGE rows drawn."""


class LogDet:
    """log det(I + K_S / σ²) with K the inner products of points; see `saln.pruning.lazy.Objective`.

    The rows kept stand in A = I + Σ x xᵀ / σ² alone: a row x gains log(1 + xᵀ A⁻¹ x / σ²), so after them the greedy
    choice is that among the points A^(-1/2) x / σ, without them.

    Parameters
    ----------
    pool : Pool
    noise : float
        σ².
    """

    front, block = 2048, 8192

    def __init__(self, pool: Pool, noise: float) -> None:
        self._pool = pool
        self._noise = noise
        self._inside = torch.eye(pool.width, dtype=torch.float64, device=pool.device)
        self._whitening: Tensor | None = None

    def gains(self, rows: Tensor) -> Tensor:
        """As in `Objective`."""
        return self._white(rows).square().sum(dim=1).log1p()

    def grow(self, rows: Tensor, size: int) -> tuple[Tensor, Tensor]:
        """As in `Objective`."""
        everything = torch.arange(len(rows), device=rows.device).unsqueeze(0)
        grown = saln_kernels.greedy_logdet(self._white(rows), everything, size, check_bounds=False)
        return grown.positions[0], grown.gains[0]

    def keep(self, rows: Tensor) -> None:
        """As in `Objective`."""
        for _, x in self._pool.blocks(rows):
            x = x.double()
            self._inside.addmm_(x.T, x, alpha=1 / self._noise)
        self._whitening = None

    def _white(self, rows: Tensor) -> Tensor:
        """Points among which those kept count for nothing, `[m, w]`."""
        if self._whitening is None:
            factor = torch.linalg.cholesky(self._inside)
            unit = torch.eye(self._pool.width, dtype=torch.float64, device=factor.device)
            inverse = torch.linalg.solve_triangular(factor, unit, upper=False)
            self._whitening = (inverse.T / math.sqrt(self._noise)).float()
        return self._pool.take(rows) @ self._whitening


def log_det(pool: Pool, rows: Tensor, chosen: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Rows `[size]` that greedily maximise log det(I + K / σ²) of them and the chosen ones."""
    if len(pool.rows) > LARGE and pool.width > WIDEST:
        drawn = torch.randperm(len(pool.rows), generator=generator)[:LARGE].sort().values
        pool.project(WIDEST, pool.rows[drawn.to(pool.device)])
    noise = RIDGE * pool.mean_square()
    objective = LogDet(pool, noise if noise > 0 else 1.0)
    first = rows[:0]
    if len(chosen):
        objective.keep(chosen)
    elif pool.unit:  # rows of one length gain the same, up to rounding: the lowest
        first = next((some[x.any(dim=1)][:1] for some, x in pool.blocks(rows) if x.any()), first)
        objective.keep(first)
        rows = rows[~torch.isin(rows, first)]
    return torch.cat([first, lazy_greedy(objective, rows, size - len(first))])
