"""Features of a whole dataset, read in blocks: nothing of their size is held."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from saln.mapping import check, take
from saln.selectors.support.rows import unit_rows

BLOCK = 8192
"""Rows read at once."""


class Pool:
    """Rows of features `[N, d]` as points: float32, of length 1 for "cosine", about their mean where that is asked for.

    Parameters
    ----------
    features : Tensor [N, d]
        It may be mapped.
    rows : Tensor [n]
        int64, those that take part.
    similarity : {"linear", "cosine"}
    centered : bool
        Take the origin at the mean of these rows: distances stay, and lose no digits to what all rows share.

    Attributes
    ----------
    rows : Tensor [n]
    unit : bool
        Points have length 1.
    width : int
        Of a point.

    Examples
    --------
    >>> import torch
    >>> from saln.pruning.pool import Pool
    >>> pool = Pool(torch.tensor([[3.0, 4.0], [0.0, 2.0]]), torch.arange(2), "cosine")
    >>> pool.take(torch.tensor([1, 0]))
    tensor([[0.0000, 1.0000],
            [0.6000, 0.8000]])
    """

    def __init__(self, features: Tensor, rows: Tensor, similarity: str, *, centered: bool = False) -> None:
        self.rows = rows
        self.device = features.device
        self._features = features
        self.unit = similarity == "cosine"
        self._centre: Tensor | None = None
        self._directions: Tensor | None = None
        if centered and len(rows):
            sums = [self._read(some).double().sum(dim=0) for some in torch.split(rows, BLOCK)]
            self._centre = torch.stack(sums).sum(dim=0) / len(rows)

    @property
    def width(self) -> int:
        """Of a point."""
        return self._features.shape[1] if self._directions is None else self._directions.shape[1]

    def take(self, rows: Tensor) -> Tensor:
        """Points `[m, width]` of rows `[m]`."""
        x = self._read(rows)
        if self._centre is not None:
            x = x - self._centre.to(x.dtype)
        x = x.float()
        return x if self._directions is None else x @ self._directions

    def _read(self, rows: Tensor) -> Tensor:
        x = take(self._features, rows)
        x = x if x.dtype == torch.float64 else x.float()
        return unit_rows(x) if self.unit else x

    def blocks(self, rows: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Rows `[m]` and their points, block by block."""
        for some in torch.split(rows, BLOCK):
            yield some, self.take(some)

    def mean_square(self) -> float:
        """Of the points' lengths, over all rows."""
        total = sum(float(x.double().square().sum()) for _, x in self.blocks(self.rows))
        return total / max(1, len(self.rows))

    def project(self, n_directions: int, rows: Tensor) -> None:
        """Keep so many directions alone, those in which rows `[m]` are largest: leading eigenvectors of Σ x xᵀ."""
        moments = torch.zeros(self.width, self.width, device=self.device)
        for _, x in self.blocks(rows):
            moments.addmm_(x.T, x)
        self._directions = torch.linalg.eigh(moments.double()).eigenvectors[:, -n_directions:].float()


def finite_rows(features: Tensor) -> Tensor:
    """Which rows `[N]` are finite, and small enough to be squared in float32."""
    found = torch.ones(len(features), dtype=torch.bool, device=features.device)
    for start in range(0, len(features), BLOCK):
        check(features)
        found[start : start + BLOCK] = features[start : start + BLOCK].float().square().sum(dim=1).isfinite()
    return found
