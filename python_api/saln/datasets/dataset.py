"""A labelled data set for the pilot, from a file of any supported kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from saln.datasets.files import Array, DataError, array_names, describe, read_array, read_columns
from saln.datasets.matrices import FEATURE_KEYS, find_features

LABEL_KEYS = ("labels", "y", "label", "target")
TEST_KEYS = ("is_test", "test")
PRETRAINED_KEYS = ("features", "embeddings")
"""Arrays under these names are taken for features of a pretrained network, not for raw inputs."""


@dataclass(frozen=True)
class Dataset:
    """Rows, labels, and where it is known which rows are for testing.

    Attributes
    ----------
    name : str
        For people.
    x : Tensor
        Inputs `[N, d]` float32; NaN where a value is missing.
    labels : Tensor
        Class numbers `[N]` int64, 0 to `len(class_names)` - 1.
    is_test : Tensor or None
        Rows never trained on `[N]` bool; None leaves the split to the pilot.
    class_names : tuple of str
    features_given : bool
        x are features of a pretrained network, which selectors can use as they are.
    """

    name: str
    x: torch.Tensor
    labels: torch.Tensor
    is_test: torch.Tensor | None
    class_names: tuple[str, ...]
    features_given: bool

    @property
    def n_classes(self) -> int:
        return len(self.class_names)


def load_dataset(
    path: Path,
    *,
    labels_path: Path | None = None,
    feature_key: str | None = None,
    label_key: str | None = None,
    test_key: str | None = None,
    columns: Sequence[str] = (),
) -> Dataset:
    """Read a labelled data set.

    Parameters
    ----------
    path : Path
        npz (`features` and `labels`, or `images` or `X` and `y`, optionally `is_test` and `class_names`), safetensors
        with the same names, parquet (a list column or scalar columns), or npy with `labels_path`.
    labels_path : Path, optional
        Labels in a file of their own.
    feature_key, label_key, test_key : str, optional
        Arrays or columns by name, where they have unusual ones.
    columns : sequence of str
        Scalar parquet columns that make the features; by default all numeric ones but labels and test.

    Raises
    ------
    DataError
        Naming the file and the array or column that is missing or does not fit.
    """
    names = array_names(path)
    labels_file = labels_path or path
    label_name = label_key or _find(array_names(labels_file), LABEL_KEYS, only=labels_path is not None)
    if label_name is None:
        raise DataError(f"{labels_file}: no labels found; none of {', '.join(LABEL_KEYS)} is in it (name them)")
    test_name = test_key or _find(names, TEST_KEYS)
    raw_labels = read_array(labels_file, label_name)
    x, feature_name = _features(path, feature_key, columns, skip=(label_name, test_name))
    is_test = None if test_name is None else read_array(path, test_name)
    class_names = read_array(path, "class_names") if "class_names" in names else None
    return build_dataset(path.name, x, raw_labels, is_test, class_names, feature_name in PRETRAINED_KEYS)


def build_dataset(
    name: str, x: Array, labels: Array, is_test: Array | None, class_names: Array | None, features_given: bool
) -> Dataset:
    """Check arrays against each other and make class numbers of the labels."""
    if x.ndim < 2 or x.dtype.kind not in "fiub":
        raise DataError(f"{name}: features are {describe(x)}; wanted numbers [N, d]")
    if labels.ndim != 1 or labels.shape[0] != x.shape[0]:
        raise DataError(f"{name}: labels are {describe(labels)}; wanted one for each of the {x.shape[0]} rows")
    if labels.dtype.kind == "f" and not np.all(np.isfinite(labels) & (labels == np.round(labels))):
        raise DataError(f"{name}: labels are not whole numbers; the pilot is for classification")
    values, codes = np.unique(labels, return_inverse=True)
    if values.shape[0] < 2:
        raise DataError(f"{name}: labels hold {values.shape[0]} class; wanted at least 2")
    if values.shape[0] > max(2, x.shape[0] // 2):
        raise DataError(
            f"{name}: labels hold {values.shape[0]} classes in {x.shape[0]} rows; is this the right column?"
        )
    if is_test is not None and is_test.shape != labels.shape:
        raise DataError(f"{name}: the test mark is {describe(is_test)}; wanted one for each of the {x.shape[0]} rows")
    scale = 255.0 if x.dtype == np.uint8 else 1.0
    flat = x.reshape(x.shape[0], -1).astype(np.float32) / np.float32(scale)
    flat[np.isinf(flat)] = np.nan
    return Dataset(
        name=name,
        x=torch.from_numpy(flat),
        labels=torch.from_numpy(codes.reshape(-1).astype(np.int64)),
        is_test=None if is_test is None else torch.from_numpy(is_test.astype(np.bool_)),
        class_names=_class_names(values, class_names),
        features_given=features_given,
    )


def _features(
    path: Path, key: str | None, columns: Sequence[str], skip: tuple[str | None, ...]
) -> tuple[Array, str | None]:
    if columns:
        return read_columns(path, columns), None
    names = [name for name in array_names(path) if name not in skip]
    if key is None and path.suffix.lower() == ".parquet" and not any(name in names for name in FEATURE_KEYS):
        numeric = [name for name in names if _is_numeric_column(path, name)]
        if not numeric:
            raise DataError(f"{path}: no numeric columns; it has {', '.join(names[:12])}")
        return read_columns(path, numeric), None
    name = key or find_features(path)
    return read_array(path, name), name


def _is_numeric_column(path: Path, name: str) -> bool:
    try:
        column = read_array(path, name)
    except DataError:
        return False
    return column.ndim == 1 and column.dtype.kind in "fiub"


def _find(names: Sequence[str], wanted: Sequence[str], only: bool = False) -> str | None:
    for name in wanted:
        if name in names:
            return name
    return names[0] if only and len(names) == 1 else None


def _class_names(values: Array, given: Array | None) -> tuple[str, ...]:
    numbered = values.dtype.kind in "iub" and values.min() >= 0
    if given is not None and numbered and given.ndim == 1 and int(values.max()) < given.shape[0]:
        return tuple(str(given[int(value)]) for value in values)
    return tuple(str(int(value)) if values.dtype.kind == "f" else str(value) for value in values)
