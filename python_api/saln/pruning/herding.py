"""Herding of a whole pool: the mean of the rows kept and chosen stays closest to the mean of all."""

from __future__ import annotations

import torch
from torch import Tensor

from saln.pruning.pool import Pool
from saln.selectors.herding import greedy_herding


def herding(pool: Pool, rows: Tensor, chosen: Tensor, size: int) -> Tensor:
    """Rows `[size]`, one after the other, by the sum of the chosen ones and of those before; the pool is centered."""
    everything = torch.cat([rows, chosen])
    places = torch.arange(len(rows), len(everything), device=rows.device)
    return everything[greedy_herding(pool.take(everything), size, places)]
