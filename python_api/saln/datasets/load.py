"""The pilot's data set: rows of numbers or images in memory, with labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from saln.catalogue import message
from saln.datasets.arrays import Arrays
from saln.datasets.build import build_source
from saln.datasets.dataset import Dataset
from saln.datasets.errors import Array, DataError, describe
from saln.datasets.files import CLASS_NAMES, FEATURE_KEYS, LABEL_KEYS, TEST_KEYS, ArrayFile
from saln.datasets.images import find_images, read_images
from saln.datasets.labels import read_marks
from saln.datasets.pictures import Pictures
from saln.datasets.read import find_labels, open_data
from saln.datasets.roles import find_roles
from saln.datasets.rows import Rows
from saln.datasets.source import Source
from saln.needs import extra_pilot

LARGEST, SMALLER = 128, 64
"""Pixels along an edge up to which images of one size stay as they are, and what others are brought to."""


def load_dataset(
    path: Any,
    *,
    labels_path: Path | None = None,
    images_path: Path | None = None,
    features_path: Path | None = None,
    feature_key: str | None = None,
    label_key: str | None = None,
    test_key: str | None = None,
    columns: Sequence[str] = (),
    ignore: Sequence[str] = (),
    image_size: int | None = None,
) -> Dataset:
    """Read a labelled data set.

    Parameters
    ----------
    path : Path or object
        Whatever `read_source` takes: a folder of images in a folder a class, a table, an npz file (`features` and
        `labels`, or `X` and `y`, optionally `images`, `is_test` and `class_names`), safetensors with the same names, or
        npy with `labels_path`. Images may be an array or WebP mosaics (see `read_images`); without features, their
        pixels are x.
    labels_path, images_path : Path, optional
        Labels, or images, in a file of their own, in the same order of rows.
    features_path : Path, optional
        Features of a pretrained network in a file of their own, in the same order; texts need them.
    feature_key, label_key, test_key : str, optional
        Arrays or columns by name, where they have unusual ones. Test marks are 0 and 1, true and false, yes and no, or
        train and test.
    columns : sequence of str
        Columns of a table that make the features. By default all of numbers and categories but labels, test marks,
        names of rows, dates, and what gives the label away; those left out are in the data set's notes.
    ignore : sequence of str
        Arrays or columns of `path` to do without.
    image_size : int, optional
        Pixels along an edge that images in files are brought to, cut to a square in their middle. By default they stay
        as they are if they are of one size, no larger than 128 × 128; else they become 64 × 64.

    Raises
    ------
    DataError
        Naming the file and the array or column that is missing or does not fit.
    """
    arrays = open_data(path, ignore=ignore)
    roles = find_roles(arrays, label=label_key if labels_path is None else None, features=feature_key, test=test_key,
                       columns=columns)  # fmt: skip
    labels = find_labels(arrays, roles, labels_path, label_key)
    if labels is None:
        arrays.find("labels", LABEL_KEYS, only=False)
    images_file = None if images_path is None else ArrayFile(images_path)
    if labels is not None and labels.class_names is None and images_file and CLASS_NAMES in images_file.names:
        labels = replace(labels, class_names=images_file.read(CLASS_NAMES))
    source = build_source(arrays, roles, labels, columns)
    if labels is None or source.labels is None:
        what = arrays.where if labels is None else labels.where
        raise DataError(f"{what} holds numbers to predict; wanted classes, whole numbers or texts")
    if len(source.class_names) > max(2, len(source) // 2):
        raise DataError(
            f"{labels.where} holds {len(source.class_names)} classes in {len(source)} rows; is this the right one?"
        )
    notes = list(source.notes)
    images = source.rows.pixels if isinstance(source.rows, Pictures) else None
    if images_file is not None:
        images = read_images(images_file)
        _check_same_rows(images_file, labels.read(), source.is_test)
    elif isinstance(source.rows, Rows):
        images = None if arrays.is_table else find_images(arrays)
    elif isinstance(source.rows, Pictures) and images is None:
        images, more = _stacked(source.rows, image_size)
        notes += more
    x = _x(source, arrays.where, images, features_path)
    for what, rows in (("labels", source.labels), ("images", images)):
        if rows is not None and len(rows) != len(x):
            raise DataError(f"{arrays.where}: {what} are {list(rows.shape)}; wanted one for each of the {len(x)} rows")
    n_missing = int(x.isnan().sum())
    if n_missing:
        notes.append(message("data.missing", n=n_missing, of=x.numel()))
    return Dataset(
        name=source.name,
        x=x,
        labels=source.labels,
        is_test=source.is_test,
        class_names=source.class_names,
        features_given=source.features_given or features_path is not None,
        images=images,
        notes=tuple(notes),
    )


def _x(source: Source, where: str, images: torch.Tensor | None, features_path: Path | None) -> torch.Tensor:
    """What models of rows train on `[N, d]`."""
    if features_path is not None:
        file = ArrayFile(features_path)
        name = file.find("features", FEATURE_KEYS)
        features = file.read(name)
        if features.ndim < 2 or features.dtype.kind not in "fiub":
            raise DataError(f"{features_path}: features '{name}' are {describe(features)}; wanted numbers [N, d]")
        if len(features) != len(source):
            raise DataError(
                f"{features_path}: features of {len(features)} rows; wanted one for each of the {len(source)} rows of "
                f"{source.name}"
            )
        return Rows(features).all()
    if source.kind == "texts":
        raise DataError(
            f"{where} holds texts, and a pilot needs features of them: saln extract {where} --model NAME "
            "-o features.npy, and then --features features.npy"
        )
    if isinstance(source.rows, Rows):
        return source.x
    assert images is not None
    return Rows(images.numpy()).all()


def _stacked(pictures: Pictures, size: int | None) -> tuple[torch.Tensor, list[str]]:
    """Images brought to one size, `[N, 3, H, W]` uint8, and a note if that was chosen here."""
    with extra_pilot():
        from PIL import Image, ImageOps

    sizes = {pictures.size(place) for place in range(len(pictures))}
    notes: list[str] = []
    wanted = next(iter(sizes)) if size is None else (size, size)
    if size is None and (len(sizes) > 1 or max(wanted) > LARGEST):
        wanted = (SMALLER, SMALLER)
        how = "sizes" if len(sizes) > 1 else "large"
        notes.append(message(f"data.images.{how}", n=len(sizes), size=SMALLER))
    out = np.empty((len(pictures), 3, wanted[1], wanted[0]), dtype=np.uint8)
    for place in range(len(pictures)):
        picture = pictures[place]
        if picture.size != wanted:
            picture = ImageOps.fit(picture, wanted, method=Image.Resampling.BICUBIC)
        out[place] = np.asarray(picture).transpose(2, 0, 1)
    return torch.from_numpy(out), notes


def _check_same_rows(images: Arrays, labels: Array, is_test: torch.Tensor | None) -> None:
    """What a file of images says about its rows, if anything, is what the file of features says."""
    for keys, mine in ((LABEL_KEYS, labels), (TEST_KEYS, None if is_test is None else is_test.numpy())):
        name = images.known(keys)
        if name is None or mine is None:
            continue
        theirs = images.read(name)
        if keys is TEST_KEYS:
            theirs = read_marks(theirs, f"{images.where}: '{name}'")
        if not np.array_equal(theirs, mine):
            raise DataError(
                f"{images.where}: '{name}' differs from that of the features; are the rows in another order?"
            )
