"""What an audit is given, from files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from saln.audit.audit import Evaluation
from saln.datasets import DataError, Groups, array_names, crossed, find_features, read_array
from saln.datasets.files import describe
from saln.datasets.group_files import PREDICTION_KEYS, group_column
from saln.datasets.load import LABEL_KEYS, TEST_KEYS
from saln.datasets.named import find_array, split_name

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
    name = find_array(path, names, SELECTION_KEYS, "the selection")
    array = read_array(path, name)
    if array.ndim not in (1, 2) or array.dtype.kind not in "iu" or not array.size:
        raise DataError(f"{path}: '{name}' is {describe(array)}; wanted row numbers [steps, batch] or [n]")
    return array


def is_run(text: str) -> bool:
    """The file says, beside what was chosen, what could be, and what was predicted of all rows in the end."""
    path, names = split_name(text)
    return not names and path.suffix.lower() == ".npz" and set(RUN_ARRAYS) <= set(array_names(path))


def read_features(text: str) -> Array:
    """Features `[N, d]` of `FILE` or `FILE:ARRAY`."""
    path, names = split_name(text)
    array = read_array(path, names[0] if names else find_features(path))
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
            name = next((key for key in TEST_KEYS if key in array_names(path)), None)
            if name is not None:
                return ~read_array(path, name).astype(np.bool_)
        return None
    path, names = split_name(text)
    array = read_array(path, find_array(path, names, ("pool",), "the pool"))
    if array.ndim == 1 and array.dtype.kind == "b":
        return array
    raise DataError(f"{path}: the pool is {describe(array)}; wanted one true or false a row")


def run_evaluation(run: str, groups: Sequence[Groups]) -> Evaluation:
    """What a pilot's run predicted for its test rows."""
    path, _ = split_name(run)
    test_rows = read_array(path, "is_test")
    if len(test_rows) != len(groups[0].codes):
        raise DataError(f"{path}: {len(test_rows)} rows, but the group columns have {len(groups[0].codes)}")
    labels, predictions = (read_array(path, name)[test_rows] for name in ("labels", "predictions"))
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
    available = array_names(path)
    predicted = find_array(path, names[:1], PREDICTION_KEYS, "the predictions")
    label = find_array(path, names[1:2], LABEL_KEYS, "the labels")
    predictions, labels = read_array(path, predicted), read_array(path, label)
    if predictions.ndim != 1 or predictions.shape != labels.shape:
        raise DataError(
            f"{path}: '{predicted}' is {describe(predictions)} and '{label}' {describe(labels)}; wanted one each a row"
        )
    if (predictions.dtype.kind in "US") != (labels.dtype.kind in "US"):
        raise DataError(f"{path}: '{predicted}' is {describe(predictions)}, but '{label}' is {describe(labels)}")
    single = groups[:-1] if cross and len(groups) > 1 else groups
    own = [each.column for each in single if each.column in available and not each.cut]
    if own:
        mark = next((key for key in TEST_KEYS if key in available), None)
        tested = np.ones(len(labels), dtype=bool) if mark is None else read_array(path, mark).astype(np.bool_)
        of_rows = [group_column(path, name) for name in own]
        missing = ", ".join(each.column for each in single if each.column not in own)
        if len(single) < len(groups) and not missing:
            of_rows.append(crossed(of_rows))
        notes = [f"Accuracy was not looked at by {missing}, which {path.name} cannot tell."] if missing else []
        return Evaluation(labels[tested], predictions[tested], [each.take(tested) for each in of_rows]), notes
    if len(labels) != len(groups[0].codes):
        raise DataError(f"{path}: {len(labels)} predictions, but the group columns have {len(groups[0].codes)} rows")
    if test_rows is None or not test_rows.any():
        return Evaluation(labels, predictions, groups), ["Accuracy is over all rows, also those trained on."]
    return Evaluation(labels[test_rows], predictions[test_rows], [each.take(test_rows) for each in groups]), []
