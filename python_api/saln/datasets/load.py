"""A labelled data set from a file of any supported kind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from saln.datasets.columns import feature_columns
from saln.datasets.dataset import Dataset
from saln.datasets.errors import Array, DataError, describe
from saln.datasets.files import CLASS_NAMES, FEATURE_KEYS, LABEL_KEYS, TABLES, TEST_KEYS, ArrayFile, as_float32
from saln.datasets.images import IMAGES_KEY, find_images, read_images
from saln.datasets.labels import class_numbers, read_marks

PRETRAINED_KEYS = ("features", "embeddings", "embedding")
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
    ignore: Sequence[str] = (),
) -> Dataset:
    """Read a labelled data set.

    Parameters
    ----------
    path : Path
        npz (`features` and `labels`, or `X` and `y`, optionally `images`, `is_test` and `class_names`), safetensors
        with the same names, parquet (a list column or scalar columns), csv, or npy with `labels_path`. Images may be an
        array or WebP mosaics (see `read_images`); without features, their pixels are x.
    labels_path, images_path : Path, optional
        Labels, or images, in a file of their own, in the same order of rows.
    feature_key, label_key, test_key : str, optional
        Arrays or columns by name, where they have unusual ones. Test marks are 0 and 1, true and false, yes and no, or
        train and test.
    columns : sequence of str
        Scalar parquet or csv columns that make the features. By default all numeric ones but labels, test marks,
        indices and other names of rows; those left out are in the data set's notes.
    ignore : sequence of str
        Arrays or columns of `path` to do without.

    Raises
    ------
    DataError
        Naming the file and the array or column that is missing or does not fit.
    """
    file = ArrayFile(path, ignore=ignore)
    labels_file = file if labels_path is None else ArrayFile(labels_path)
    label_name = labels_file.find("labels", LABEL_KEYS, label_key, only=labels_path is not None)
    labels, source = labels_file.read(label_name), f"{labels_file.path}: '{label_name}'"
    images_file = file if images_path is None else ArrayFile(images_path)
    images = find_images(file) if images_path is None else read_images(images_file)
    named = next((each for each in (file, images_file) if CLASS_NAMES in each.names), None)
    codes, names = class_numbers(labels, source, None if named is None else named.read(CLASS_NAMES))
    test_name = test_key or file.known(TEST_KEYS)
    is_test = None if test_name is None else read_marks(file.read(test_name), f"{path}: '{test_name}'")
    if images_path is not None:
        _check_same_rows(images_file, labels, is_test)
    skip = (label_name if labels_file is file else None, test_name)
    x, feature_name, notes = _features(file, images, feature_key, columns, skip, codes)
    for what, rows in (("labels", codes), ("test marks", is_test), ("images", images)):
        if rows is not None and len(rows) != len(x):
            raise DataError(f"{path}: {what} are {list(rows.shape)}; wanted one for each of the {len(x)} rows")
    if len(names) > max(2, len(codes) // 2):
        raise DataError(f"{source} holds {len(names)} classes in {len(codes)} rows; is this the right one?")
    scale = 255.0 if x.dtype == np.uint8 else 1.0
    flat = as_float32(x.reshape(len(x), -1)) / np.float32(scale)
    n_missing = flat.size - int(np.isfinite(flat).sum())
    flat[np.isinf(flat)] = np.nan
    if n_missing:
        notes = [*notes, f"{n_missing} of {flat.size} values are missing, infinite or too large for float32."]
    return Dataset(
        name=path.name,
        x=torch.from_numpy(flat),
        labels=torch.from_numpy(codes),
        is_test=None if is_test is None else torch.from_numpy(is_test),
        class_names=names,
        features_given=feature_name in PRETRAINED_KEYS,
        images=images,
        notes=tuple(notes),
    )


def _features(
    file: ArrayFile,
    images: torch.Tensor | None,
    key: str | None,
    columns: Sequence[str],
    skip: tuple[str | None, ...],
    codes: Array,
) -> tuple[Array, str | None, list[str]]:
    """Numbers `[N, ...]`, the name of their array if they are one, and notes."""
    for name in skip:
        if name is not None and (name in columns or name == key):
            raise DataError(f"{file.path}: '{name}' holds labels or test marks; wanted other features")
    if columns:
        return file.read_columns(columns), None, []
    known = [name for name in FEATURE_KEYS if name in file.names and name not in skip]
    if key is None and images is not None and known in ([], [IMAGES_KEY]):
        return images.numpy(), None, []
    name = key or next(iter(known), None)
    table = file.path.suffix.lower() in TABLES
    if name is None and not table:
        name = file.find("features", FEATURE_KEYS)
    x = None if name is None else file.read(name)
    if x is None or (key is None and table and x.ndim == 1):
        x, notes = feature_columns(file, skip, codes)
        return x, None, notes
    if x.ndim < 2 or x.dtype.kind not in "fiub":
        raise DataError(f"{file.path}: features '{name}' are {describe(x)}; wanted numbers [N, d]")
    return x, name, []


def _check_same_rows(images: ArrayFile, labels: Array, is_test: Array | None) -> None:
    """What a file of images says about its rows, if anything, is what the file of features says."""
    for keys, mine in ((LABEL_KEYS, labels), (TEST_KEYS, is_test)):
        name = images.known(keys)
        if name is None or mine is None:
            continue
        theirs = images.read(name)
        if mine is is_test:
            theirs = read_marks(theirs, f"{images.path}: '{name}'")
        if not np.array_equal(theirs, mine):
            raise DataError(
                f"{images.path}: '{name}' differs from that of the features; are the rows in another order?"
            )
