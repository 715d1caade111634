"""Arrays as numpy writes them: npy files, and the members of npz files. Nothing is unpickled or believed unseen."""

from __future__ import annotations

import math
import sys
import zipfile
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from saln.datasets.errors import Array, DataError
from saln.datasets.mapped import watched
from saln.datasets.room import require_room

MAGIC = np.lib.format.MAGIC_PREFIX
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Those that numpy writes."""


class Header(NamedTuple):
    """What an npy file says of its array, which begins at `offset`."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    offset: int

    @property
    def n_bytes(self) -> int:
        """Of the array."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_header(file: IO[bytes], what: str, size: int) -> Header:
    """The header of an npy file of so many bytes, which is read from where `file` stands.

    Raises
    ------
    DataError
        It is no such file, holds Python objects, or does not hold as many bytes as its header says. `what` names it.
    """
    start = file.tell()
    begin = file.read(len(MAGIC))
    if begin != MAGIC:
        raise DataError(f"{what}: is no npy file, but begins with {begin!r}" if begin else f"{what}: is empty")
    file.seek(start)
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if dtype.hasobject:
        raise DataError(f"{what}: the array holds Python objects, which are not read")
    header = Header(shape, fortran, dtype, file.tell())
    n_values = math.prod(int(each) for each in shape)
    if any(type(each) is bool or not 0 <= each < 1 << 63 for each in shape) or (n_values and not dtype.itemsize):
        raise DataError(f"{what}: its header says {dtype} {list(shape)}, which is no array")
    there, wanted = size - (header.offset - start), header.n_bytes
    if there != wanted:
        raise DataError(
            f"{what}: its header says {dtype} {list(shape)}, which is {wanted} bytes, but {there} bytes follow; it was "
            f"{'cut off' if there < wanted else 'damaged or added to'}"
        )
    return header


def read_npy(path: Path) -> Array:
    """The array of an npy file."""
    with path.open("rb") as file:
        n_bytes = read_header(file, str(path), path.stat().st_size).n_bytes
        require_room(n_bytes, str(path))
        file.seek(0)
        return _read(file, str(path))


def _read(file: IO[bytes], what: str) -> Array:
    array = np.asarray(np.lib.format.read_array(file, allow_pickle=False))
    if array.dtype.kind == "U" and array.size:
        codes = np.ascontiguousarray(array, array.dtype.newbyteorder("=")).view(np.uint32)
        if np.any((codes > sys.maxunicode) | ((codes >= 0xD800) & (codes < 0xE000))):
            raise DataError(f"{what}: holds texts with characters that there are not")
    return array


def map_npy(path: Path) -> Array:
    """The array of an npy file, mapped: what is written into it stays in memory."""
    with path.open("rb") as file:
        header = read_header(file, str(path), path.stat().st_size)
    if not header.n_bytes:
        return np.zeros(header.shape, dtype=header.dtype)
    order: Any = "F" if header.fortran else "C"
    return watched(np.memmap(path, header.dtype, "c", header.offset, header.shape, order), path, header.offset)


def npz_names(path: Path) -> list[str]:
    """Names of the arrays in an npz file."""
    with zipfile.ZipFile(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


def read_npz(path: Path, name: str) -> Array:
    """One array of an npz file."""
    with zipfile.ZipFile(path) as archive:
        member = find_member(archive, path, name)
        what = f"{path}: '{name}'"
        with archive.open(member) as file:
            n_bytes = read_header(file, what, member.file_size).n_bytes
        require_room(n_bytes, what, member.compress_size)
        with archive.open(member) as file:
            return _read(file, what)


def find_member(archive: zipfile.ZipFile, path: Path, name: str) -> zipfile.ZipInfo:
    """Where an array of an npz file lies in it."""
    members = {member.filename: member for member in archive.infolist()}
    member = members[name if name in members else f"{name}.npy"]
    if member.compress_type not in COMPRESSIONS:
        raise DataError(f"{path}: '{name}' is packed in a way that numpy does not write; save it with numpy.savez")
    return member
