"""Oxford-IIIT Pet (O. M. Parkhi, A. Vedaldi, A. Zisserman, C. V. Jawahar, CVPR 2012), from a user's own copy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from saln.datasets.dataset import Dataset
from saln.datasets.files import Array, DataError
from saln.datasets.images import as_images

LISTS = {"trainval": False, "test": True}
"""Files in `annotations`, and whether their images are for testing."""


def is_pets(folder: Path) -> bool:
    """The folder is laid out like the data set."""
    lists = (folder / "annotations" / f"{name}.txt" for name in LISTS)
    return (folder / "images").is_dir() and all(each.is_file() for each in lists)


def load_pets(folder: Path, *, size: int = 64) -> Dataset:
    """Read a copy of Oxford-IIIT Pet: 37 breeds of cats and dogs, about 200 images each.

    Parameters
    ----------
    folder : Path
        With `images/NAME.jpg`, and `annotations/trainval.txt` and `annotations/test.txt`, whose lines are `NAME class
        species breed`, the class counted from 1; lines that begin with # are skipped.
    size : int
        Edge in pixels: images are scaled until the shorter edge is as long, and their middle square is kept.

    Returns
    -------
    Dataset
        `images` uint8 `[N, 3, size, size]`, and `x` the same pixels, flattened and divided by 255.

    Raises
    ------
    DataError
        Naming the file or the line that does not fit.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1, not {size}")
    rows = [(name, label, is_test) for part, is_test in LISTS.items() for name, label in _listed(folder, part)]
    breeds: dict[int, str] = {}
    for name, label, _ in rows:
        breed = name.rpartition("_")[0] or name
        if breeds.setdefault(label, breed) != breed:
            raise DataError(f"{folder}: class {label} is both {breeds[label]} and {breed}")
    known = sorted(breeds)
    if len(known) < 2:
        raise DataError(f"{folder}: the lists hold {len(known)} class; wanted at least 2")
    pixels = np.stack([_square(folder / "images" / f"{name}.jpg", size) for name, _, _ in rows])
    images = as_images(pixels, str(folder))
    return Dataset(
        name=f"Oxford-IIIT Pet ({folder.name})",
        x=images.flatten(1).float() / 255,
        labels=torch.tensor([known.index(label) for _, label, _ in rows]),
        is_test=torch.tensor([is_test for _, _, is_test in rows]),
        class_names=tuple(breeds[label] for label in known),
        features_given=False,
        images=images,
    )


def _listed(folder: Path, part: str) -> list[tuple[str, int]]:
    """Names and classes of a list."""
    path = folder / "annotations" / f"{part}.txt"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    found = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) < 2 or not words[1].isdecimal() or Path(words[0]).name != words[0]:
            raise DataError(f"{path}: line {number} is '{line}'; wanted a name and a class number")
        found.append((words[0], int(words[1])))
    if not found:
        raise DataError(f"{path}: lists no image")
    return found


def _square(path: Path, size: int) -> Array:
    """The middle of an image `[size, size, 3]` uint8; some .jpg files of the set are of other kinds, or colourless."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            # Decoding a JPEG at a lower resolution is several times faster; other kinds ignore it.
            picture.draft("RGB", (2 * size, 2 * size))
            return np.asarray(ImageOps.fit(picture.convert("RGB"), (size, size), Image.Resampling.BICUBIC))
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as an image") from error
