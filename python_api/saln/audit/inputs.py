"""What an audit is given, from files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from saln.audit.audit import Evaluation
from saln.catalogue import message
from saln.datasets import ArrayFile, DataError, Groups, crossed
from saln.datasets.errors import describe
from saln.datasets.files import FEATURE_KEYS, LABEL_KEYS, PREDICTION_KEYS, TEST_KEYS
from saln.datasets.group_files import group_column
from saln.datasets.labels import read_marks
from saln.datasets.named import split_name

Array = npt.NDArray[Any]
SELECTION_KEYS = ("selection", "chosen", "indices", "batches", "candidates", "rows")
RUNS = "chosen"
"""The folder of a pilot's runs, a file each."""
RUN_ARRAYS = ("chosen", "pool", "labels", "is_test", "predictions")


def find_run(text: str) -> str:
    """A pilot's run `FOLDER:METHOD-seedS` as the file of what it chose; anything else as it is.

    Raises
    ------
    DataError
        The folder holds no such run; the message names those that it has.
    """
    path, names = split_name(text)
    folder = path.parent if path.suffix == ".json" else path
    if not folder.is_dir() or (path.is_file() and path.suffix != ".json"):
        return text
    runs = sorted(each.stem for each in (folder / RUNS).glob("*.npz"))
    if not runs:
        raise DataError(f"{path}: no folder {RUNS} with runs of a pilot in it")
    if len(names) != 1 or names[0] not in runs:
        raise DataError(f"{path}: name one run, as in {path}:{runs[0]}; there are {', '.join(runs[:24])}")
    return str(folder / RUNS / f"{names[0]}.npz")


def read_selection(text: str) -> Array:
    """Row numbers `[steps, batch]` or `[n]` of `FILE` or `FILE:ARRAY`."""
    path, names = split_name(text)
    file = ArrayFile(path)
    name = file.find("selection", SELECTION_KEYS, next(iter(names), None))
    array = file.read(name)
    if array.ndim not in (1, 2) or array.dtype.kind not in "iu" or not array.size:
        raise DataError(f"{path}: '{name}' is {describe(array)}; wanted row numbers [steps, batch] or [n]")
    return array


def is_run(text: str) -> bool:
    """The file says, beside what was chosen, what could be, and what was predicted of all rows in the end."""
    path, names = split_name(text)
    return not names and path.suffix.lower() == ".npz" and set(RUN_ARRAYS) <= set(ArrayFile(path).names)


def read_features(text: str) -> Array:
    """Features `[N, d]` of `FILE` or `FILE:ARRAY`."""
    path, names = split_name(text)
    file = ArrayFile(path)
    array = file.read(file.find("features", FEATURE_KEYS, next(iter(names), None)))
    if array.ndim < 2 or array.dtype.kind not in "fiub":
        raise DataError(f"{path}: features are {describe(array)}; wanted numbers [N, d]")
    flat = array.reshape(array.shape[0], -1)
    return np.ascontiguousarray(flat, dtype=flat.dtype.newbyteorder("=") if flat.dtype.kind == "f" else np.float32)


def read_pool(text: str | None, groups: Sequence[str]) -> npt.NDArray[np.bool_] | None:
    """Which rows could be chosen.

    `text` is `FILE:ARRAY` with a bool a row, or row numbers. Without it, the rows not marked for testing where a group
    file has such a mark, else None: all.
    """
    if text is None:
        for path in (split_name(each)[0] for each in groups):
            marked = _test_rows(ArrayFile(path))
            if marked is not None:
                return ~marked
        return None
    path, names = split_name(text)
    file = ArrayFile(path)
    array = file.read(file.find("pool", ("pool",), next(iter(names), None)))
    if array.ndim == 1 and array.dtype.kind == "b":
        return array
    raise DataError(f"{path}: the pool is {describe(array)}; wanted one true or false a row")


def _test_rows(file: ArrayFile) -> npt.NDArray[np.bool_] | None:
    """The rows that a file marks for testing; None without a mark."""
    name = file.known(TEST_KEYS)
    return None if name is None else read_marks(file.read(name), f"{file.path}: '{name}'")


def run_evaluation(run: str, groups: Sequence[Groups]) -> Evaluation:
    """What a pilot's run predicted for its test rows."""
    path, _ = split_name(run)
    file = ArrayFile(path)
    test_rows = read_marks(file.read("is_test"), f"{path}: 'is_test'")
    if len(test_rows) != len(groups[0].codes):
        raise DataError(f"{path}: {len(test_rows)} rows, but the group columns have {len(groups[0].codes)}")
    labels, predictions = (file.read(name)[test_rows] for name in ("labels", "predictions"))
    return Evaluation(labels, predictions, [each.take(test_rows) for each in groups])


def read_evaluation(
    text: str, groups: Sequence[Groups], test_rows: npt.NDArray[np.bool_] | None, *, cross: bool = False
) -> tuple[Evaluation, list[str]]:
    """Labels and predictions of `FILE` or `FILE:PREDICTIONS,LABELS`, with the groups of the same rows.

    A file that has the group columns brings its own rows, such as those of a test set. Else its rows are those of the
    group columns. Where some are marked for testing, they alone count.

    Parameters
    ----------
    text : str
    groups : sequence of Groups
    test_rows : ndarray or None
        `[N]` bool.
    cross : bool
        The last of `groups` holds the combinations of the others.

    Raises
    ------
    DataError
        Naming what is missing, or the rows that do not fit.
    """
    path, names = split_name(text)
    file = ArrayFile(path)
    predicted = file.find("predictions", PREDICTION_KEYS, next(iter(names), None))
    label = file.find("labels", LABEL_KEYS, next(iter(names[1:]), None))
    predictions, labels = file.read(predicted), file.read(label)
    if predictions.ndim != 1 or predictions.shape != labels.shape:
        raise DataError(
            f"{path}: '{predicted}' is {describe(predictions)} and '{label}' {describe(labels)}; wanted one each a row"
        )
    if (predictions.dtype.kind in "US") != (labels.dtype.kind in "US"):
        raise DataError(f"{path}: '{predicted}' is {describe(predictions)}, but '{label}' is {describe(labels)}")
    single = groups[:-1] if cross and len(groups) > 1 else groups
    own = [each.column for each in single if each.column in file.names and not each.cut]
    if own:
        marked = _test_rows(file)
        tested = np.ones(len(labels), dtype=bool) if marked is None else marked
        of_rows = [group_column(file, name) for name in own]
        missing = ", ".join(each.column for each in single if each.column not in own)
        if len(single) < len(groups) and not missing:
            of_rows.append(crossed(of_rows))
        notes: list[str] = [message("audit.not_asked", columns=missing, file=path.name)] if missing else []
        return Evaluation(labels[tested], predictions[tested], [each.take(tested) for each in of_rows]), notes
    if len(labels) != len(groups[0].codes):
        raise DataError(f"{path}: {len(labels)} predictions, but the group columns have {len(groups[0].codes)} rows")
    if test_rows is None or not test_rows.any():
        return Evaluation(labels, predictions, groups), [message("audit.all_rows")]
    return Evaluation(labels[test_rows], predictions[test_rows], [each.take(test_rows) for each in groups]), []
