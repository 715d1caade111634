"""Which columns of a table are features, where they are not named: numbers, but no index, no label, no mark."""

from __future__ import annotations

import re
from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from saln.datasets.errors import Array, DataError, listing
from saln.datasets.files import LABEL_KEYS, TEST_KEYS, ArrayFile, as_float32, first_text
from saln.datasets.tables import pandas_index

INDEX = re.compile(r"(unnamed: .*)?|__index_level_\d+__", re.IGNORECASE)
"""Names that pandas gives an index without one."""
IDS = re.compile(r"(?i:index|idx|(.*[ _.-])?(id|uuid|guid))|.*[a-z]I[dD]")
"""Names of whole numbers that name rows."""


def feature_columns(
    file: ArrayFile, skip: Collection[str | None], codes: npt.NDArray[np.int64]
) -> tuple[Array, list[str]]:
    """The features of a table `[N, d]` float32, and a note on the columns that were left out.

    Features are the columns of one number a row, or, where there is none, the only column of lists. Left out are
    indices and other names of rows, other labels, whatever they are called, and columns that hold nothing.

    Parameters
    ----------
    file : ArrayFile
    skip : collection of str
        Columns that are known to be something else.
    codes : ndarray
        `[N]` class numbers.

    Raises
    ------
    DataError
        No column is left, or several columns of lists; the message says why.
    """
    index = pandas_index(file.path) if file.path.suffix.lower() == ".parquet" else []
    numbers: list[Array] = []
    lists: list[tuple[str, Array]] = []
    left_out: list[str] = []
    for name in file.names:
        if name in skip:
            continue
        reason = "an index" if name in index or INDEX.fullmatch(name) else _known(name)
        if reason is None:
            try:
                column = file.read(name)
            except DataError as error:
                reason = str(error).removeprefix(f"{file.path}: column '{name}' ")
            else:
                reason = _no_feature(name, column, codes)
        if reason is not None:
            left_out.append(f"'{name}' ({reason})")
        elif column.ndim > 1:
            lists.append((name, column))
        else:
            numbers.append(as_float32(column))
    if numbers:
        left_out += [f"'{name}' (lists)" for name, _ in lists]
    elif len(lists) != 1:
        found = [f"'{name}' (lists; name one)" for name, _ in lists] + left_out
        raise DataError(f"{file.path}: no columns that are features; there are {listing(found)}")
    notes = [f"Columns left out of the features: {listing(left_out)}. Naming columns takes others."] if left_out else []
    return np.stack(numbers, axis=1) if numbers else lists[0][1], notes


def _known(name: str) -> str | None:
    return "another label" if name in LABEL_KEYS else "another test mark" if name in TEST_KEYS else None


def _no_feature(name: str, column: Array, codes: npt.NDArray[np.int64]) -> str | None:
    """Why a column is no feature; None if it is one."""
    if column.ndim > 1:
        return None
    if column.dtype.kind == "U":
        row, value = first_text(column)
        return f"texts, '{value}' in row {row}"
    if column.dtype.kind not in "fiub":
        return str(column.dtype)
    if column.dtype.kind == "f" and np.isnan(column).all():
        return "empty"
    whole = column.dtype.kind != "f" or bool(np.all(column == np.round(column)))
    if whole and IDS.fullmatch(name):
        return "names of rows"
    return "the label in other numbers" if whole and _same_classes(column, codes) else None


def _same_classes(column: Array, codes: npt.NDArray[np.int64]) -> bool:
    """Each class has a value of its own, and each value its class; with few rows that says nothing."""
    n_classes = int(codes.max()) + 1
    values, found = np.unique(column, return_inverse=True)
    same = len(values) == n_classes and len(codes) >= 2 * n_classes
    return same and len(np.unique(found * n_classes + codes)) == n_classes
