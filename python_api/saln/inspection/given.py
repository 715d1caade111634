"""What a look is given, as arrays: features, labels of one kind or another, groups, and the split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from saln.datasets import DataError, Groups, make_groups
from saln.datasets.errors import Array, describe
from saln.datasets.groups import MISSING
from saln.superbatch import as_tensor

LabelKind = Literal["classes", "multilabel", "targets"]
TRAINING = ("train", "training", "false", "0")
"""Names of the part of a split that is trained on, in small letters."""
SPLIT = "split"


@dataclass(frozen=True)
class Given:
    """Labels as they were given and as they are judged.

    Attributes
    ----------
    kind : {"classes", "multilabel", "targets"}
    values : ndarray
        As given: `[N]` whole numbers or texts, `[N, L]` of 0 and 1, or `[N]` float32.
    codes : Tensor
        `[N]` int64 class numbers, `[N, L]` int64, or `[N]` float32.
    classes : ndarray
        What each class number stands for, or the numbers of the columns of several labels.
    names : tuple of str
        Of the classes, or of the columns.
    """

    kind: LabelKind
    values: Array
    codes: Tensor
    classes: Array
    names: tuple[str, ...]


def as_features(features: Any) -> Tensor:
    """Features as a tensor `[N, d]`, not copied where torch can share them.

    Raises
    ------
    DataError
        They are no floating-point numbers `[N, d]`, or there are none.

    Examples
    --------
    >>> import numpy as np
    >>> as_features(np.eye(2, dtype=np.float32)).shape
    torch.Size([2, 2])
    """
    if hasattr(features, "tensor") and not isinstance(features, Tensor):
        features = features.tensor()  # what saln.extract returns
    if not isinstance(features, Tensor):
        array = np.asarray(features)
        if array.dtype.kind not in "fiub":
            raise DataError(f"features are {describe(array)}; wanted numbers [N, d]")
        features = as_tensor("features", array if array.dtype.kind == "f" else array.astype(np.float32))
    if features.dim() != 2 or features.numel() == 0:
        raise DataError(f"features are {list(features.shape)}; wanted [N, d], a row a sample")
    found: Tensor = features if features.is_floating_point() else features.float()
    return found


def as_labels(labels: Any, targets: Any, n: int, class_names: Sequence[str] | None) -> Given | None:
    """Labels or targets, whichever there are.

    Parameters
    ----------
    labels : array_like or None
        `[N]` whole numbers, bools or texts; or `[N, L]` of 0 and 1, several labels a row.
    targets : array_like or None
        `[N]` numbers to predict.
    n : int
        Rows of the features.
    class_names : sequence of str, optional
        Of the classes 0, 1, ..., or of the columns of several labels.

    Raises
    ------
    DataError
        Naming the argument that does not fit.

    Examples
    --------
    >>> found = as_labels(["cat", "dog", "cat"], None, 3, None)
    >>> found.kind, found.codes.tolist(), found.names
    ('classes', [0, 1, 0], ('cat', 'dog'))
    """
    if labels is not None and targets is not None:
        raise DataError("labels and targets were both given; wanted one of them")
    if targets is not None:
        return _targets(_array(targets), n)
    if labels is None:
        return None
    array = _array(labels)
    if array.ndim not in (1, 2) or len(array) != n:
        raise DataError(f"labels are {describe(array)}; wanted [N] or [N, L], a row for each of the {n} of features")
    return _several(array, class_names) if array.ndim == 2 else _classes(array, class_names)


def as_groups(groups: Any, n: int) -> tuple[Groups, ...]:
    """Columns of groups, by name.

    Parameters
    ----------
    groups : mapping, sequence of Groups, array_like or None
        Values `[N]` by the column's name (a DataFrame, too), `Groups`, or the values of one column.
    n : int
        Rows of the features.

    Raises
    ------
    DataError
        A column has not one value a row.

    Examples
    --------
    >>> [column] = as_groups({"camera": ["north", "south", "north"]}, 3)
    >>> column.column, column.names, column.codes.tolist()
    ('camera', ('north', 'south'), [0, 1, 0])
    """
    if groups is None:
        return ()
    if isinstance(groups, Groups):
        groups = [groups]
    if isinstance(groups, Sequence) and groups and all(isinstance(each, Groups) for each in groups):
        found = tuple(groups)
    elif isinstance(groups, Mapping) or hasattr(groups, "columns"):
        names = groups.columns if hasattr(groups, "columns") else groups
        found = tuple(_column(str(name), groups[name]) for name in names)
    else:
        found = (_column("group", groups),)
    for each in found:
        if each.codes.shape != (n,):
            raise DataError(f"groups '{each.column}' have {len(each.codes)} values; wanted {n}, one a row of features")
    return found


def as_split(split: Any, n: int) -> Groups | None:
    """The part of the split that each row is of: texts, whole numbers, or bools, of which true is test.

    Examples
    --------
    >>> as_split([False, True], 2).names
    ('train', 'test')
    """
    if split is None:
        return None
    array = _array(split)
    if array.dtype.kind == "b":
        array = np.where(array, "test", "train")
    found = _column(SPLIT, array)
    if found.codes.shape != (n,):
        raise DataError(f"split has {len(found.codes)} values; wanted {n}, one a row of features")
    first = training_part(found)
    order = [first, *(code for code in range(len(found.names)) if code != first)]
    return Groups(SPLIT, tuple(found.names[code] for code in order), np.argsort(order)[found.codes])


def training_part(split: Groups) -> int:
    """Which part is trained on: the one named so, else the largest."""
    named = [code for code, name in enumerate(split.names) if name.strip().lower() in TRAINING]
    return named[0] if named else int(np.bincount(split.codes, minlength=len(split.names)).argmax())


def _array(values: Any) -> Array:
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        values = values.float() if values.dtype == torch.bfloat16 else values
    array = np.asarray(values)
    if array.dtype.kind in "OT":  # columns of texts, as DataFrames have them
        array = np.asarray(["" if each is None or each != each else each for each in array.tolist()])
    return array


def _column(name: str, values: Any) -> Groups:
    """As many groups as there are; numbers that are not whole are cut at their quartiles."""
    array = _array(values)
    if array.ndim == 1 and array.dtype.kind in "iubU" and len(array):
        kinds, codes = np.unique(array, return_inverse=True)
        return Groups(name, tuple(str(kind) or MISSING for kind in kinds.tolist()), codes.reshape(-1).astype(np.int64))
    return make_groups(name, array)


def _targets(array: Array, n: int) -> Given:
    if array.shape != (n,) or array.dtype.kind not in "fiub":
        raise DataError(f"targets are {describe(array)}; wanted {n} numbers, one a row of features")
    values = array.astype(np.float32)
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        raise DataError(f"targets have {array[row]} in row {row}; wanted finite numbers")
    return Given("targets", values, torch.from_numpy(values), np.empty(0), ())


def _classes(array: Array, class_names: Sequence[str] | None) -> Given:
    whole = array.dtype.kind == "f" and np.isfinite(array).all() and bool(np.all(array == np.round(array)))
    if whole:
        array = array.astype(np.int64)
    if array.dtype.kind not in "iubU":
        raise DataError(f"labels are {describe(array)}; wanted whole numbers or texts (numbers to predict are targets)")
    if array.dtype.kind == "U" and (np.char.strip(array) == "").any():
        row = int(np.flatnonzero(np.char.strip(array) == "")[0])
        raise DataError(f"labels are missing in row {row}; wanted a label for every row")
    classes, codes = np.unique(array, return_inverse=True)
    if len(classes) < 2:
        raise DataError(f"labels hold {len(classes)} class; wanted at least 2, or none at all")
    names = tuple(str(each) for each in classes.tolist())
    if class_names is not None:
        if array.dtype.kind == "U" or classes.min() < 0 or classes.max() >= len(class_names):
            raise DataError(
                f"class_names has {len(class_names)} names, for classes numbered from 0; labels go from {classes[0]} "
                f"to {classes[-1]}"
            )
        names = tuple(str(class_names[int(each)]) for each in classes.tolist())
    return Given("classes", array, torch.from_numpy(codes.reshape(-1).astype(np.int64)), classes, names)


def _several(array: Array, class_names: Sequence[str] | None) -> Given:
    if array.dtype.kind not in "fiub" or not np.isin(array, (0, 1)).all() or array.shape[1] == 0:
        raise DataError(f"labels are {describe(array)}; wanted 0 and 1 where they are [N, L], several labels a row")
    width = array.shape[1]
    if class_names is not None and len(class_names) != width:
        raise DataError(f"class_names has {len(class_names)} names; wanted {width}, one a column of labels")
    names = tuple(map(str, range(width) if class_names is None else class_names))
    values = array.astype(np.int64)
    return Given("multilabel", values, torch.from_numpy(values), np.arange(width), names)


def numpy_of(values: Tensor, dtype: npt.DTypeLike) -> Array:
    """A tensor as an array of the CPU."""
    return values.detach().cpu().numpy().astype(dtype, copy=False)
