"""Arrays or columns by name, wherever they are from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from saln.datasets.errors import Array, DataError, describe, listing, one_line
from saln.datasets.tables import Opened, values
from saln.needs import extra_pilot


class Arrays:
    """Arrays or columns by name.

    Parameters
    ----------
    opened : Opened
    where : str
        What they are from, for messages.
    folder : Path or None
        Where files that a column names are looked for; None: where the program runs.
    ignore : sequence of str
        Names to do without, as if there were no such arrays.

    Attributes
    ----------
    names : list of str
    is_table : bool
        They are columns of a table, one value a row each.

    Raises
    ------
    DataError
        Two arrays have one name, or one to ignore is not there.
    """

    def __init__(self, opened: Opened, where: str, *, folder: Path | None = None, ignore: Sequence[str] = ()) -> None:
        self.opened, self.where, self.folder = opened, where, folder
        self.names = opened.names
        self.is_table = opened.column is not None
        twice = next((name for name, times in Counter(self.names).items() if times > 1), None)
        if twice is not None:
            raise DataError(f"{where}: more than one array or column is called '{twice}'; wanted names that differ")
        self._there = set(self.names)
        self._valid: set[str] = set()
        for name in ignore:
            self.require(name)
        self._there -= set(ignore)
        self.names = [name for name in self.names if name in self._there]

    def read(self, name: str) -> Array:
        """One array: texts as str, bfloat16 tensors as float32, list columns as a matrix `[rows, length]`.

        Missing values of a column are NaN among numbers, and empty among texts. A DataError names what is not there,
        or cannot be read.
        """
        self.require(name)
        with one_line(self.where, name):
            if self.opened.read is None:
                array = values(self.column(name), f"{self.where}: column '{name}'")
            else:
                array = self.opened.read(name)
            if array.dtype.kind == "S":
                array = np.char.decode(array, "utf-8")
        if array.dtype.hasobject:
            raise DataError(f"{self.where}: '{name}' holds Python objects, which are not read")
        return array

    def column(self, name: str) -> Any:
        """One column as Arrow has it; of arrays, one with a value a row."""
        self.require(name)
        with one_line(self.where, name):
            if self.opened.column is not None:
                column = self.opened.column(name)
                if name not in self._valid:
                    column.validate(full=True)  # a broken one may end the program where it is used
                    self._valid.add(name)
                return column
            with extra_pilot():
                import pyarrow

            return pyarrow.chunked_array([pyarrow.array(self.read(name), from_pandas=True)])

    def kind(self, name: str) -> Any:
        """Arrow's type of a column."""
        self.require(name)
        return self.column(name).type if self.opened.kind is None else self.opened.kind(name)

    def taken(self, rows: npt.NDArray[np.int64]) -> Arrays:
        """The same with some of the rows alone."""
        opened, found = self.opened, copy(self)
        found.opened = replace(
            opened,
            read=None if opened.read is None else lambda name: self.read(name)[rows],
            column=None if opened.column is None else lambda name: self.column(name).take(rows),
            n_rows=None if opened.n_rows is None else len(rows),
        )
        return found

    def known(self, keys: Sequence[str]) -> str | None:
        """The first of these names that there is; capitals matter in single letters, and where both are there."""
        exact = next((key for key in keys if key in self._there), None)
        if exact is not None:
            return exact
        lower = {name.lower(): name for name in reversed(self.names) if len(name) > 1}
        return next((lower[key.lower()] for key in keys if key.lower() in lower), None)

    def find(self, what: str, keys: Sequence[str], name: str | None = None, *, only: bool = True) -> str:
        """The array that was named, or is known by its name, or is the `only` one; a DataError where none is."""
        if name is not None:
            self.require(name)
            return name
        found = self.known(keys) or (self.names[0] if only and len(self.names) == 1 else None)
        if found is None:
            kind = "column" if self.is_table else "array"
            option = f" ({what.removesuffix('s')}_key)" if what in ("features", "labels") else ""
            raise DataError(
                f"{self.where}: which {kind} holds the {what}? None of {', '.join(keys)} is in it; name one{option} of "
                f"{listing(self.names)}"
            )
        return found

    def take(self, what: str, keys: Sequence[str], name: str | None = None) -> Array:
        """What `find` names."""
        return self.read(self.find(what, keys, name))

    def read_columns(self, names: Sequence[str]) -> Array:
        """Columns of one number a row side by side, `[rows, len(names)]` float32; what is missing is NaN."""
        columns = []
        for name in names:
            column = self.read(name)
            if column.ndim != 1 or column.dtype.kind not in "fiub":
                raise DataError(f"{self.where}: column '{name}' is {_kind(column)}; wanted one number a row")
            columns.append(as_float32(column))
        return np.stack(columns, axis=1)

    def require(self, name: str) -> None:
        """A DataError if there is no such array."""
        if name not in self._there:
            raise DataError(f"{self.where}: no array or column named '{name}'; it has {listing(self.names)}")


def as_float32(array: Array) -> Array:
    """Numbers as float32, infinite where they are too large for it."""
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def _kind(column: Array) -> str:
    """What a column is that holds no numbers; of texts, the first that is none."""
    if column.dtype.kind != "U" or column.ndim != 1:
        return describe(column)
    row, value = first_text(column.tolist())
    return f"text, '{value}' in row {row}"


def first_text(column: Sequence[str | None]) -> tuple[int, str]:
    """Row and value of the first text that is no number."""
    for row, value in enumerate(column):
        try:
            float(value or "nan")
        except ValueError:
            return row, str(value)
    return 0, column[0] or "" if len(column) else ""
