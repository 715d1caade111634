"""Columns of parquet and csv files as arrays."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from saln.datasets.errors import Array, DataError, describe

Opened = tuple[list[str], Callable[[str], Array]]
"""Names in a file, and what reads one of them."""
BLOCK = 1 << 26
"""Bytes that a line of a csv file may have at most."""
SEPARATORS = {";": "semicolons", "\t": "tabs"}


def open_parquet(path: Path) -> Opened:
    """Columns of a parquet file, each read when it is asked for."""
    import pyarrow.parquet

    file = pyarrow.parquet.ParquetFile(str(path))  # opened for each column, a wide file would take minutes

    def read(name: str) -> Array:
        return _values(file.read(columns=[name]).column(name), f"{path}: column '{name}'")

    return [str(name) for name in file.schema_arrow.names], read


def pandas_index(path: Path) -> list[str]:
    """Columns of a parquet file that pandas wrote down as the index of its rows."""
    import pyarrow.parquet

    metadata = pyarrow.parquet.read_schema(str(path)).metadata or {}
    return [each for each in json.loads(metadata.get(b"pandas", b"{}")).get("index_columns", []) if type(each) is str]


def open_csv(path: Path) -> Opened:
    """Columns of a csv file in UTF-8, separated by commas, parsed once.

    Empty values, `?`, and what Arrow takes for missing (NA, N/A, NaN, NULL and the like) are NaN among numbers and
    empty among texts. Blanks around names and values do not count.
    """
    import pyarrow.csv

    content = path.read_bytes()
    first = content[:BLOCK].split(b"\n", 1)[0]
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or not _is_utf8(first):
        raise DataError(f"{path}: the first line is not UTF-8; save the file as UTF-8")
    if content.count(b'"') % 2:
        raise DataError(f"{path}: a quotation mark is opened and not closed")
    words = [*pyarrow.csv.ConvertOptions().null_values, "?"]
    try:
        table = pyarrow.csv.read_csv(
            pyarrow.BufferReader(content),
            # Threads would be faster, and errors could not tell the row.
            read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=BLOCK),
            # In a file of one column, an empty line is a missing value.
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=b"," in first),
            convert_options=pyarrow.csv.ConvertOptions(
                null_values=[blank + word for word in words for blank in ("", " ")], strings_can_be_null=True
            ),
        )
    except pyarrow.ArrowInvalid as error:
        message = str(error).splitlines()[0].replace("CSV parse error: Row #", "the header being row 1, row ")
        raise DataError(f"{path}: {message}") from error
    names = [name.strip() for name in table.column_names]
    for separator, called in SEPARATORS.items():
        if len(names) == 1 and separator in names[0]:
            raise DataError(f"{path}: the first line is '{names[0]}'; wanted names separated by commas, not {called}")

    places = {name: place for place, name in enumerate(names)}

    def read(name: str) -> Array:
        column, what = table.column(places[name]), f"{path}: column '{name}'"
        if pyarrow.types.is_binary(column.type):
            row = next(row for row, value in enumerate(column.to_pylist()) if value and not _is_utf8(value))
            raise DataError(f"{what} is not UTF-8 in row {row}: {column[row].as_py()!r}; save the file as UTF-8")
        values = _values(column, what)
        return np.char.strip(values) if values.dtype.kind == "U" else values

    return names, read


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _values(column: Any, what: str) -> Array:
    """A column of Arrow: numbers, NaN where they are missing; texts, empty where they are; or lists as a matrix."""
    import pyarrow

    types, kind = pyarrow.types, column.type
    if types.is_dictionary(kind):
        return _values(column.cast(kind.value_type), what)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return _matrix(column.combine_chunks(), what)
    if types.is_null(kind) or types.is_decimal(kind) or (types.is_boolean(kind) and column.null_count):
        column = column.cast("int8" if types.is_boolean(kind) else "float64").cast("float64")
    elif types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return np.asarray(column.cast("large_string").fill_null("").to_pylist(), dtype=np.str_)
    elif not (types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind) or types.is_temporal(kind)):
        raise DataError(f"{what} holds {kind}; wanted numbers, texts, or lists of numbers")
    return np.asarray(column.to_numpy())


def _matrix(column: Any, what: str) -> Array:
    values = np.asarray(column.flatten().to_numpy(zero_copy_only=False))
    lengths = np.asarray(column.value_lengths().to_numpy(zero_copy_only=False))
    rows, width = len(column), values.shape[0] // max(1, len(column))
    if not np.all(lengths == width):
        raise DataError(f"{what} holds lists that differ in length or are missing")
    if values.dtype.kind not in "fiub":
        raise DataError(f"{what} holds lists of {describe(values[:0])}; wanted lists of numbers")
    return values.reshape(rows, width)
