"""Images of a column: names of files, files in the column, or pixels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePath, PureWindowsPath
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from saln.catalogue import Message, message
from saln.datasets.arrays import Arrays
from saln.datasets.errors import DataError, listed
from saln.datasets.images import as_images, read_images
from saln.datasets.mapped import regions_of
from saln.datasets.pictures import Images, fault
from saln.datasets.rows import RowNames
from saln.datasets.tables import is_image_file, is_text
from saln.needs import extra_pilot

if TYPE_CHECKING:
    from PIL import Image

SHOWN = 3
"""Broken files that a note names."""


class FileImages:
    """Images in files of their own.

    Parameters
    ----------
    paths : sequence of Path or None
    """

    def __init__(self, paths: Sequence[Path | None]) -> None:
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    def given(self, row: int) -> Path | None:
        return self._paths[row]

    def called(self, row: int) -> str:
        return str(self._paths[row] or f"row {row}")

    def ids(self, rows: npt.NDArray[np.int64]) -> Sequence[str]:
        return [self.called(row) for row in rows.tolist()]


class StoredImages:
    """Files of images in a column of Arrow: bytes, or as Hugging Face's datasets hold them, bytes or else a path.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
    where : str
        Its name, for messages.
    folder : Path or None
        Where files that are named lie.
    """

    def __init__(self, column: Any, where: str, folder: Path | None) -> None:
        self._column, self._where, self._folder = column, where, folder
        self._regions = regions_of(column)

    def __len__(self) -> int:
        return len(self._column)

    def given(self, row: int) -> Path | bytes | None:
        for region in self._regions:
            region.check()
        found = self._column[row].as_py()
        if not isinstance(found, dict):
            return found  # type: ignore[no-any-return]
        if found["bytes"] is not None or not found["path"]:
            return found["bytes"]  # type: ignore[no-any-return]
        return file_path(found["path"], self.called(row), self._folder)

    def called(self, row: int) -> str:
        return f"{self._where}, row {row}"

    def ids(self, rows: npt.NDArray[np.int64]) -> Sequence[str]:
        return RowNames(rows)


class PixelImages:
    """Images of an array `[N, C, H, W]`: uint8, or numbers up to 1 or 255."""

    def __init__(self, pixels: torch.Tensor) -> None:
        self.pixels = pixels
        self._scale = 1 if pixels.dtype == torch.uint8 or bool((pixels > 1).any()) else 255

    def __len__(self) -> int:
        return len(self.pixels)

    def given(self, row: int) -> Image.Image:
        with extra_pilot():
            from PIL import Image

        pixels = (self.pixels[row] * self._scale).permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8).numpy()
        return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)

    def called(self, row: int) -> str:
        return f"row {row}"

    def ids(self, rows: npt.NDArray[np.int64]) -> Sequence[str]:
        return RowNames(rows)


def faults(images: Images, rows: npt.NDArray[np.int64]) -> dict[int, str]:
    """The rows that hold no image, each with the reason; files are told by head and end."""
    if isinstance(images, PixelImages):
        return {}
    found = {row: fault(images.given(row)) for row in rows.tolist()}
    return {row: why for row, why in found.items() if why is not None}


def fault_note(found: dict[int, str], images: Images) -> Message:
    """How many images were left out, and the first of them."""
    first = [f"{images.called(row)} ({why})" for row, why in found.items()]
    return message("data.left_out.images", n=len(found), of=len(images), names=listed(first, SHOWN))


def image_column(arrays: Arrays, name: str | None) -> Images:
    """The images of a column, of an array, or of mosaics (None).

    Names of files are taken relative to the folder of the table, and may not lead out of it; whole paths are taken as
    they are.

    Raises
    ------
    DataError
        The column holds something else, or a name leads out of the folder.
    """
    if not arrays.is_table:
        found = read_images(arrays) if name is None else as_images(arrays.read(name), f"{arrays.where}: '{name}'")
        return PixelImages(found)
    column = arrays.column(str(name))
    where = f"{arrays.where}: column '{name}'"
    if is_text(column.type):
        names = column.cast("large_string").to_pylist()
        return FileImages(
            [file_path(each, f"{where}, row {row}", arrays.folder) if each else None for row, each in enumerate(names)]
        )
    if is_image_file(column.type):
        return StoredImages(column, where, arrays.folder)
    raise DataError(f"{where} holds {column.type}; wanted names of image files, or images")


def file_path(name: str, what: str, folder: Path | None) -> Path:
    if "://" in name:
        raise DataError(f"{what}: '{name}' is an address; wanted the name of a file, nothing is downloaded")
    plain = PureWindowsPath(name).as_posix() if "\\" in name and not os.path.exists(name) else name
    if os.path.isabs(plain) and "\0" not in plain:
        return Path(plain)
    inside = os.path.normpath(plain)
    if PurePath(inside).parts[:1] == ("..",) or "\0" in inside:
        raise DataError(
            f"{what}: '{name}' leads out of the folder of the table; wanted a file in it, or its whole path"
        )
    return (folder or Path()) / inside
