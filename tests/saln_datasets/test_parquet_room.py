"""Parquet files in which a few bytes stand for many: what they unpack to is known before it is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from saln.datasets import DataError, room
from saln.datasets.files import ArrayFile
from saln.datasets.parquet import counted_bytes, most_bytes

LONG = "x" * (1 << 14)


def repeated(rows: int) -> pa.Array:
    """One long text in all rows, which is there once."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([LONG]))


# Columns of so many rows, each of which takes about as much as one long text.
COLUMNS: dict[str, tuple[Callable[[int], Any], dict[str, Any]]] = {
    "texts": (lambda rows: repeated(rows).cast("string"), {}),
    "texts, packed": (lambda rows: [LONG] * rows, {"use_dictionary": False, "compression": "zstd"}),
    "texts by differences": (
        lambda rows: [LONG] * rows,
        {"use_dictionary": False, "column_encoding": {"x": "DELTA_BYTE_ARRAY"}},
    ),
    "lists of texts": (lambda rows: pa.array([[LONG[:8192]] * 2] * rows), {}),
    "lists of numbers": (lambda rows: pa.array([np.zeros(2048)] * rows), {}),
    "images": (lambda rows: pa.array([{"bytes": LONG.encode(), "path": "a"}] * rows), {}),
    "bytes of one length": (lambda rows: pa.array([LONG.encode()] * rows, pa.binary(len(LONG))), {}),
    "pairs": (lambda rows: pa.array([[("a", LONG)]] * rows, pa.map_("string", "string")), {}),
}


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """2 MiB of memory."""
    monkeypatch.setattr(room, "SMALL", 1 << 20)
    monkeypatch.setattr(room, "available_bytes", lambda: 2 << 20)


def written(path: Path, kind: str, rows: int) -> Path:
    column, options = COLUMNS[kind]
    pq.write_table(pa.table({"x": column(rows)}), path, **options)
    return path


@pytest.mark.usefixtures("little")
@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_that_takes_too_much_is_not_read(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path / "x.parquet", kind, 200)
    assert path.stat().st_size < 1 << 18
    with pytest.raises(DataError, match=r"x\.parquet: 'x': takes .* MiB of memory, and there are 2 MiB"):
        ArrayFile(path).column("x")


@pytest.mark.usefixtures("little")
@pytest.mark.parametrize("kind", COLUMNS)
def test_what_fits_is_read(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path / "x.parquet", kind, 100)
    found = ArrayFile(path).column("x")
    assert len(found) == 100
    assert found.to_pylist() == pq.read_table(path)["x"].to_pylist()


@pytest.mark.parametrize("kind", COLUMNS)
def test_bounds_are_none_too_low(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path / "x.parquet", kind, 150)
    with pq.ParquetFile(path) as file:
        most, is_exact = most_bytes(file, "x")
    counted = counted_bytes(path, "x")
    taken = 150 * len(LONG)
    assert taken <= counted <= 1.1 * taken
    assert most >= taken
    assert not is_exact or most <= 1.1 * taken


@pytest.mark.usefixtures("little")
def test_texts_of_which_the_file_says_too_little_are_counted(tmp_path: Path) -> None:
    texts = [f"text number {row % 500}" for row in range(20_000)]
    pq.write_table(pa.table({"x": texts, "x.y": texts}), tmp_path / "x.parquet", row_group_size=3000)
    with pq.ParquetFile(tmp_path / "x.parquet") as file:
        assert most_bytes(file, "x")[0] > 2 << 20  # as if all were as long as 500 of them
    assert ArrayFile(tmp_path / "x.parquet").column("x").to_pylist() == texts


@pytest.mark.usefixtures("little")
def test_texts_as_long_as_the_longest_are_bounded(tmp_path: Path) -> None:
    """Numpy's texts take the room of the longest in every row, of csv files, too."""
    texts = ["short"] * 99 + ["Ω" * 6000]
    (tmp_path / "x.csv").write_text("\n".join(["x,label", *(f"{text},1" for text in texts)]))
    pq.write_table(pa.table({"x": texts}), tmp_path / "x.parquet")
    for name in ("x.csv", "x.parquet"):
        file = ArrayFile(tmp_path / name)
        assert len(file.column("x")) == 100
        with pytest.raises(DataError, match=rf"{name}: column 'x': takes 2\.289 MiB of memory, and there are 2 MiB"):
            file.read("x")


@pytest.mark.usefixtures("little")
def test_categories_are_bounded_where_they_become_texts(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": repeated(200)}), tmp_path / "x.parquet")
    file = ArrayFile(tmp_path / "x.parquet")
    assert file.column("x").nbytes < 1 << 15
    with pytest.raises(DataError, match=r"column 'x': takes 12\.5 MiB of memory, and there are 2 MiB"):
        file.read("x")
    pq.write_table(pa.table({"x": repeated(20)}), tmp_path / "x.parquet")
    assert ArrayFile(tmp_path / "x.parquet").read("x").tolist() == [LONG] * 20


def test_a_file_without_rows_or_row_groups_is_read(tmp_path: Path) -> None:
    with pq.ParquetWriter(tmp_path / "x.parquet", pa.schema({"x": "string"})):
        pass
    assert ArrayFile(tmp_path / "x.parquet").read("x").tolist() == []
