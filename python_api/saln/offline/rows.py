"""Rows of an array in a file, read when they are wanted: what every kind of file offers, and which kind a file is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from saln.datasets import ArrayFile, DataError
from saln.datasets.errors import one_line
from saln.datasets.files import CANDIDATE_KEYS, FEATURE_KEYS, TABLES
from saln.offline.budget import fits
from saln.offline.mapped import Mapped, open_npy, open_npz, open_safetensors

Array = npt.NDArray[Any]
RowNumbers = npt.NDArray[np.int64]


class Rows(Protocol):
    """An array of N rows, each of so many numbers.

    Attributes
    ----------
    how : str
        In words: mapped, streamed, or loaded whole and why.
    n_rows : int
    ndim : int
        Of the array as stored; rows come flat.
    width : int
        Numbers a row.
    stored : numpy dtype
        What `fill` fills, once `converted`; bfloat16 as uint16.
    bfloat16 : bool
    overhead : int
        Bytes that reading takes beside what it fills.
    """

    how: str
    n_rows: int
    ndim: int
    width: int
    stored: np.dtype[Any]
    bfloat16: bool
    overhead: int

    def fill(self, rows: RowNumbers, out: Array) -> None:
        """Read rows `[m]`, ascending, into out `[m, width]`, cast to its dtype."""
        ...

    def prefetch(self, rows: RowNumbers) -> None:
        """Have the system begin to read these rows, ascending."""
        ...

    def whole(self) -> Tensor | None:
        """All rows `[N, width]` without a copy, where the file is mapped and holds them just so."""
        ...


@dataclass(frozen=True)
class Source:
    """Where an array lies, and what is wanted of it. Opens the same in every process that sees the file.

    Parameters
    ----------
    role : str
        The argument's name, for messages.
    path : Path
    key : str or None
        Array, tensor or column.
    columns : tuple of str
        Scalar parquet columns, side by side, instead.
    integers : bool
        Integers are wanted; otherwise floating-point numbers, and integers become float32.
    ndim : int
        Dimensions wanted; 2 takes more, flattened, if floating.
    """

    role: str
    path: Path
    key: str | None = None
    columns: tuple[str, ...] = ()
    integers: bool = False
    ndim: int = 2

    def open(self) -> Reader:
        """The rows; a DataError that names file and argument if they are not what is wanted."""
        file = ArrayFile(self.path)
        for name in self.columns:
            file.find("columns", (), name)
        with one_line(self.path):
            rows = self._open(file)
        kinds = "iu" if self.integers else "fiub"
        fits_shape = rows.ndim == self.ndim or (not self.integers and rows.ndim > self.ndim == 2)
        if not fits_shape or rows.stored.kind not in kinds or (rows.bfloat16 and self.integers):
            wanted = "integers" if self.integers else "numbers"
            matrix = {"candidates": "[C, b]", "residuals": "[N, c]"}.get(self.role, "[N, d]")
            shape = "[N]" if self.ndim == 1 else matrix
            kind = "bfloat16" if rows.bfloat16 else rows.stored
            raise DataError(f"{self.path}: {self.role} are {kind} with {rows.ndim} dimensions; wanted {wanted} {shape}")
        return Reader(rows, self.integers)

    def _open(self, file: ArrayFile) -> Rows:
        suffix = self.path.suffix.lower()
        if self.columns and suffix not in TABLES:
            raise DataError(f"{self.path}: columns are of tables: {', '.join(TABLES)}")
        keys = {"features": FEATURE_KEYS, "candidates": CANDIDATE_KEYS}.get(self.role, (self.role,))
        name = "" if self.columns else file.find(self.role, keys, self.key)
        if suffix == ".parquet":
            from saln.offline.row_groups import RowGroups

            return RowGroups(self.path, self.columns or (name,), side_by_side=bool(self.columns))
        if suffix in TABLES:
            found = file.read_columns(self.columns) if self.columns else file.read(name)
            return Mapped(found, f"loaded whole: {suffix[1:]}")
        if suffix == ".npz":
            return open_npz(file, name)
        return open_npy(self.path) if suffix == ".npy" else open_safetensors(self.path, name)


class Reader:
    """Rows as the tensors that the kernels and selectors take: float32, float64, float16, bfloat16, or int64, int32.

    Not for several threads at once.

    Parameters
    ----------
    rows : Rows
    integers : bool

    Attributes
    ----------
    dtype : torch.dtype
    """

    def __init__(self, rows: Rows, integers: bool) -> None:
        self._rows = rows
        self.how, self.n_rows, self.width, self.overhead = rows.how, rows.n_rows, rows.width, rows.overhead
        stored = rows.stored.newbyteorder("=")
        if integers:
            self._dtype = stored if stored == np.int32 else np.dtype(np.int64)
        else:
            self._dtype = stored if stored.kind == "f" or rows.bfloat16 else np.dtype(np.float32)
        if self._dtype.kind == "f" and self._dtype.itemsize > 8:
            self._dtype = np.dtype(np.float64)
        self.dtype = torch.bfloat16 if rows.bfloat16 else torch.from_numpy(np.empty(0, dtype=self._dtype)).dtype
        self._buffers: list[Array] = [np.empty(0, dtype=np.uint8), np.empty(0, dtype=np.uint8)]

    @property
    def row_bytes(self) -> int:
        """Of a row as it is read."""
        return self.width * self._dtype.itemsize

    def mapped(self, n_reads: int) -> Tensor | None:
        """The file itself, `[N, width]` without a copy, where that is the better way to read so many rows in all.

        It is where the file holds just these tensors, may stay in the page cache, and is read at least once over.
        """
        better = n_reads >= self.n_rows and fits(self.n_rows * self.row_bytes)
        return self.whole() if better else None

    def whole(self) -> Tensor | None:
        """The file itself, `[N, width]` without a copy, if it holds just these tensors."""
        return self._rows.whole() if self._dtype == self._rows.stored else None

    def read(self, start: int, stop: int) -> Tensor:
        """A copy of consecutive rows, `[stop - start, width]`."""
        rows = np.arange(start, stop, dtype=np.int64)
        out = np.empty((len(rows), self.width), dtype=self._dtype)
        self._rows.fill(rows, out)
        return self._tensor(out)

    def take(self, rows: RowNumbers) -> Tensor:
        """Rows `[m]`, ascending and none twice, as `[m, width]`; its memory serves again two calls later."""
        n_bytes = len(rows) * self.row_bytes
        self._buffers.reverse()
        if self._buffers[0].nbytes < n_bytes:
            self._buffers[0] = np.empty(0, dtype=np.uint8)  # first given back, then asked for
            self._buffers[0] = np.empty(n_bytes, dtype=np.uint8)
        out = self._buffers[0][:n_bytes].view(self._dtype).reshape(len(rows), self.width)
        self._rows.prefetch(rows)
        self._rows.fill(rows, out)
        return self._tensor(out)

    def _tensor(self, out: Array) -> Tensor:
        tensor = torch.from_numpy(out)
        return tensor.view(torch.bfloat16) if self.dtype == torch.bfloat16 else tensor
