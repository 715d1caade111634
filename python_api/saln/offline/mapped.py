"""Arrays that a file holds byte for byte, so that it can be mapped: npy, members of npz, tensors of safetensors."""

from __future__ import annotations

import json
import math
import mmap
import os
import struct
import warnings
import zipfile
from pathlib import Path
from threading import Thread
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from saln.datasets import ArrayFile, DataError
from saln.datasets.mapped import watched
from saln.datasets.npy import find_member, read_header
from saln.mapping import region_at

Array = npt.NDArray[Any]
RowNumbers = npt.NDArray[np.int64]

GAP = 64 << 10
"""Bytes between two rows up to which reading on is cheaper than another request."""
REQUEST = 128 << 10
"""Bytes to ask a disk for at once."""
PIECE = 8 << 20
"""Bytes that a cast or a strided read may take on the way."""
NPZ_HEADER = struct.Struct("<4s5H3I2H")  # local file header of a zip member (PKWARE's appnote, 4.3.7)
SAFETENSORS = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|b1",
}  # fmt: skip


class Mapped:
    """An array in memory that the system reads from a file as it is touched, and may drop again; see `Rows`.

    Parameters
    ----------
    array : ndarray [N, ...]
    how : str
    path : Path, optional
        Whose bytes the array is, from `offset` on; left out where it has been loaded.
    offset : int
    bfloat16 : bool
        What the array shows as uint16.
    """

    overhead = 0

    def __init__(
        self, array: Array, how: str, *, path: Path | None = None, offset: int = 0, bfloat16: bool = False
    ) -> None:
        self.how, self.bfloat16 = how, bfloat16
        self.ndim, self.stored = array.ndim, array.dtype
        self.n_rows = array.shape[0] if array.ndim else 0
        self.width = int(np.prod(array.shape[1:], dtype=np.int64))
        self._array, self._offset = array, offset
        self._region = None if path is None else region_at(array.__array_interface__["data"][0])
        self._file = None if path is None or not hasattr(os, "posix_fadvise") else path.open("rb")
        flags = array.flags
        self._plain = bool(flags.c_contiguous and flags.aligned and array.dtype.isnative and array.ndim)

    def fill(self, rows: RowNumbers, out: Array) -> None:
        """As in `Rows`; a DataError where the file was cut off since it was opened, as a network may do."""
        if self._region is not None:
            self._region.check()
        if self._plain and out.dtype == self.stored:
            # Rows are in range; "clip" only keeps numpy from gathering into a buffer of its own first.
            np.take(self._array.reshape(self.n_rows, self.width), rows, axis=0, out=out, mode="clip")
            return
        # numpy's take would first copy the whole of an array that is strided, swapped or not aligned.
        step = max(1, PIECE // max(1, self.width * self.stored.itemsize))
        for start in range(0, len(rows), step):
            part = self._array[rows[start : start + step]]
            out[start : start + step] = part.reshape(len(part), self.width)

    def prefetch(self, rows: RowNumbers) -> None:
        """As in `Rows`: a request for every run of rows, so that a disk has them all to order and to serve at once."""
        if self._file is None or not self._array.flags.c_contiguous or not len(rows):
            return
        n_bytes = self.width * self.stored.itemsize
        starts = rows * n_bytes
        breaks = np.flatnonzero(np.diff(starts) > n_bytes + GAP) + 1
        firsts = starts[np.concatenate([[0], breaks])]
        lasts = starts[np.concatenate([breaks - 1, [len(rows) - 1]])] + n_bytes
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
            self._ask_for(self._file, first, last)

    def whole(self) -> Tensor | None:
        """As in `Rows`; has the system read the file ahead, in the background."""
        if not self._plain:
            return None
        if self._file is not None:
            Thread(target=self._ask_for, args=(self._file, 0, self._array.nbytes), daemon=True).start()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # nor does anybody write
            tensor = torch.from_numpy(self._array.reshape(self.n_rows, self.width))
        return tensor.view(torch.bfloat16) if self.bfloat16 else tensor

    def _ask_for(self, file: BinaryIO, first: int, last: int) -> None:
        # Linux cuts a request at what its readahead allows, 128 KiB by default.
        for start in range(first, last, REQUEST):
            n_bytes = min(REQUEST, last - start)
            os.posix_fadvise(file.fileno(), self._offset + start, n_bytes, os.POSIX_FADV_WILLNEED)


def open_npy(path: Path) -> Mapped:
    """The array of an npy file."""
    with path.open("rb") as file:
        return _map_npy(path, file, "mapped", path.stat().st_size)


def open_npz(file: ArrayFile, name: str) -> Mapped:
    """One array of an npz file, mapped where it lies there uncompressed, else loaded."""
    path = file.path
    with zipfile.ZipFile(path) as archive:
        member = find_member(archive, path, name)
    if member.compress_type != zipfile.ZIP_STORED:
        return Mapped(file.read(name), "loaded whole: compressed in the npz file")
    with path.open("rb") as content:
        content.seek(member.header_offset)
        fields = NPZ_HEADER.unpack(content.read(NPZ_HEADER.size))
        if fields[0] != b"PK\x03\x04":
            raise DataError(f"{path}: '{name}' does not lie where the file's directory says")
        content.seek(fields[-2] + fields[-1], os.SEEK_CUR)  # the member's name and extra field
        return _map_npy(path, content, "mapped in the npz file", member.file_size)


def open_safetensors(path: Path, name: str) -> Mapped:
    """One tensor of a safetensors file: 8 bytes with the length of a JSON header, the header, the tensors' bytes."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        fields = json.loads(file.read(length))[name]
    kind, shape = fields["dtype"], tuple(fields["shape"])
    if kind not in SAFETENSORS:
        raise DataError(f"{path}: '{name}' is {kind}; wanted one of {', '.join(SAFETENSORS)}")
    offset = 8 + length + fields["data_offsets"][0]
    array = _map(path, np.dtype(SAFETENSORS[kind]), shape, "C", offset)
    return Mapped(array, "mapped", path=path, offset=offset, bfloat16=kind == "BF16")


def _map_npy(path: Path, file: BinaryIO, how: str, size: int) -> Mapped:
    found = read_header(file, str(path), size)
    order = "F" if found.fortran and len(found.shape) > 1 else "C"
    return Mapped(_map(path, found.dtype, found.shape, order, found.offset), how, path=path, offset=found.offset)


def _map(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...], order: Any, offset: int) -> Array:
    n_bytes = math.prod(shape) * dtype.itemsize
    if path.stat().st_size < offset + n_bytes:
        raise DataError(f"{path}: ends after {path.stat().st_size} bytes; wanted {offset + n_bytes}")
    if not n_bytes:
        return np.empty(shape, dtype=dtype)
    # Shared and read-only: a private mapping that could be written to counts against the system's memory.
    start = offset - offset % mmap.ALLOCATIONGRANULARITY
    with path.open("rb") as file:
        mapping = mmap.mmap(file.fileno(), offset - start + n_bytes, access=mmap.ACCESS_READ, offset=start)
    return watched(np.ndarray(shape, dtype=dtype, buffer=mapping, offset=offset - start, order=order), path, offset)
