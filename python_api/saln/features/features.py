"""Features in a file, and beside it what they were made from."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from saln.datasets import DataError
from saln.datasets.errors import describe, one_line
from saln.datasets.files import FEATURE_KEYS, ArrayFile
from saln.datasets.npy import map_npy
from saln.features.fingerprint import Fingerprint

SCHEMA = "saln.features/1"
CHECKED = 64
"""Rows of an array that tell whether its file is still the one that was written."""


@dataclass(frozen=True)
class Features:
    """Features of a dataset, row i of its item i.

    Attributes
    ----------
    path : Path
    array : ndarray [N, d]
        Of an npy file mapped: nothing is read before it is used.
    fingerprint : Fingerprint or None
        Of the dataset; None where nothing is known of it.
    seconds : float or None
        That the extraction took, in all sessions that it took.
    model : mapping or None
        Name, layer, pooling and checksum of the weights.
    notes : tuple of str
        Sentences about rows that could not be read and texts that were cut.
    broken : mapping of int to str
        Rows that are NaN, and why.
    """

    path: Path
    array: npt.NDArray[Any] = field(repr=False)
    fingerprint: Fingerprint | None = field(default=None, repr=False)
    seconds: float | None = None
    model: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()
    broken: Mapping[int, str] = field(default_factory=dict, repr=False)

    @property
    def rows(self) -> int:
        """Samples, N."""
        return int(self.array.shape[0])

    @property
    def width(self) -> int:
        """Features of a sample, d."""
        return int(self.array.shape[1])

    def __len__(self) -> int:
        return self.rows

    def tensor(self) -> Tensor:
        """The features `[N, d]`, mapped, in their own dtype; writing into them does not change the file."""
        return torch.from_numpy(self.array)


def load(path: str | os.PathLike[str], key: str | None = None) -> Features:
    """Open features that `saln.extract` wrote, or a matrix in any file of arrays.

    Parameters
    ----------
    path : path
        An npy file [N, d] of float16, float32 or float64, which is mapped. What it was made from is read from the file
        beside it, `features.npy.json`, if there is one. Other files of arrays (npz, safetensors, ...) are read.
    key : str, optional
        The array's name there, where it is not a usual one (features, X, embeddings, ...).

    Raises
    ------
    DataError
        If it is no such file, or the file beside it describes another.

    Examples
    --------
    >>> import tempfile, numpy as np, saln
    >>> folder = tempfile.mkdtemp()
    >>> np.save(f"{folder}/x.npy", np.eye(3, dtype=np.float32))
    >>> found = saln.features.load(f"{folder}/x.npy")
    >>> found.rows, found.width, found.fingerprint, found.tensor()[1]
    (3, 3, None, tensor([0., 1., 0.]))
    """
    path = Path(path)
    mapped = path.suffix.lower() == ".npy"
    if not mapped:
        array = ArrayFile(path).take("features", FEATURE_KEYS, key)
    elif not path.is_file():
        raise DataError(f"{path}: no such file")
    else:
        with one_line(path):
            array = map_npy(path)
    if array.ndim != 2 or array.dtype not in (np.float16, np.float32, np.float64):
        raise DataError(f"{path}: features are {describe(array)}; wanted floating-point numbers [N, d]")
    sidecar = sidecar_of(path)
    if not (mapped and sidecar.exists()):
        return Features(path, array)
    with one_line(sidecar):
        found = json.loads(sidecar.read_text(encoding="utf-8"))
        if found["schema"] != SCHEMA:
            raise DataError(f"{sidecar}: schema is {found['schema']!r}; wanted {SCHEMA!r}")
        if found["checksum"] != array_checksum(array):
            raise DataError(
                f"{sidecar}: describes other features than {path.name} holds; extract them again, or remove "
                f"{sidecar.name} and nothing is known of their dataset"
            )
        fingerprint = Fingerprint.from_dict(found["data"])
        broken = {int(row): cause for row, cause in found["broken"].items()}
        return Features(path, array, fingerprint, found["seconds"], found["model"], tuple(found["notes"]), broken)


def sidecar_of(path: Path) -> Path:
    """Where it says what features were made from."""
    return path.with_name(f"{path.name}.json")


def array_checksum(array: npt.NDArray[Any]) -> int:
    """Of shape, dtype and rows spread evenly."""
    found = zlib.crc32(f"{array.dtype.str} {array.shape}".encode())
    for row in np.linspace(0, len(array) - 1, min(CHECKED, len(array)), dtype=np.int64).tolist():
        found = zlib.crc32(np.ascontiguousarray(array[row]).tobytes(), found)
    return found
