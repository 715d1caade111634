"""Images of a file, as they were stored: an array, or mosaics in lossless WebP."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch

from saln.datasets.files import Array, DataError, array_names, describe, read_array

IMAGES_KEY = "images"
MOSAIC_KEYS = ("webp_bytes", "offsets", "grid")
"""Bytes of all mosaics `[B]`, where each begins and the last ends `[M + 1]`, and images along one edge of a mosaic."""
CHANNELS = (1, 3, 4)


def has_images(path: Path) -> bool:
    """The file holds images under the names this module knows; a matrix `images` `[N, d]` is taken for features."""
    names = array_names(path)
    if IMAGES_KEY in names:
        return read_array(path, IMAGES_KEY).ndim > 2
    return all(key in names for key in MOSAIC_KEYS)


def read_images(path: Path) -> torch.Tensor:
    """Images `[N, C, H, W]`, uint8 where they are stored so, else float32.

    Either an array `images` (`[N, H, W]`, `[N, H, W, C]` or `[N, C, H, W]`; C is 1, 3 or 4), or WebP mosaics of
    `grid` × `grid` images, row by row: `webp_bytes` uint8, `offsets` int, `grid` int.

    Raises
    ------
    DataError
        Naming the array that is missing or does not fit.
    """
    names = array_names(path)
    if IMAGES_KEY in names:
        return as_images(read_array(path, IMAGES_KEY), f"{path}: '{IMAGES_KEY}'")
    missing = [key for key in MOSAIC_KEYS if key not in names]
    if missing:
        raise DataError(
            f"{path}: no images; wanted '{IMAGES_KEY}', or mosaics, of which {', '.join(missing)} is missing"
        )
    raw, offsets, grid = (read_array(path, key) for key in MOSAIC_KEYS)
    return as_images(_cut_mosaics(path, raw, offsets, grid), f"{path}: the mosaics")


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


def _cut_mosaics(path: Path, raw: Array, offsets: Array, grid: Array) -> Array:
    """All images `[M * grid * grid, H, W, C]`."""
    from PIL import Image, UnidentifiedImageError

    fits = raw.dtype == np.uint8 and raw.ndim == 1 and offsets.dtype.kind in "iu" and offsets.ndim == 1
    if not fits or offsets.shape[0] < 2 or np.any(np.diff(offsets.astype(np.int64)) < 0) or offsets[-1] > raw.shape[0]:
        raise DataError(
            f"{path}: 'webp_bytes' is {describe(raw)} and 'offsets' {describe(offsets)}; "
            "wanted bytes, and ascending places in them"
        )
    if grid.dtype.kind not in "iu" or grid.size != 1 or int(grid.item()) < 1:
        raise DataError(f"{path}: 'grid' is {describe(grid)}; wanted one whole number above 0")
    edge = int(grid.item())
    content = raw.tobytes()
    parts: list[Array] = []
    for number, (start, end) in enumerate(zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)):
        try:
            with Image.open(io.BytesIO(content[start:end])) as picture:
                mosaic = np.asarray(picture.convert("RGB"))
        except (UnidentifiedImageError, OSError, ValueError) as error:
            raise DataError(f"{path}: mosaic {number} of 'webp_bytes' is not an image") from error
        height, width = mosaic.shape[0] // edge, mosaic.shape[1] // edge
        wanted = parts[0].shape[1:3] if parts else (height, width)
        if mosaic.shape[:2] != (height * edge, width * edge) or (height, width) != wanted:
            raise DataError(
                f"{path}: mosaic {number} is {list(mosaic.shape)}, which {edge} × {edge} images do not make"
            )
        tiles = mosaic.reshape(edge, height, edge, width, 3).transpose(0, 2, 1, 3, 4)  # [g, g, H, W, 3]
        parts.append(tiles.reshape(-1, height, width, 3))
    return np.concatenate(parts)
