"""Rows of a dataset in units that do not depend on its columns' units."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

LOOKED_AT = 1 << 16
"""Rows that columns are standardised by, at most."""
CHUNK = 1 << 22
"""Numbers that are made standard in one go."""
ROUNDING = 1e-4
"""Spread over mean below which a column does not vary: features may come as float16."""


@dataclass(frozen=True)
class StandardRows:
    """Some rows of a dataset, standardised by column when they are asked for.

    Attributes
    ----------
    features : Tensor
        `[N, d]`, read in parts and never copied.
    rows : Tensor
        `[n]` int64, all finite.
    centre, per_spread : Tensor
        `[d]` float64.
    """

    features: Tensor
    rows: Tensor
    centre: Tensor
    per_spread: Tensor

    @classmethod
    def of(cls, features: Tensor, rows: Tensor) -> StandardRows:
        """By the first `LOOKED_AT` of the rows; columns that do not vary count for nothing."""
        looked_at = rows[:LOOKED_AT]
        parts = looked_at.split(_chunk(features))
        zero = torch.zeros(features.shape[1], dtype=torch.float64, device=features.device)
        n = max(1, len(looked_at))
        centre = sum((features.index_select(0, part).double().sum(dim=0) for part in parts), zero) / n
        squares = ((features.index_select(0, part).double() - centre).square().sum(dim=0) for part in parts)
        spread = (sum(squares, zero) / n).sqrt()
        varies = spread > ROUNDING * centre.abs()
        per_spread = torch.where(varies, 1 / spread, 0.0)
        return cls(features, rows, centre, per_spread)

    def __len__(self) -> int:
        """How many rows."""
        return len(self.rows)

    @property
    def chunk(self) -> int:
        """Rows to ask for in one go."""
        return _chunk(self.features)

    def take(self, which: Tensor) -> Tensor:
        """The rows of these numbers in `rows`, `[m, d]` float32."""
        rows = self.features.index_select(0, self.rows[which])
        rows = rows if rows.dtype == torch.float64 else rows.float()
        return rows.sub_(self.centre.to(rows.dtype)).mul_(self.per_spread.to(rows.dtype)).float()


def _chunk(features: Tensor) -> int:
    return max(1, CHUNK // max(1, features.shape[1]))
