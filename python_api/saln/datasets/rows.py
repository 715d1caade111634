"""Rows of numbers and of texts, made into what a training wants when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import torch

from saln.datasets.arrays import as_float32
from saln.datasets.errors import Array
from saln.datasets.mapped import regions_of


class Rows:
    """Rows of an array of numbers `[N, ...]`, each a float32 tensor `[d]`; 8-bit numbers are divided by 255.

    Parameters
    ----------
    x : ndarray
        It may be mapped.
    """

    def __init__(self, x: Array) -> None:
        self._x = x

    def __len__(self) -> int:
        return len(self._x)

    def __getitem__(self, place: int) -> torch.Tensor:
        return self._numbers(self._x[place].reshape(-1))

    def all(self) -> torch.Tensor:
        """`[N, d]`."""
        return self._numbers(self._x.reshape(len(self._x), -1))

    def _numbers(self, part: Array) -> torch.Tensor:
        found = as_float32(part)
        if self._x.dtype == np.uint8:
            found /= np.float32(255)
        found[np.isinf(found)] = np.nan
        return torch.from_numpy(found)


class Texts:
    """Texts of a column of Arrow; a missing one is empty."""

    def __init__(self, column: Any) -> None:
        self._column = column.cast("large_string")
        self._regions = regions_of(self._column)

    def __len__(self) -> int:
        return len(self._column)

    def __getitem__(self, place: int) -> str:
        for region in self._regions:
            region.check()
        return self._column[place].as_py() or ""


class RowNames(Sequence[str]):
    """`row 0`, `row 1`, ..., of the rows that were kept."""

    def __init__(self, rows: npt.NDArray[np.int64]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [f"row {row}" for row in self._rows[place]]
        return f"row {self._rows[place]}"
