"""Group columns: one value a row, turned into group numbers with names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from saln.datasets.errors import DataError

MISSING = "(missing)"
MOST_GROUPS = 200
"""Distinct texts from which a column is taken for a name or an identifier."""
MOST_NUMBERS = 50
"""Distinct numbers from which a column is cut at its quartiles."""


@dataclass(frozen=True)
class Groups:
    """A group column.

    Attributes
    ----------
    column : str
    names : tuple of str
        Of the groups, for people.
    codes : ndarray
        `[N]` int64, the group of every row.
    cut : bool
        The groups are quarters of a range of numbers.
    """

    column: str
    names: tuple[str, ...]
    codes: npt.NDArray[np.int64]
    cut: bool = False

    def take(self, rows: npt.NDArray[Any]) -> Groups:
        """The same column for some rows, the groups numbered as before."""
        return Groups(self.column, self.names, self.codes[rows], self.cut)


def make_groups(column: str, values: Any, names: Sequence[str] | None = None) -> Groups:
    """Number the groups of a column.

    Parameters
    ----------
    column : str
        Its name, for messages and tables.
    values : array_like
        `[N]` texts, whole numbers, bools or numbers. Empty texts and NaN are a group of their own. Numbers of more than
        `MOST_NUMBERS` kinds are cut at their quartiles, unless `names` are given.
    names : sequence of str, optional
        Names of the groups numbered 0, 1, ... where values are such numbers.

    Raises
    ------
    DataError
        Not one value a row, or more than `MOST_GROUPS` different ones.

    Examples
    --------
    >>> make_groups("site", ["north", "south", "", "north"]).names
    ('(missing)', 'north', 'south')
    """
    array = np.asarray(values)
    if array.ndim != 1 or array.dtype.kind not in "fiubUSO":
        raise DataError(f"groups '{column}': {array.dtype} {list(array.shape)}; wanted one text or number a row")
    if array.dtype.kind in "fiu" and names is None:
        cut = _quarters(column, array)
        if cut is not None:
            return cut
    missing = np.isnan(array) if array.dtype.kind == "f" else np.zeros(array.shape, dtype=bool)
    if array.dtype.kind in "USO":
        array = array.astype(np.str_)
        missing = np.char.strip(array) == ""
    kinds, found = np.unique(array[~missing], return_inverse=True)
    if len(kinds) > MOST_GROUPS:
        raise DataError(f"groups '{column}': {len(kinds)} different values; at most {MOST_GROUPS} make groups")
    shift = int(missing.any())
    codes = np.zeros(array.shape, dtype=np.int64)
    codes[~missing] = found.reshape(-1) + shift
    return Groups(column, (*[MISSING] * shift, *(_name(kind, names) for kind in kinds)), codes)


def crossed(parts: Sequence[Groups]) -> Groups:
    """Every combination of groups that occurs, as a column of its own."""
    codes = np.stack([each.codes for each in parts], axis=1)  # [N, columns]
    kinds, found = np.unique(codes, axis=0, return_inverse=True)
    column = " × ".join(each.column for each in parts)
    if len(kinds) > MOST_GROUPS:
        raise DataError(f"groups '{column}': {len(kinds)} combinations; at most {MOST_GROUPS} make groups")
    names = tuple(
        " × ".join(each.names[code] for each, code in zip(parts, kind, strict=True)) for kind in kinds.tolist()
    )
    return Groups(column, names, found.reshape(-1).astype(np.int64))


def _quarters(column: str, array: npt.NDArray[Any]) -> Groups | None:
    """Groups between quartiles, or None where the numbers are few enough to be groups themselves."""
    numbers = array.astype(np.float64)
    missing = np.isnan(numbers)
    if len(np.unique(numbers[~missing])) <= MOST_NUMBERS:
        return None
    edges = np.unique(np.quantile(numbers[~missing], [0.25, 0.5, 0.75]))
    found = np.searchsorted(edges, numbers, side="left")  # a value at an edge belongs below
    bounds = [f"{edge:.4g}" for edge in edges]
    names = [f"≤ {bounds[0]}", *(f"{low} to {high}" for low, high in pairwise(bounds))]
    names.append(f"> {bounds[-1]}")
    if missing.any():
        found = np.where(missing, 0, found + 1)
        names = [MISSING, *names]
    return Groups(column, tuple(names), found.astype(np.int64), cut=True)


def _name(kind: Any, names: Sequence[str] | None) -> str:
    if isinstance(kind, np.floating | float) and float(kind).is_integer():
        kind = int(kind)
    if names is not None and isinstance(kind, np.integer | int) and 0 <= int(kind) < len(names):
        return str(names[int(kind)])
    return str(kind)
