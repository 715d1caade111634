"""Labels and test marks of rows, read strictly: what is missing or not understood is never a class or a mark."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from saln.datasets.errors import Array, DataError, describe, rows_in_words

MARKS = {
    **dict.fromkeys(("1", "true", "yes", "test"), True),
    **dict.fromkeys(("0", "false", "no", "train"), False),
}
"""Texts that mark a row for testing, or for training; capitals do not matter."""
VALIDATION = ("validation", "valid", "val", "dev", "eval")
"""Texts that mark a row for a test beside the last one."""
FEW_VALUES = 10
"""Distinct numbers up to which labels that are not whole are taken for damaged classes, not for targets."""


def class_numbers(
    labels: Array, what: str, names: Array | None = None
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Class numbers `[N]` from 0 on, and the classes' names.

    Parameters
    ----------
    labels : ndarray
        `[N]` whole numbers, bools or texts.
    what : str
        Where they come from, for messages.
    names : ndarray, optional
        `[K]` names of the classes where labels are the numbers 0 to K - 1.

    Raises
    ------
    DataError
        They are of another kind, some are missing, or they are of one class.

    Examples
    --------
    >>> codes, names = class_numbers(np.array(["b", "a", "b"]), "labels")
    >>> codes.tolist(), names
    ([1, 0, 1], ('a', 'b'))
    """
    if labels.ndim != 1 or labels.dtype.kind not in "fiubU":
        raise DataError(f"{what} is {describe(labels)}; wanted a label a row, whole numbers or texts")
    if not len(labels):
        raise DataError(f"{what} has no rows")
    missing = _missing(labels)
    if missing.any():
        raise DataError(f"{what} is missing in {rows_in_words(missing)}; wanted a label for every row")
    if labels.dtype.kind == "f" and not np.all(np.isfinite(labels) & (labels == np.round(labels))):
        row = int(np.flatnonzero(~np.isfinite(labels) | (labels != np.round(labels)))[0])
        raise DataError(
            f"{what} is {labels[row]} in row {row}; wanted whole numbers or texts, classes (a number to predict is a "
            "target)"
        )
    values, codes = np.unique(labels, return_inverse=True)
    if len(values) < 2:
        raise DataError(f"{what} holds {len(values)} class in {len(labels)} rows; wanted at least 2")
    numbered = labels.dtype.kind in "iub" and values.min() >= 0
    if names is not None and numbered and names.ndim == 1 and int(values.max()) < len(names):
        return codes, tuple(str(names[int(value)]) for value in values)
    return codes, tuple(str(int(value)) if labels.dtype.kind == "f" else str(value) for value in values)


def read_marks(marks: Array, what: str) -> npt.NDArray[np.bool_]:
    """Which rows are marked for testing, `[N]` bool: of 0 and 1, true and false, yes and no, or train and test.

    Raises
    ------
    DataError
        Some are missing or something else; it names the first.

    Examples
    --------
    >>> read_marks(np.array(["train", "Test", "0"]), "split").tolist()
    [False, True, False]
    """
    wanted = "wanted 0 or 1, true or false, yes or no, train or test"
    if marks.ndim != 1 or marks.dtype.kind not in "fiubU":
        raise DataError(f"{what} is {describe(marks)}; {wanted}, one for each row")
    missing = _missing(marks)
    if missing.any():
        raise DataError(f"{what} is missing in {rows_in_words(missing)}; {wanted}")
    if marks.dtype.kind != "U":
        marks = marks.astype(np.float64)
    found = np.empty(len(marks), dtype=np.bool_)
    for value in np.unique(marks):
        mark = (
            MARKS.get(value.strip().lower()) if marks.dtype.kind == "U" else {0.0: False, 1.0: True}.get(float(value))
        )
        if mark is None:
            row = int(np.flatnonzero(marks == value)[0])
            raise DataError(f"{what} is '{value}' in row {row}; {wanted}")
        found[marks == value] = mark
    return found


def is_target(labels: Array) -> bool:
    """Whether these are numbers to predict, not classes: many different ones that are not whole."""
    if labels.ndim != 1 or labels.dtype.kind != "f":
        return False
    given = labels[np.isfinite(labels)]
    return not np.all(given == np.round(given)) and len(np.unique(given)) > FEW_VALUES


def read_targets(values: Array, what: str) -> npt.NDArray[np.float32]:
    """Numbers to predict, `[N]` float32.

    Raises
    ------
    DataError
        They are no numbers, or some are missing or infinite.
    """
    if values.ndim != 1 or values.dtype.kind not in "fiub":
        raise DataError(f"{what} is {describe(values)}; wanted a target a row, numbers")
    if not len(values):
        raise DataError(f"{what} has no rows")
    with np.errstate(over="ignore"):
        found = values.astype(np.float32)
    missing = ~np.isfinite(found)
    if missing.any():
        raise DataError(f"{what} is missing or infinite in {rows_in_words(missing)}; wanted a target for every row")
    return found


def split_validation(marks: Array) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Marks of three kinds as marks of two, and the rows that are validated on.

    Rows for validation are for testing where there are no others; else they are neither trained nor tested on.

    Examples
    --------
    >>> split_validation(np.array(["train", "dev"]))
    (array(['train', 'test'], dtype='<U5'), array([False,  True]))
    """
    if marks.ndim != 1 or marks.dtype.kind != "U":
        return marks, np.zeros(len(marks) if marks.ndim else 0, dtype=np.bool_)
    validation = np.isin(np.char.lower(np.char.strip(marks)), VALIDATION)
    return np.where(validation, "test", marks), validation


def _missing(values: Array) -> npt.NDArray[np.bool_]:
    if values.dtype.kind == "f":
        return np.isnan(values)
    return np.char.strip(values) == "" if values.dtype.kind == "U" else np.zeros(len(values), dtype=np.bool_)
