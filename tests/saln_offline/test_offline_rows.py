"""Readers of every kind of file against the array that was written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from saln.datasets import DataError
from saln.offline.row_groups import RowGroups
from saln.offline.rows import Source

X = np.random.default_rng(0).normal(size=(97, 6)).astype(np.float32)
FULL = torch.from_numpy(X)


def _lists(x: np.ndarray[Any, Any], kind: pa.DataType) -> pa.Array:
    return pa.array(list(x), type=kind)


def _misaligned(path: Path) -> None:
    # A header whose length is odd, as writers that do not pad it leave.
    header = json.dumps({"features": {"dtype": "F32", "shape": [97, 6], "data_offsets": [0, X.nbytes]}}).encode()
    header += b" " * (len(header) % 2 == 0)
    path.write_bytes(len(header).to_bytes(8, "little") + header + X.tobytes())


FILES: dict[str, tuple[str, Callable[[Path], object], Tensor, str]] = {
    "npy": ("x.npy", lambda p: np.save(p, X), FULL, "mapped"),
    "columns first": ("x.npy", lambda p: np.save(p, np.asfortranarray(X)), FULL, "mapped"),
    "big endian": ("x.npy", lambda p: np.save(p, X.astype(">f4")), FULL, "mapped"),
    "float64": ("x.npy", lambda p: np.save(p, X.astype(np.float64)), FULL.double(), "mapped"),
    "float16": ("x.npy", lambda p: np.save(p, X.astype(np.float16)), FULL.half(), "mapped"),
    "integers": ("x.npy", lambda p: np.save(p, (X * 9).astype(np.int16)), (FULL * 9).short().float(), "mapped"),
    "images": ("x.npy", lambda p: np.save(p, X.reshape(97, 3, 2)), FULL, "mapped"),
    "images, columns first": ("x.npy", lambda p: np.save(p, np.asfortranarray(X.reshape(97, 3, 2))), FULL, "mapped"),
    "npz": ("x.npz", lambda p: np.savez(p, other=X[:3], features=X), FULL, "mapped in the npz file"),
    "compressed": ("x.npz", lambda p: np.savez_compressed(p, features=X), FULL, "loaded whole: compressed in the npz"),
    "safetensors": ("x.safetensors", lambda p: save_file({"a": FULL[:2].clone(), "features": FULL}, p), FULL, "mapped"),
    "bfloat16": ("x.safetensors", lambda p: save_file({"x": FULL.bfloat16()}, p), FULL.bfloat16(), "mapped"),
    "half": ("x.safetensors", lambda p: save_file({"x": FULL.half()}, p), FULL.half(), "mapped"),
    "not aligned": ("x.safetensors", _misaligned, FULL, "mapped"),
    "lists": (
        "x.parquet",
        lambda p: pq.write_table(pa.table({"features": _lists(X, pa.list_(pa.float32()))}), p, row_group_size=10),
        FULL,
        "streamed by row group",
    ),
    "lists of one length": (
        "x.parquet",
        lambda p: pq.write_table(pa.table({"x": _lists(X, pa.list_(pa.float64(), 6))}), p, row_group_size=31),
        FULL.double(),
        "streamed by row group",
    ),
    "csv": (
        "x.csv",
        lambda p: p.write_text("a,b\n" + "\n".join(f"{a!r},{b!r}" for a, b in X[:, :2].tolist())),
        FULL[:, :2],
        "loaded whole: csv",
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_rows_are_those_written(tmp_path: Path, kind: str) -> None:
    name, write, want, how = FILES[kind]
    write(tmp_path / name)
    reader = Source("features", tmp_path / name, columns=("a", "b") if kind == "csv" else ()).open()
    assert (reader.n_rows, reader.width, reader.dtype) == (97, want.shape[1], want.dtype)
    assert reader.how.startswith(how)
    rng = np.random.default_rng(2)
    for count in (0, 1, 5, 40, 97):
        rows = np.sort(rng.choice(97, size=count, replace=False))
        assert torch.equal(reader.take(rows), want[rows])
    for start, stop in ((0, 97), (0, 10), (10, 10), (10, 41), (41, 97)):
        assert torch.equal(reader.read(start, stop), want[start:stop])


@pytest.mark.parametrize("kind", FILES)
def test_files_are_used_in_place_only_where_they_hold_the_tensor_just_so(tmp_path: Path, kind: str) -> None:
    name, write, want, _ = FILES[kind]
    write(tmp_path / name)
    reader = Source("features", tmp_path / name, columns=("a", "b") if kind == "csv" else ()).open()
    mapped = reader.mapped(97)
    just_so = kind in ("npy", "float64", "float16", "images", "compressed", "safetensors", "bfloat16", "half", "csv")
    if kind == "npz":  # where in the file an array lies is up to the names before it
        assert mapped is None or torch.equal(mapped, want)
        return
    assert (mapped is not None) == just_so
    assert mapped is None or torch.equal(mapped, want)
    assert reader.mapped(96) is None  # not even read once over


def test_memory_of_one_read_outlives_the_next(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    reader = Source("features", tmp_path / "x.npy").open()
    first, second = reader.take(np.arange(50)), reader.take(np.arange(40, 97))
    assert torch.equal(first, FULL[:50])
    assert torch.equal(second, FULL[40:])


def test_only_row_groups_that_are_wanted_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"x": _lists(X, pa.list_(pa.float32())), "y": range(97)}), path, row_group_size=10)
    opened: list[int] = []
    read = pq.ParquetFile.iter_batches

    def counted(self: Any, *arguments: Any, row_groups: Any = None, **options: Any) -> Any:
        opened.extend(row_groups or [])
        assert options["columns"] == ["x"]
        return read(self, *arguments, row_groups=row_groups, **options)

    rows = RowGroups(path, ["x"], side_by_side=False)
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", counted)
    out = np.empty((4, 6), dtype=np.float32)
    rows.fill(np.array([12, 15, 71, 79]), out)
    assert np.array_equal(out, X[[12, 15, 71, 79]])
    assert opened == [1, 7]
    opened.clear()
    for start in range(0, 97, 3):  # straight on, no row group is begun twice
        rows.fill(np.arange(start, min(97, start + 3)), np.empty((min(3, 97 - start), 6), dtype=np.float32))
    assert opened == list(range(10))


def test_parquet_columns_side_by_side(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array([1.0, None, 3.0]), "b": [4, 5, 6], "c": ["u", "v", "w"]})
    pq.write_table(table, tmp_path / "x.parquet")
    reader = Source("features", tmp_path / "x.parquet", columns=("b", "a")).open()
    want = torch.tensor([[4.0, 1.0], [5.0, torch.nan], [6.0, 3.0]])
    assert torch.equal(reader.read(0, 3).nan_to_num(-1), want.nan_to_num(-1))


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8])
def test_integers_as_the_kernels_take_them(tmp_path: Path, dtype: type[np.integer[Any]]) -> None:
    c = np.arange(12, dtype=dtype).reshape(4, 3)
    np.savez(tmp_path / "c.npz", candidates=c, other=c)
    reader = Source("candidates", tmp_path / "c.npz", integers=True).open()
    assert reader.read(1, 3).tolist() == c[1:3].tolist()
    assert reader.dtype == (torch.int32 if dtype is np.int32 else torch.int64)


def _cut(path: Path, x: np.ndarray[Any, Any]) -> None:
    np.save(path, x)
    path.write_bytes(path.read_bytes()[:-5])


WRONG: list[tuple[str, Callable[[Path], object], dict[str, Any], str]] = [
    ("x.npy", lambda p: np.save(p, X[:, 0]), {}, "features are float32 with 1 dimensions; wanted numbers"),
    ("x.npy", lambda p: np.save(p, X > 0), {"integers": True, "role": "candidates"}, "candidates are bool"),
    ("x.npy", lambda p: np.save(p, X), {"integers": True, "role": "candidates"}, "candidates are float32"),
    ("x.npy", lambda p: np.save(p, np.array(["a"])), {}, "features are <U1"),
    ("x.npy", lambda p: np.save(p, np.array([[{}]])), {}, "Python objects"),
    ("x.npy", lambda p: p.write_bytes(b"not an array"), {}, "is no npy file"),
    ("x.npy", lambda p: _cut(p, X), {}, "it was cut off"),
    ("x.npy", lambda p: np.save(p, X), {"columns": ("a",)}, "a"),
    ("x.npz", lambda p: np.savez(p, one=X, two=X), {}, "which array holds the features"),
    ("x.npz", lambda p: np.savez(p, one=X), {"key": "two"}, "no array or column named 'two'"),
    ("x.safetensors", lambda p: p.write_bytes(b"\x08"), {}, "cannot be read"),
    ("x.parquet", lambda p: pq.write_table(pa.table({"x": [[1.0], [1.0, 2.0]]}), p), {"key": "x"}, "differ in length"),
    ("x.parquet", lambda p: pq.write_table(pa.table({"x": [[1.0], [None]]}), p), {"key": "x"}, "missing"),
    ("x.parquet", lambda p: pq.write_table(pa.table({"x": ["a"]}), p), {"key": "x"}, "wanted numbers"),
    ("x.parquet", lambda p: p.write_bytes(b"PAR1"), {}, "cannot be read"),
    ("x.txt", lambda p: p.write_text("1"), {}, "unknown ending"),
    ("x.npy", lambda p: None, {}, "no such file"),
]


@pytest.mark.parametrize(("name", "write", "options", "word"), WRONG, ids=[each[3] for each in WRONG])
def test_wrong_files_are_named_in_a_line(
    tmp_path: Path, name: str, write: Callable[[Path], object], options: dict[str, Any], word: str
) -> None:
    write(tmp_path / name)
    source = Source(**{"role": "features", "path": tmp_path / name, **options})
    with pytest.raises(DataError) as caught:
        source.open().read(0, 2)
    message = str(caught.value)
    assert str(tmp_path / name) in message
    assert word in message
    assert "\n" not in message
