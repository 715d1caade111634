"""Files that are damaged are read, or end in one line that names them; never in anything else."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from saln.datasets import DataError, load_dataset, read_source

TABLE = pa.table({"a": [1.0, 2.0, 3.0, 4.0], "text": ["a b", "c", "é", "d"], "label": [0, 1, 0, 1]})
INSERTED = (b'"', b"\n", b",", b";", b"\0", b"\xff", b"{", b"[", b"\r", b"\t")


def npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, X=np.eye(4, dtype=np.float32), y=np.arange(4) % 2)
    return file.getvalue()


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.eye(4))
    return file.getvalue()


def parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(TABLE, file)
    return file.getvalue()


def arrow() -> bytes:
    file = io.BytesIO()
    with pa.ipc.new_stream(file, TABLE.schema) as stream:
        stream.write_table(TABLE)
    return file.getvalue()


def damaged(content: bytes, chance: random.Random) -> bytes:
    found = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 5, 20])):
        place, how = chance.randrange(len(found) + 1), chance.random()
        if how < 0.5 and place < len(found):
            found[place] = chance.randrange(256)
        elif how < 0.7:
            found[place:place] = chance.choice(INSERTED)
        elif how < 0.85:
            del found[place : place + chance.randrange(1, 9)]
        else:
            del found[place:]
    return bytes(found)


@pytest.mark.parametrize(
    ("suffix", "make"),
    [
        ("npz", npz),
        ("npy", npy),
        ("parquet", parquet),
        ("arrow", arrow),
        ("csv", lambda: b'a;b;label\n1,5;x;0\n2;"y\nz";1\n3;z;0\n'),
        ("tsv", lambda: 'a\ttext\tlabel\n1\t"x" y\t0\n2\ty\t1\n'.encode("utf-16")),
        ("csv", lambda: "番号,本文,ラベル\n1,東京はどこ,あ\n2,大阪はここ,い\n".encode("cp932")),
        ("json", lambda: b'[{"a":1,"label":"x"},{"a":2,"label":"y"}]'),
        ("jsonl", lambda: b'{"a":1,"label":"x"}\n{"a":2,"label":"y"}\n'),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_file_is_named(tmp_path: Path, suffix: str, make: Callable[[], bytes]) -> None:
    path, chance = tmp_path / f"f.{suffix}", random.Random(suffix)
    whole, errors = make(), list[str]()
    for _ in range(60):
        path.write_bytes(damaged(whole, chance))
        for read in (read_source, load_dataset):
            try:
                read(path)
            except DataError as error:
                errors.append(str(error))
    assert errors
    assert all(each.startswith(str(path)) and len(each.splitlines()) == 1 for each in errors)


@pytest.mark.parametrize("suffix", ["png", "jpeg", "webp", "gif", "bmp"])
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_image_is_left_out_or_named(tmp_path: Path, suffix: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        Image.fromarray(pixels).save(tmp_path / folder / "whole.png")
    path, chance = tmp_path / "a" / f"f.{suffix}", random.Random(suffix)
    exif = Image.Exif()
    exif[0x112] = 6
    Image.fromarray(pixels).save(path, exif=exif)
    whole, n_left_out, errors = path.read_bytes(), 0, list[str]()
    for _ in range(40):
        path.write_bytes(damaged(whole, chance))
        source = read_source(tmp_path)
        n_left_out += len(source) == 2
        try:
            load_dataset(tmp_path)
        except DataError as error:
            errors.append(str(error))
    assert n_left_out
    assert all(each.startswith(str(path)) for each in errors)


def test_texts_that_are_not_utf_8_are_found_before_they_are_used(tmp_path: Path) -> None:
    texts = pa.array([b"ok", b"\xff\xfe", b"ok", b"ok"]).view(pa.string())
    pq.write_table(TABLE.set_column(1, "text", texts), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"t\.parquet: cannot be read: .*UTF8"):
        read_source(tmp_path / "t.parquet")
