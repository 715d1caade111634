"""Columns of a parquet file, decoded as rows of them are wanted, by row group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet
from torch import Tensor

from saln.datasets import DataError
from saln.datasets.errors import one_line
from saln.datasets.mapped import map_buffer

Array = npt.NDArray[Any]
RowNumbers = npt.NDArray[np.int64]

DECODED = 1 << 20
"""Bytes decoded at once."""
DECODER = 64 << 20
"""Bytes that Arrow takes for that and keeps: measured, 40 to 50 MiB, whatever a row group's size."""


class RowGroups:
    """A column of numbers or of lists of equal length, or several columns of numbers side by side; see `Rows`.

    Only row groups with rows that are wanted are read, from their starts to the last row wanted; reading on from where
    the last read ended does not start anew.

    Parameters
    ----------
    path : Path
    columns : sequence of str
    side_by_side : bool
        Scalar columns as the numbers of a row, missing ones NaN; otherwise there is one column.
    """

    bfloat16 = False
    overhead = DECODER

    def __init__(self, path: Path, columns: Sequence[str], *, side_by_side: bool) -> None:
        self.how = "streamed by row group"
        self._path, self._columns, self._side_by_side = path, list(columns), side_by_side
        with one_line(path):
            # Mapped, what is compressed needs no memory of its own; without pre_buffer pages are read one by one.
            buffer, self._region = map_buffer(path)
            self._file = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(buffer), pre_buffer=False)
        meta = self._file.metadata
        sizes = [meta.row_group(number).num_rows for number in range(meta.num_row_groups)]
        if min(sizes, default=0) < 0:
            raise DataError(f"{path}: says of a row group that it has {min(sizes)} rows")
        self._starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)  # [groups + 1]
        self.n_rows = int(self._starts[-1])
        self._group = -1
        self._batches: Iterator[Any] = iter(())
        self._at = 0  # the row number of _now's first row
        self._now: Array = np.empty((0, 0), dtype=np.float32)
        self._describe()

    def _describe(self) -> None:
        schema = self._file.schema_arrow
        first = schema.field(self._columns[0]).type
        self._lists = any(check(first) for check in _LISTS)
        self.ndim = 2 if self._lists or self._side_by_side else 1
        if self._side_by_side:
            for name in self._columns:
                if not _is_number(schema.field(name).type):
                    raise DataError(
                        f"{self._path}: column '{name}' is {schema.field(name).type}; wanted a number a row"
                    )
            self.width, self.stored = len(self._columns), np.dtype(np.float32)
            return
        element = first.value_type if self._lists else first
        if not _is_number(element):
            raise DataError(f"{self._path}: column '{self._columns[0]}' is {first}; wanted numbers or lists of numbers")
        self.stored = np.dtype(element.to_pandas_dtype())
        self.width = 1
        if self._lists:
            self.width = first.list_size if pyarrow.types.is_fixed_size_list(first) else self._first_length()

    def _first_length(self) -> int:
        for batch in self._file.iter_batches(batch_size=1, columns=self._columns):
            length = batch.column(0).value_lengths()[0].as_py()
            if length is None:
                raise self._uneven()
            return int(length)
        return 0

    def fill(self, rows: RowNumbers, out: Array) -> None:
        """As in `Rows`."""
        done = 0
        while done < len(rows):
            row = int(rows[done])
            self._go_to(row)
            stop = int(np.searchsorted(rows, self._at + len(self._now)))
            out[done:stop] = self._now[rows[done:stop] - self._at]
            done = stop

    def prefetch(self, rows: RowNumbers) -> None:
        """As in `Rows`: nothing; pages are read in the order in which they lie."""

    def whole(self) -> Tensor | None:
        """As in `Rows`: None."""
        return None

    def _go_to(self, row: int) -> None:
        group = int(np.searchsorted(self._starts, row, side="right")) - 1
        if group != self._group or row < self._at:
            step = max(1, DECODED // max(1, self.width * self.stored.itemsize))
            self._group, self._at, self._now = group, int(self._starts[group]), self._now[:0]
            self._batches = self._file.iter_batches(batch_size=step, row_groups=[group], columns=self._columns)
        while row >= self._at + len(self._now):
            self._at += len(self._now)
            with one_line(self._path):
                self._region.check()
                batch = next(self._batches, None)
                if batch is None:
                    raise DataError(f"{self._path}: ends before row {row}; it says that it has {self.n_rows} rows")
                self._now = self._decode(batch)

    def _decode(self, batch: Any) -> Array:
        """Numbers `[rows, width]` of a record batch."""
        if self._side_by_side:
            columns = [batch.column(name).to_numpy(zero_copy_only=False) for name in self._columns]
            return np.stack([np.asarray(column, dtype=np.float32) for column in columns], axis=1)
        column = batch.column(0)
        if not self._lists:
            if column.null_count and self.stored.kind != "f":
                raise DataError(f"{self._path}: column '{self._columns[0]}' has {column.null_count} empty values")
            return np.asarray(column.to_numpy(zero_copy_only=False)).reshape(-1, 1)
        values = column.flatten()
        lengths = np.asarray(column.value_lengths().to_numpy(zero_copy_only=False))
        if column.null_count or values.null_count or not np.all(lengths == self.width):
            raise self._uneven()
        return np.asarray(values.to_numpy(zero_copy_only=False)).reshape(-1, self.width)

    def _uneven(self) -> DataError:
        return DataError(
            f"{self._path}: the lists of column '{self._columns[0]}' differ in length, or they or numbers in them are "
            "missing"
        )


_LISTS = (pyarrow.types.is_list, pyarrow.types.is_large_list, pyarrow.types.is_fixed_size_list)


def _is_number(kind: Any) -> bool:
    types = pyarrow.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))
