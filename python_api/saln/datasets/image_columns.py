"""Images of a column: names of files, files in the column, or pixels."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from saln.datasets.arrays import Arrays
from saln.datasets.errors import DataError
from saln.datasets.images import as_images, read_images
from saln.datasets.pictures import Pictures, fault
from saln.datasets.tables import is_text

SHOWN = 3
"""Broken files that a note names."""


@dataclass(frozen=True)
class ImageColumn:
    """Images before any was decoded.

    Attributes
    ----------
    n_rows : int
    given : callable
        Gives a path, the bytes of a file, or pixels.
    called : callable
        Gives what one is called.
    """

    n_rows: int
    given: Callable[[int], Any]
    called: Callable[[int], str]

    def faults(self, rows: npt.NDArray[np.int64]) -> dict[int, str]:
        """The rows that hold no image, each with the reason; files are told by head and end."""
        found = {int(row): fault(lambda row=row: self.given(int(row))) for row in rows}  # type: ignore[misc]
        return {row: why for row, why in found.items() if why is not None}

    def pictures(self, rows: npt.NDArray[np.int64]) -> Pictures:
        """Those of some rows, decoded when they are asked for."""

        def content(place: int) -> Any:
            given = self.given(int(rows[place]))
            return given.read_bytes() if isinstance(given, Path) else given

        return Pictures(len(rows), content, [self.called(int(row)) for row in rows])


def image_column(arrays: Arrays, name: str | None) -> ImageColumn:
    """The images of a column, of an array, or of mosaics (None).

    Names of files are taken relative to the folder of the table, and may not lead out of it; whole paths are taken as
    they are.

    Raises
    ------
    DataError
        The column holds something else, or a name leads out of the folder.
    """
    if not arrays.is_table:
        return _of_pixels(
            read_images(arrays) if name is None else as_images(arrays.read(name), f"{arrays.where}: '{name}'")
        )
    column = arrays.column(str(name))
    where = f"{arrays.where}: column '{name}'"
    if is_text(column.type):
        return _of_files(column.cast("large_string").to_pylist(), where, arrays.folder)
    import pyarrow

    types, kind = pyarrow.types, column.type
    if types.is_binary(kind) or types.is_large_binary(kind):
        return ImageColumn(len(column), lambda row: column[row].as_py(), lambda row: f"{where}, row {row}")
    if types.is_struct(kind) and {"bytes", "path"} <= {kind.field(place).name for place in range(kind.num_fields)}:
        return _of_structs(column, where, arrays.folder)
    raise DataError(f"{where} holds {kind}; wanted names of image files, or images")


def fault_note(faults: dict[int, str], images: ImageColumn) -> str:
    """How many images were left out, and the first of them."""
    first = [f"{images.called(row)} ({why})" for row, why in list(faults.items())[:SHOWN]]
    return (
        f"Images left out, {len(faults)} of {images.n_rows}: {', '.join(first)}{', …' if len(faults) > SHOWN else ''}."
    )


def _of_pixels(images: torch.Tensor) -> ImageColumn:
    bright = images.dtype == torch.uint8 or bool(images.max() > 1)

    def given(row: int) -> Any:
        pixels = images[row] if bright else images[row] * 255
        found = pixels.permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8).numpy()
        return found[:, :, 0] if found.shape[2] == 1 else found

    return ImageColumn(len(images), given, lambda row: f"row {row}")


def _of_files(names: list[str | None], where: str, folder: Path | None) -> ImageColumn:
    paths = [None if not name else _path(name, f"{where}, row {row}", folder) for row, name in enumerate(names)]
    return ImageColumn(len(paths), lambda row: paths[row], lambda row: str(paths[row] or f"row {row}"))


def _of_structs(column: Any, where: str, folder: Path | None) -> ImageColumn:
    """Images as Hugging Face's datasets hold them: the bytes of a file, or else its path."""

    def given(row: int) -> Any:
        one = column[row].as_py()
        if one is None or one["bytes"] is not None or not one["path"]:
            return None if one is None else one["bytes"]
        return _path(one["path"], f"{where}, row {row}", folder)

    def called(row: int) -> str:
        import pyarrow.compute

        path = pyarrow.compute.struct_field(column.slice(row, 1), "path")[0].as_py()
        return f"row {row}, {path}" if path else f"{where}, row {row}"

    return ImageColumn(len(column), given, called)


def _path(name: str, what: str, folder: Path | None) -> Path:
    if "://" in name:
        raise DataError(f"{what}: '{name}' is an address; wanted the name of a file, nothing is downloaded")
    plain = PureWindowsPath(name).as_posix() if "\\" in name and not os.path.exists(name) else name
    if os.path.isabs(plain):
        return Path(plain)
    inside = os.path.normpath(plain)
    if inside.startswith("..") or "\0" in inside:
        raise DataError(
            f"{what}: '{name}' leads out of the folder of the table; wanted a file in it, or its whole path"
        )
    return (folder or Path()) / inside
