"""Group columns from files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from saln.catalogue import message
from saln.datasets.errors import DataError
from saln.datasets.files import CLASS_NAMES, LABEL_KEYS, NPY_NAME, PREDICTION_KEYS, TEST_KEYS, ArrayFile
from saln.datasets.groups import MOST_GROUPS, MOST_NUMBERS, Groups, crossed, make_groups
from saln.datasets.named import split_name


def read_groups(texts: Sequence[str], *, cross: bool = False) -> tuple[list[Groups], list[str]]:
    """Group columns of `FILE` (all that can be groups) or `FILE:COLUMN,COLUMN`.

    Parameters
    ----------
    texts : sequence of str
    cross : bool
        Add the combinations of all of them as a column.

    Returns
    -------
    list of Groups, list of str
        The columns, and what was left out or cut into quarters.

    Raises
    ------
    DataError
        Naming the file or column that cannot be groups, or two columns of one name.
    """
    found: list[Groups] = []
    notes: list[str] = []
    for text in texts:
        path, names = split_name(text)
        file = ArrayFile(path)
        found += [group_column(file, name) for name in names or _group_columns(file, notes)]
    if not found:
        raise DataError(f"groups: no column of {', '.join(texts)} can be groups; name one, as in FILE:COLUMN")
    if cross and len(found) > 1:
        found.append(crossed(found))
    seen = [each.column for each in found]
    twice = sorted({name for name in seen if seen.count(name) > 1})
    if twice:
        raise DataError(f"groups: more than one column is called {', '.join(twice)}")
    notes += [message("data.groups.cut", column=each.column, most=MOST_NUMBERS) for each in found if each.cut]
    return found, notes


def read_column(text: str, n_rows: int) -> Groups:
    """One group column, such as labels, of `FILE` or `FILE:COLUMN`, for so many rows."""
    path, names = split_name(text)
    file = ArrayFile(path)
    found = group_column(file, file.find("labels", LABEL_KEYS, next(iter(names), None)))
    if len(found.codes) != n_rows:
        raise DataError(f"{path}: '{found.column}' has {len(found.codes)} rows; wanted {n_rows}, as the features have")
    return found


def group_column(file: ArrayFile, name: str) -> Groups:
    """A column as groups; class numbers are never cut at their quartiles."""
    array = file.read(name)
    names = None
    if name in LABEL_KEYS and array.dtype.kind in "iu":
        names = [str(each) for each in file.read(CLASS_NAMES)] if CLASS_NAMES in file.names else []
    return make_groups(file.path.stem if name == NPY_NAME else name, array, names)


def _group_columns(file: ArrayFile, notes: list[str]) -> list[str]:
    """Columns of one value a row, apart from marks, predictions and names of rows."""
    known = (*TEST_KEYS, *PREDICTION_KEYS, CLASS_NAMES, "pool")
    found: list[str] = []
    for name in file.names:
        if name in known:
            continue
        array = file.read(name)
        if array.ndim != 1 or array.dtype.kind not in "fiubU":
            continue
        if array.dtype.kind == "U" and len(np.unique(array)) > MOST_GROUPS:
            notes.append(message("data.groups.texts", column=name, file=file.path.name, most=MOST_GROUPS))
            continue
        found.append(name)
    return found
