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

    The rows kept stand in A = I + Σ x xᵀ / σ² alone: a row x gains log(1 + r) with r = xᵀ A⁻¹ x / σ², so after them the
    greedy choice is that among the points A^(-1/2) x / σ, without them. Every row kept takes (u·x)² from the r of all
    others, with one vector u: a row whose r is known from not long ago costs a product with each u since then.

    Parameters
    ----------
    pool : Pool
    noise : float
        σ².
    n_rows : int
        N, of the whole dataset.
    """

    front, block = 2048, 8192

    def __init__(self, pool: Pool, noise: float, n_rows: int) -> None:
        self._pool = pool
        self._noise = noise
        self._inside = torch.eye(pool.width, dtype=torch.float64, device=pool.device)
        self._whitening: Tensor | None = None
        self._n_kept = 0
        self._latest = torch.zeros(0, pool.width, device=pool.device)  # u of the rows kept last
        self._left = torch.zeros(n_rows, device=pool.device)  # r
        self._as_of = torch.full((n_rows,), -1, device=pool.device)  # rows kept when r was computed, -1: never
        self._exact_as_of = self._as_of.clone()  # and when it was so not from an earlier one

    def gains(self, rows: Tensor) -> Tensor:
        """As in `Objective`."""
        for some in torch.split(rows[self._as_of[rows].argsort()], self.front):  # of nearly the same age
            oldest = self._n_kept - int(self._as_of[some].min())
            if int(self._exact_as_of[some].min()) < max(0, self._n_kept - self._pool.width):
                self._left[some] = self._white(some).square().sum(dim=1)
                self._exact_as_of[some] = self._n_kept
            elif oldest:
                taken = (self._pool.take(some) @ self._latest[-oldest:].T).square_()
                ages = self._n_kept - self._as_of[some]
                taken[torch.arange(oldest, 0, -1, device=rows.device) > ages[:, None]] = 0  # counted already
                self._left[some] = (self._left[some] - taken.sum(dim=1)).clamp_min(0)
            self._as_of[some] = self._n_kept
        return self._left[rows].log1p()

    def grow(self, rows: Tensor, size: int) -> tuple[Tensor, Tensor]:
        """As in `Objective`."""
        everything = torch.arange(len(rows), device=rows.device).unsqueeze(0)
        grown = saln_kernels.greedy_logdet(self._white(rows), everything, size, check_bounds=False)
        return grown.positions[0], grown.gains[0]

    def keep(self, rows: Tensor) -> None:
        """As in `Objective`."""
        for some in torch.split(rows, self._pool.width):
            # With W the whitening and Z = X W, A grows to W⁻ᵀ (I + ZᵀZ) W⁻¹ / σ²: u are the rows of C⁻¹ Z Wᵀ, where
            # C Cᵀ = I + Z Zᵀ.
            x = self._pool.take(some).double()
            z = x @ self._whiten()
            factor = torch.linalg.cholesky(z @ z.T + torch.eye(len(x), dtype=z.dtype, device=z.device))
            latest = torch.linalg.solve_triangular(factor, z @ self._whiten().T, upper=False).float()
            self._latest = torch.cat([self._latest, latest])[-self._pool.width :]
            self._inside.addmm_(x.T, x, alpha=1 / self._noise)
            self._whitening = None
        self._n_kept += len(rows)

    def _whiten(self) -> Tensor:
        """W with W Wᵀ = A⁻¹ / σ², float64 `[w, w]`."""
        if self._whitening is None:
            factor = torch.linalg.cholesky(self._inside)
            unit = torch.eye(self._pool.width, dtype=torch.float64, device=factor.device)
            inverse = torch.linalg.solve_triangular(factor, unit, upper=False)
            self._whitening = inverse.T / math.sqrt(self._noise)
        return self._whitening

    def _white(self, rows: Tensor) -> Tensor:
        """Points among which those kept count for nothing, `[m, w]`."""
        return self._pool.take(rows) @ self._whiten().float()


def log_det(pool: Pool, rows: Tensor, chosen: Tensor, size: int, n_rows: int, generator: torch.Generator) -> Tensor:
    """Rows `[size]` that greedily maximise log det(I + K / σ²) of them and the chosen ones."""
    if len(pool.rows) > LARGE and pool.width > WIDEST:
        drawn = torch.randperm(len(pool.rows), generator=generator)[:LARGE].sort().values
        pool.project(WIDEST, pool.rows[drawn.to(pool.device)])
    noise = RIDGE * pool.mean_square()
    objective = LogDet(pool, noise if noise > 0 else 1.0, n_rows)
    first = rows[:0]
    if len(chosen):
        objective.keep(chosen)
    elif pool.unit:  # rows of one length gain the same, up to rounding: the lowest
        first = next((some[x.any(dim=1)][:1] for some, x in pool.blocks(rows) if x.any()), first)
        objective.keep(first)
        rows = rows[~torch.isin(rows, first)]
    return torch.cat([first, lazy_greedy(objective, rows, size - len(first))])
