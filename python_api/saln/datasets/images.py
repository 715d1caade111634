"""Images of a file, as they were stored: an array, or mosaics in lossless WebP."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch

from saln.datasets.arrays import Arrays
from saln.datasets.errors import Array, DataError, describe
from saln.datasets.pictures import decode_picture

IMAGES_KEY = "images"
MOSAIC_KEYS = ("webp_bytes", "offsets", "grid")
"""Bytes of all mosaics `[B]`, where each begins and the last ends `[M + 1]`, and images along one edge of a mosaic."""
CHANNELS = (1, 3, 4)


def find_images(file: Arrays) -> torch.Tensor | None:
    """As `read_images`, or None where there are none; a matrix `images` `[N, d]` is taken for features."""
    if IMAGES_KEY in file.names:
        array = file.read(IMAGES_KEY)
        return as_images(array, f"{file.where}: '{IMAGES_KEY}'") if array.ndim > 2 else None
    has_mosaics = all(key in file.names for key in MOSAIC_KEYS)
    return as_images(_cut_mosaics(file), f"{file.where}: the mosaics") if has_mosaics else None


def read_images(file: Arrays) -> torch.Tensor:
    """Images `[N, C, H, W]`, uint8 where they are stored so, else float32.

    Either an array `images` (`[N, H, W]`, `[N, H, W, C]` or `[N, C, H, W]`; C is 1, 3 or 4), or WebP mosaics of
    `grid` × `grid` images, row by row: `webp_bytes` uint8, `offsets` int, `grid` int.

    Raises
    ------
    DataError
        Naming the array that is missing or does not fit.
    """
    images = find_images(file)
    if images is None:
        raise DataError(
            f"{file.where}: no images; wanted '{IMAGES_KEY}' [N, H, W] or with channels, or mosaics: "
            f"{', '.join(MOSAIC_KEYS)}"
        )
    return images


def as_images(array: Array, what: str) -> torch.Tensor:
    """An array of images in the order of PyTorch, `[N, C, H, W]`; `what` names it in messages."""
    if array.ndim == 3:
        array = array[:, None]
    elif array.ndim == 4 and array.shape[3] in CHANNELS:
        array = array.transpose(0, 3, 1, 2)
    elif array.ndim != 4 or array.shape[1] not in CHANNELS:
        raise DataError(f"{what} are {describe(array)}; wanted [N, H, W], [N, H, W, C] or [N, C, H, W], C 1, 3 or 4")
    if array.dtype.kind not in "fiub":
        raise DataError(f"{what} are {describe(array)}; wanted numbers")
    array = np.ascontiguousarray(array, dtype=np.uint8 if array.dtype == np.uint8 else np.float32)
    if not np.isfinite(array).all():
        raise DataError(f"{what} hold values that are not finite")
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def _cut_mosaics(file: Arrays) -> Array:
    """All images `[M * grid * grid, H, W, C]`."""
    raw, offsets, grid = (file.read(key) for key in MOSAIC_KEYS)
    fits = raw.dtype == np.uint8 and raw.ndim == 1 and offsets.dtype.kind in "iu" and offsets.ndim == 1
    places = offsets.astype(np.int64) if fits else np.zeros(1, dtype=np.int64)
    if len(places) < 2 or places[0] < 0 or np.any(np.diff(places) < 0) or places[-1] > len(raw):
        raise DataError(
            f"{file.where}: 'webp_bytes' is {describe(raw)} and 'offsets' {describe(offsets)}; "
            "wanted bytes, and ascending places in them"
        )
    if grid.dtype.kind not in "iu" or grid.size != 1 or int(grid.item()) < 1:
        raise DataError(f"{file.where}: 'grid' is {describe(grid)}; wanted one whole number above 0")
    edge = int(grid.item())
    content = raw.tobytes()
    parts: list[Array] = []
    for number, (start, end) in enumerate(pairwise(places.tolist())):
        what = f"{file.where}: mosaic {number} of 'webp_bytes'"
        mosaic = decode_picture(content[start:end], what)
        height, width = mosaic.shape[0] // edge, mosaic.shape[1] // edge
        wanted = parts[0].shape[1:3] if parts else (height, width)
        if mosaic.shape[:2] != (height * edge, width * edge) or (height, width) != wanted:
            raise DataError(f"{what} is {list(mosaic.shape)}, which {edge} × {edge} images do not make")
        tiles = mosaic.reshape(edge, height, edge, width, 3).transpose(0, 2, 1, 3, 4)  # [g, g, H, W, 3]
        parts.append(tiles.reshape(-1, height, width, 3))
    return np.concatenate(parts)
