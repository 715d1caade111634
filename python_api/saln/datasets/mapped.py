"""Files mapped into memory, where `saln.mapping` looks at them before they are read."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import numpy as np

from saln.datasets.errors import Array, DataError
from saln.mapping import Region, region_at, watch
from saln.needs import extra_pilot


def watched(array: Array, path: Path, offset: int) -> Array:
    """An array that lies in a mapping of a file, from a byte of it on."""
    mapping = array.base
    assert isinstance(mapping, mmap.mmap)
    _watch(mapping, array, path, offset + array.nbytes)
    return array


def map_buffer(path: Path) -> tuple[Any, Region]:
    """A file as a buffer of Arrow, and what tells whether it is still all there."""
    with extra_pilot():
        import pyarrow

    with path.open("rb") as file:
        mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    content = np.frombuffer(mapping, dtype=np.uint8)
    return pyarrow.py_buffer(mapping), _watch(mapping, content, path, content.nbytes)


def regions_of(column: Any) -> tuple[Region, ...]:
    """Where the values of a column of Arrow are mapped; nowhere, if they were read."""
    buffers = [buffer for chunk in column.chunks for buffer in chunk.buffers() if buffer is not None]
    found = {id(region): region for region in (region_at(buffer.address) for buffer in buffers) if region is not None}
    return tuple(found.values())


def _watch(mapping: mmap.mmap, content: Array, path: Path, end: int) -> Region:
    address = content.__array_interface__["data"][0]
    return watch(mapping, address, content.nbytes, end, lambda what: DataError(f"{path}: {what}"))
