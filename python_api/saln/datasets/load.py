"""A labelled data set from a file of any supported kind, or from a folder of a known layout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from saln.datasets.dataset import Dataset, build_dataset
from saln.datasets.files import Array, DataError, array_names, read_array, read_columns
from saln.datasets.images import IMAGES_KEY, has_images, read_images
from saln.datasets.matrices import FEATURE_KEYS, find_features
from saln.datasets.pets import is_pets, load_pets

LABEL_KEYS = ("labels", "y", "label", "target")
TEST_KEYS = ("is_test", "test")
PRETRAINED_KEYS = ("features", "embeddings")
"""Arrays under these names are taken for features of a pretrained network, not for raw inputs."""


def load_dataset(
    path: Path,
    *,
    labels_path: Path | None = None,
    images_path: Path | None = None,
    feature_key: str | None = None,
    label_key: str | None = None,
    test_key: str | None = None,
    columns: Sequence[str] = (),
) -> Dataset:
    """Read a labelled data set.

    Parameters
    ----------
    path : Path
        npz (`features` and `labels`, or `X` and `y`, optionally `images`, `is_test` and `class_names`), safetensors
        with the same names, parquet (a list column or scalar columns), csv, npy with `labels_path`, or a folder with a
        copy of Oxford-IIIT Pet (see `load_pets`). Images may be an array or WebP mosaics (see `read_images`); without
        features, their pixels are x.
    labels_path, images_path : Path, optional
        Labels, or images, in a file of their own, in the same order of rows.
    feature_key, label_key, test_key : str, optional
        Arrays or columns by name, where they have unusual ones.
    columns : sequence of str
        Scalar parquet or csv columns that make the features; by default all numeric ones but labels and test.

    Raises
    ------
    DataError
        Naming the file and the array or column that is missing or does not fit.
    """
    if path.is_dir():
        if is_pets(path):
            return load_pets(path)
        raise DataError(f"{path}: not a file, nor a folder with images/ and annotations/trainval.txt and test.txt")
    names = array_names(path)
    labels_file = labels_path or path
    label_name = label_key or _find(array_names(labels_file), LABEL_KEYS, only=labels_path is not None)
    if label_name is None:
        raise DataError(f"{labels_file}: no labels found; none of {', '.join(LABEL_KEYS)} is in it (name them)")
    test_name = test_key or _find(names, TEST_KEYS)
    labels = read_array(labels_file, label_name)
    is_test = None if test_name is None else read_array(path, test_name)
    images_file = images_path or (path if has_images(path) else None)
    images = None if images_file is None else read_images(images_file)
    if images_path is not None:
        _check_same_rows(images_path, labels, is_test)
    x, feature_name = _features(path, images, feature_key, columns, skip=(label_name, test_name))
    named = next((each for each in (path, images_path) if each and "class_names" in array_names(each)), None)
    class_names = None if named is None else read_array(named, "class_names")
    return build_dataset(path.name, x, labels, is_test, class_names, feature_name in PRETRAINED_KEYS, images)


def _features(
    path: Path, images: torch.Tensor | None, key: str | None, columns: Sequence[str], skip: tuple[str | None, ...]
) -> tuple[Array, str | None]:
    if columns:
        return read_columns(path, columns), None
    names = [name for name in array_names(path) if name not in skip]
    known = [name for name in FEATURE_KEYS if name in names]
    if key is None and images is not None and known in ([], [IMAGES_KEY]):
        return images.numpy(), None
    if key is None and path.suffix.lower() in (".parquet", ".csv") and not known:
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


def _check_same_rows(images_path: Path, labels: Array, is_test: Array | None) -> None:
    """What a file of images says about its rows, if anything, is what the file of features says."""
    names = array_names(images_path)
    for keys, mine in ((LABEL_KEYS, labels), (TEST_KEYS, is_test)):
        name = _find(names, keys)
        if name is not None and mine is not None and not np.array_equal(read_array(images_path, name), mine):
            raise DataError(
                f"{images_path}: '{name}' differs from that of the features; are the rows in another order?"
            )
