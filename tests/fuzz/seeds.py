"""Small whole files of every kind that is read, and what reads them."""

from __future__ import annotations

import io
import json
import pickle
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image
from safetensors.numpy import save as safetensors

from fuzz.target import Target
from saln import History
from saln.datasets import DataError, load_dataset, load_state, read_groups, read_source
from saln.datasets.pictures import decode_picture
from saln.features import load
from saln.features.features import array_checksum, sidecar_of
from saln.features.fingerprint import Fingerprint
from saln.journal import Journal, Unfinished
from saln.offline.rows import Source
from saln.pilot.config import PilotError
from saln.pilot.judging.gates import read_gates
from saln.pilot.output import journal as runs

X = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
TABLE = pa.table(
    {"a": [1.0, 2.0, None, 4.0], "text": ["a b", "c", "é", "d"], "label": [0, 1, 0, 1], "x": [[1.0, 2.0]] * 4}
)
FLOAT = np.dtype(np.float32)


def written(write: Callable[[io.BytesIO], object]) -> bytes:
    """What something writes into a file."""
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def arrow(new: Any) -> bytes:
    """A stream, or a file with an index."""

    def write(file: io.BytesIO) -> None:
        with new(file, TABLE.schema) as stream:
            stream.write_table(TABLE)

    return written(write)


def picture(kind: str, mode: str = "RGB") -> bytes:
    """An image with a mark that turns it."""
    exif = Image.Exif()
    exif[0x112] = 6
    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return written(lambda file: Image.fromarray(pixels).convert(mode).save(file, kind, exif=exif))


def history() -> bytes:
    """What `saln.History.save` writes."""
    found = History(3)
    found.record(torch.arange(3), torch.randn(3, 2))
    with tempfile.TemporaryDirectory() as folder:
        found.save(Path(folder) / "h.npz")
        return (Path(folder) / "h.npz").read_bytes()


def pilot() -> bytes:
    """A pilot's journal before its first run is over."""
    with tempfile.TemporaryDirectory() as folder:
        runs.Journal(Path(folder), "0" * 64).close()
        return next(Path(folder).glob("*.sqlite")).read_bytes()


def sidecar() -> bytes:
    """What lies beside extracted features."""
    found = {
        "schema": "saln.features/1", "checksum": array_checksum(X), "data": Fingerprint.of(list("abcdef")).as_dict(),
        "broken": {"1": "cut"}, "seconds": 1.0, "model": {"name": "m"}, "notes": ["a"],
    }  # fmt: skip
    return json.dumps(found).encode()


def targets() -> list[Target]:
    """All of them."""
    arrays = (X, X.T, X.astype("f2"), np.arange(6), np.array(["a", "b"]))
    npy = [written(partial(np.save, arr=each)) for each in arrays]
    npz = [
        written(lambda file: np.savez(file, X=X, y=np.arange(6) % 2)),
        written(lambda file: np.savez_compressed(file, features=X, labels=np.array(list("ababab")))),
    ]
    packed = [safetensors({"features": X, "labels": np.arange(6) % 2})]
    parquet = [written(partial(pq.write_table, TABLE, compression=each)) for each in ("none", "snappy")]
    csv = [
        b'a;b;label\n1,5;x;0\n2;"y\nz";1\n3;z;0\n', b"a,b,label,is_test\n1,2,x,0\n3,,y,1\n?,NA,x,0\n",
        "番号,本文,ラベル\n1,東京はどこ,あ\n2,大阪はここ,い\n".encode("cp932"), b"file,label\na.png,x\n../b.png,y\n",
    ]  # fmt: skip
    tsv = ['a\ttext\tlabel\n1\t"x" y\t0\n2\ty\t1\n'.encode("utf-16")]
    rows = b'[{"a":1,"label":"x"},{"a":2,"label":"y"}]'
    as_json = [rows, b'{"data":[{"a":1.5,"label":"x"}]}', b'{"a":[1,2],"label":["x","y"]}']
    lines = [b'{"a":1,"label":"x"}\n{"a":2,"label":"y"}\n', b'{"a":[1,2],"label":"x"}\n{"a":[3,4],"b":null}\n']
    state = [written(lambda file: torch.save({"memory": torch.arange(3), "place": (1, 2), "name": "a"}, file))]
    formats = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
    pictures = [*map(picture, formats), picture("PNG", "RGBA")]
    saved = b'{"_data_files":[{"filename":"data.arrow"}],"_indices_files":null}'
    return [
        Target("npy", ".npy", npy, everything),
        Target("npz", ".npz", npz, everything),
        Target("safetensors", ".safetensors", packed, everything),
        Target("parquet", ".parquet", parquet, everything),
        Target("arrow", ".arrow", [arrow(pa.ipc.new_stream), arrow(pa.ipc.new_file)], everything),
        Target("csv", ".csv", csv, everything),
        Target("tsv", ".tsv", tsv, everything),
        Target("json", ".json", as_json, everything),
        Target("jsonl", ".jsonl", lines, everything),
        Target("picture", ".png", pictures, lambda path: decode_picture(path.read_bytes(), str(path))),
        Target("images", ".png", pictures, class_folder),
        Target("saved", ".state", [saved, b'{"splits": []}'], saved_dataset),
        Target("history", ".npz", [history()], History.load),
        Target("state", ".pt", [*state, pickle.dumps({"a": 1})], load_state),
        Target("sidecar", ".npy.json", [sidecar()], beside_features),
        Target("gates", ".json", [b'{"gates":["time_to_accuracy <= 0.8 * uniform"]}'], read_gates, (PilotError,)),
        Target("toml", ".toml", [b'gates = ["time_to_accuracy <= 0.8 * uniform"]'], read_gates, (PilotError,)),
        Target("pilot", ".sqlite", [pilot()], pilot_journal, (PilotError,)),
        Target("journal", ".done", [b"[0, 4, 123]\n[4, 6, 456]\n"], rows_journal, (ValueError,)),
        Target("facts", ".facts", [b'{"k": {"bytes": 2}}'], facts, (ValueError,)),
    ]


def everything(path: Path) -> None:
    """All that reads data sets, features and candidates, each whatever the others say."""
    readers = (read_source, load_dataset, load, lambda path: read_groups([str(path)]),
               lambda path: Source("features", path).open().read(0, 1),
               lambda path: Source("candidates", path, integers=True).open().read(0, 1))  # fmt: skip
    for read in readers:
        told = None
        try:
            read(path)
        except DataError as error:
            told = str(error)
        assert told is None or (str(path) in told and len(told.splitlines()) == 1), told


def class_folder(path: Path) -> None:
    """The file as an image of a folder a class."""
    for name in ("a", "b"):
        (path.parent / "classes" / name).mkdir(parents=True, exist_ok=True)
        (path.parent / "classes" / name / "whole.png").write_bytes(picture("PNG"))
    (path.parent / "classes" / "a" / path.name).write_bytes(path.read_bytes())
    load_dataset(path.parent / "classes")


def saved_dataset(path: Path) -> None:
    """The file as what Hugging Face's datasets say of a saved one."""
    folder = path.parent / "saved"
    folder.mkdir(exist_ok=True)
    (folder / "data.arrow").write_bytes(arrow(pa.ipc.new_stream))
    for name in ("state.json", "dataset_dict.json"):
        (folder / name).unlink(missing_ok=True)
    content = path.read_bytes()
    (folder / ("dataset_dict.json" if b"splits" in content else "state.json")).write_bytes(content)
    read_source(folder)


def beside_features(path: Path) -> None:
    """The file as what describes features."""
    np.save(path.parent / "f.npy", X)
    assert sidecar_of(path.parent / "f.npy") == path
    load(path.parent / "f.npy")


def pilot_journal(path: Path) -> None:
    """The file as the journal of a pilot."""
    copy = path.parent / "runs-0000000000000000.sqlite"
    copy.write_bytes(path.read_bytes())
    Path(f"{copy}-journal").unlink(missing_ok=True)
    runs.Journal(path.parent, "0" * 64).close()


def rows_journal(path: Path) -> None:
    """The file as the lines of a journal, whose rows are then all recorded again."""
    with Unfinished(path.parent / "s.npy", {}, result="s", restart=True) as work:
        Journal(work, "s", (6, 2), FLOAT)
        (work.folder / "s.done").write_bytes(path.read_bytes())
        again = Journal(work, "s", (6, 2), FLOAT)
        assert again.n_done == 0
        again.record(0, np.ones((6, 2), FLOAT))
        assert not list(again.missing(9))


def facts(path: Path) -> None:
    """The file as what a result was begun with."""
    with Unfinished(path.parent / "s.npy", {"k": {"bytes": 2}}, result="s", restart=True) as work:
        Journal(work, "s", (6, 2), FLOAT).record(0, np.ones((2, 2), FLOAT))
        (work.folder / "facts.json").write_bytes(path.read_bytes())
    Unfinished(path.parent / "s.npy", {"k": {"bytes": 2}}, result="s", restart=False)
