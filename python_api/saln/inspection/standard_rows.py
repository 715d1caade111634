"""Rows of a dataset, its columns centred, and scaled where they are in different units."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from saln.mapping import take

LOOKED_AT = 1 << 16
"""Rows that columns are standardised by, at most."""
CHUNK = 1 << 22
"""Numbers that are made standard in one go."""
UNITS = 30.0
"""Largest spread of a column over the median from which columns are in different units; of networks it is 1 to 12."""
ROUNDING = 4.0
"""Spread over mean, in roundings of the dtype, below which a column does not vary."""


@dataclass(frozen=True)
class StandardRows:
    """Some rows of a dataset, centred and scaled when they are asked for.

    Columns of different units are divided by their spread. Those of networks and their projections are left as they
    are: what varies more says more. All are divided by one number, so that a column's variance is 1 on average.

    Attributes
    ----------
    features : Tensor
        `[N, d]`, read in parts and never copied.
    rows : Tensor
        `[n]` int64, all finite.
    centre, scale : Tensor
        `[d]` float64.
    """

    features: Tensor
    rows: Tensor
    centre: Tensor
    scale: Tensor

    @classmethod
    def of(cls, features: Tensor, rows: Tensor) -> StandardRows:
        """By the first `LOOKED_AT` of the rows; columns that do not vary count for nothing."""
        looked_at = rows[:LOOKED_AT]
        parts = torch.split(looked_at, _chunk(features))
        zero = torch.zeros(features.shape[1], dtype=torch.float64, device=features.device)
        n = max(1, len(looked_at))
        centre = sum((take(features, part).double().sum(dim=0) for part in parts), zero) / n
        squares = ((take(features, part).double() - centre).square().sum(dim=0) for part in parts)
        spread = (sum(squares, zero) / n).sqrt()
        varies = spread > ROUNDING * torch.finfo(features.dtype).eps * centre.abs()
        if bool(varies.any()) and spread.amax() > UNITS * spread[varies].median():
            return cls(features, rows, centre, torch.where(varies, 1 / spread, 0.0))
        mean = spread[varies].square().mean().sqrt() if bool(varies.any()) else spread.new_ones(())
        return cls(features, rows, centre, varies / mean)

    def __len__(self) -> int:
        """How many rows."""
        return len(self.rows)

    @property
    def chunk(self) -> int:
        """Rows to ask for in one go."""
        return _chunk(self.features)

    def take(self, which: Tensor, *, centred: bool = True) -> Tensor:
        """The rows of these numbers in `rows`, `[m, d]` float32; scaled alone unless centred."""
        rows = take(self.features, self.rows[which])
        rows = rows if rows.dtype == torch.float64 else rows.float()
        if centred:
            rows.sub_(self.centre.to(rows.dtype))
        return rows.mul_(self.scale.to(rows.dtype)).float()


def similarities(products: Tensor, squares: Tensor, other_squares: Tensor) -> Tensor:
    """1 - |x - y|² / (|x|² + |y|² + 2) of inner products `[.., m, n]` and squares `[.., m]`, `[.., n]`, in place."""
    mean = (other_squares[..., None, :] + squares[..., :, None]).mul_(0.5).add_(1)
    return products.add_(1).div_(mean)


def _chunk(features: Tensor) -> int:
    return max(1, CHUNK // max(1, features.shape[1]))
