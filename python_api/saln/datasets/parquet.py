"""Columns of parquet files, read where what they unpack to can be held in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from saln.datasets import room
from saln.datasets.tables import Opened, is_number, without_views
from saln.needs import extra_pilot

BYTES = {"BOOLEAN": 1, "INT32": 4, "FLOAT": 4, "INT64": 8, "DOUBLE": 8, "INT96": 12}
"""Of a value, by the name of its type in the file."""
DIFFERENCES = "DELTA_BYTE_ARRAY"
REPEATING = ("RLE_DICTIONARY", "PLAIN_DICTIONARY", DIFFERENCES)
"""Encodings in which one text may stand for any number of texts."""
COUNTED = 256
"""Rows that are looked at in one go where texts are counted."""


def open_parquet(path: Path) -> Opened:
    """Columns of a parquet file, each read when it is asked for."""
    with extra_pilot():
        import pyarrow.parquet

    file = pyarrow.parquet.ParquetFile(str(path))  # opened for each column, a wide file would take minutes
    schema = file.schema_arrow
    str(schema)  # names within names that are not UTF-8 are found here, where the file is known

    def column(name: str) -> Any:
        kind = schema.field(name).type
        what = f"{path}: '{name}'"
        # A few bytes may stand for any number of equal values.
        room.require_room(file.metadata.num_rows * (kind.bit_width // 8 if is_number(kind) else 1), what)
        if not is_number(kind):
            n_bytes, is_exact = most_bytes(file, name, as_categories=pyarrow.types.is_dictionary(kind))
            if not is_exact and n_bytes > room.SMALL and n_bytes > room.available_bytes():
                n_bytes = counted_bytes(path, name)
            room.require_room(n_bytes, what)
        return without_views(file.read(columns=[name]).column(name))

    return Opened(
        [str(name) for name in schema.names],
        column=column,
        kind=lambda name: schema.field(name).type,
        metadata=schema.metadata or {},
        n_rows=file.metadata.num_rows,
    )


def most_bytes(file: Any, name: str, *, as_categories: bool = False) -> tuple[int, bool]:
    """Bytes that a column unpacks to at most, by what the file says of it, and whether it will be just so many.

    Texts that may repeat are taken to be as long as all of them together are in the file; as categories they are read
    once, and numbers in their place.
    """
    total, is_exact = 0, True
    for place, chunk in _chunks(file, name):
        n_values, n_bytes = max(0, chunk.num_values), max(0, chunk.total_uncompressed_size)
        if chunk.physical_type in BYTES:
            total += n_values * BYTES[chunk.physical_type]
        elif chunk.physical_type != "BYTE_ARRAY":
            total += n_values * max(0, file.schema.column(place).length)
        elif as_categories:
            total += n_bytes + 4 * n_values
        elif set(chunk.encodings) & set(REPEATING):
            total, is_exact = total + n_values * n_bytes, False
        else:
            total += n_bytes
    return total, is_exact


def counted_bytes(path: Path, name: str) -> int:
    """Bytes that a column with texts unpacks to, or the first number above what memory there is.

    It is read in parts, and of texts that repeat one: memory is that of a part.
    """
    with extra_pilot():
        import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(str(path)) as file:
        chunks = [chunk for _, chunk in _chunks(file, name)]
    # Arrow reads none as categories that are told by differences: of these no part takes more than is not asked about.
    by_differences = [chunk for chunk in chunks if DIFFERENCES in chunk.encodings]
    longest = max([1, *(chunk.total_uncompressed_size for chunk in by_differences)])
    once = {chunk.path_in_schema for chunk in chunks} - {chunk.path_in_schema for chunk in by_differences}
    total, available = 0, room.available_bytes()
    with pyarrow.parquet.ParquetFile(str(path), read_dictionary=sorted(once), pre_buffer=False) as file:
        for batch in file.iter_batches(batch_size=min(COUNTED, max(1, room.SMALL // longest)), columns=[name]):
            total += _unpacked(batch.column(0))
            if total > available:
                break
    return total


def _chunks(file: Any, name: str) -> Iterator[tuple[int, Any]]:
    """The column's parts in every row group, each with its place among the columns of single values."""
    metadata = file.metadata
    for place in range(metadata.num_columns if metadata.num_row_groups else 0):
        path = file.schema.column(place).path
        if path == name or path.startswith(f"{name}."):
            for number in range(metadata.num_row_groups):
                yield place, metadata.row_group(number).column(place)


def _unpacked(array: Any) -> int:
    """Bytes of an array of Arrow where every text has its own."""
    with extra_pilot():
        import pyarrow
        import pyarrow.compute

    types, kind = pyarrow.types, array.type
    if types.is_dictionary(kind):
        lengths = pyarrow.compute.binary_length(array.dictionary).to_numpy(zero_copy_only=False)
        return int(np.nansum(lengths[array.indices.drop_null().to_numpy(zero_copy_only=False)])) + 4 * len(array)
    if types.is_struct(kind):
        return sum(_unpacked(each) for each in array.flatten())
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind) or types.is_map(kind):
        return 4 * len(array) + _unpacked(array.flatten() if not types.is_map(kind) else array.items)
    return int(array.nbytes)
