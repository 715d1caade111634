"""Columns of tables that Arrow reads, and their values as arrays."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from saln.datasets.errors import Array, DataError, describe
from saln.datasets.mapped import map_buffer
from saln.datasets.room import require_room
from saln.needs import extra_pilot

BLOCK = 1 << 26
"""Bytes that a line of a file may have at most."""


@dataclass(frozen=True)
class Opened:
    """What is in a file or an object: arrays, or columns of a table.

    Attributes
    ----------
    names : list of str
    read : callable, optional
        Gives one of the arrays.
    column : callable, optional
        Gives one of the columns, as Arrow has it.
    kind : callable, optional
        Gives Arrow's type of one without reading it.
    metadata : mapping
        Of Arrow's schema.
    notes : list of str
    n_rows : int or None
        Of a table.
    files : sequence of str
        The file of each row, where it has one of its own.
    """

    names: list[str]
    read: Callable[[str], Array] | None = None
    column: Callable[[str], Any] | None = None
    kind: Callable[[str], Any] | None = None
    metadata: Mapping[bytes, bytes] = field(default_factory=dict)
    notes: Sequence[str] = ()
    n_rows: int | None = None
    files: Sequence[str] = ()

    @property
    def index(self) -> list[str]:
        """Columns that pandas wrote down as the index of the rows."""
        columns = self._written(b"pandas").get("index_columns", [])
        return [each for each in columns if type(each) is str]

    def class_names(self, name: str) -> list[str] | None:
        """The names of a column's classes, where Hugging Face's datasets wrote them down."""
        try:
            kind = self._written(b"huggingface")["info"]["features"][name]
            return [str(each) for each in kind["names"]] if kind["_type"] == "ClassLabel" else None
        except (KeyError, TypeError):
            return None

    def _written(self, key: bytes) -> dict[str, Any]:
        try:
            found = json.loads(self.metadata.get(key, b"{}"))
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


def open_arrow(path: Path) -> Opened:
    """Columns of an arrow file, mapped: a stream, as Hugging Face's datasets write it, or a file with an index."""
    with extra_pilot():
        import pyarrow

    buffer, region = map_buffer(path)
    source = pyarrow.BufferReader(buffer)
    is_file = source.read(6) == b"ARROW1"
    source.seek(0)
    reader = pyarrow.ipc.open_file(source) if is_file else pyarrow.ipc.open_stream(source)
    str(reader.schema)  # as for parquet files
    opened = open_table(reader.read_all())

    def column(name: str) -> Any:
        region.check()
        assert opened.column is not None
        return opened.column(name)

    return replace(opened, column=column)


def open_table(table: Any, notes: Sequence[str] = ()) -> Opened:
    """Columns of a table of Arrow."""
    return Opened(
        [str(name) for name in table.column_names],
        column=lambda name: without_views(table.column(name)),
        metadata=table.schema.metadata or {},
        notes=notes,
        n_rows=table.num_rows,
    )


def without_views(column: Any) -> Any:
    """Texts and bytes as most of Arrow's functions want them; polars gives views."""
    with extra_pilot():
        import pyarrow

    types, kind = pyarrow.types, column.type
    if types.is_dictionary(kind) and types.is_string_view(kind.value_type):
        chunks = [
            pyarrow.DictionaryArray.from_arrays(each.indices, each.dictionary.cast("large_string"))
            for each in column.chunks
        ]
        return pyarrow.chunked_array(chunks, pyarrow.dictionary(kind.index_type, pyarrow.large_string()))
    if types.is_string_view(kind):
        return column.cast("large_string")
    return column.cast("large_binary") if types.is_binary_view(kind) else column


def values(column: Any, what: str) -> Array:
    """A column of Arrow: numbers, NaN where they are missing; texts, empty where they are; or lists as a matrix.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
    what : str
        Its name, for messages.

    Raises
    ------
    DataError
        It holds something else, or lists of several lengths.
    """
    with extra_pilot():
        import pyarrow

    types, kind = pyarrow.types, column.type
    if is_text(kind):
        require_room(4 * _longest(column) * len(column), what)  # numpy's texts are all as long as the longest
    if types.is_dictionary(kind):
        return values(column.cast(kind.value_type), what)
    if is_list(kind):
        return _matrix(column.combine_chunks(), what)
    if types.is_null(kind) or types.is_decimal(kind) or (types.is_boolean(kind) and column.null_count):
        column = column.cast("int8" if types.is_boolean(kind) else "float64").cast("float64")
    elif is_text(kind):
        return np.asarray(column.cast("large_string").fill_null("").to_pylist(), dtype=np.str_)
    elif not (types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind) or types.is_temporal(kind)):
        raise DataError(f"{what} holds {kind}; wanted numbers, texts, or lists of numbers")
    return np.asarray(column.to_numpy())


def _longest(column: Any) -> int:
    """Characters of the longest text of a column."""
    with extra_pilot():
        import pyarrow
        import pyarrow.compute

    texts = [each.dictionary for each in column.chunks] if pyarrow.types.is_dictionary(column.type) else [column]
    return max((pyarrow.compute.max(pyarrow.compute.utf8_length(each)).as_py() or 0 for each in texts), default=0)


def is_text(kind: Any) -> bool:
    """Whether a type of Arrow is one of texts."""
    with extra_pilot():
        import pyarrow

    types = pyarrow.types
    if types.is_dictionary(kind):
        return is_text(kind.value_type)
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def is_number(kind: Any) -> bool:
    """Whether a type of Arrow is one of numbers or bools."""
    with extra_pilot():
        import pyarrow

    types = pyarrow.types
    return bool(types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def is_image_file(kind: Any) -> bool:
    """Whether a type of Arrow can hold files of images: bytes, or Hugging Face's bytes and path."""
    with extra_pilot():
        import pyarrow

    types = pyarrow.types
    if types.is_struct(kind):
        return {"bytes", "path"} <= {kind.field(place).name for place in range(kind.num_fields)}
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def is_list(kind: Any) -> bool:
    """Whether a type of Arrow is one of lists."""
    with extra_pilot():
        import pyarrow

    types = pyarrow.types
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _matrix(column: Any, what: str) -> Array:
    found = np.asarray(column.flatten().to_numpy(zero_copy_only=False))
    lengths = np.asarray(column.value_lengths().to_numpy(zero_copy_only=False))
    rows, width = len(column), found.shape[0] // max(1, len(column))
    if not np.all(lengths == width):
        raise DataError(f"{what} holds lists that differ in length or are missing")
    if found.dtype.kind not in "fiub":
        raise DataError(f"{what} holds lists of {describe(found[:0])}; wanted lists of numbers")
    return found.reshape(rows, width)
