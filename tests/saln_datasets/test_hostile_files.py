"""Files that were made to harm: what they claim is not believed, what they hold is not run, and memory has a bound."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import pickle
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from saln import History
from saln.__main__ import main
from saln.datasets import DataError, load_dataset, load_state, read_source, room
from saln.datasets.pictures import decode_picture
from saln.features import load
from saln.offline.rows import Source

X = np.eye(4, dtype=np.float32)


def features(path: Path) -> object:
    return load(path).array.sum()


def streamed(path: Path) -> object:
    return Source("features", path).open().read(0, 2)


READERS: list[Callable[[Path], object]] = [read_source, features, streamed]


def npy(header: dict[str, Any] | str, content: bytes = X.tobytes()) -> bytes:
    """An npy file that says this of itself."""
    text = f"{header!s:<117}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + content


def head(shape: Any, descr: str = "<f4", fortran: bool = False) -> dict[str, Any]:
    return {"descr": descr, "fortran_order": fortran, "shape": shape}


class Touches:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"GIF89a" + bytes(100), "is no npy file"),
        (npy(head((5, 4))), "which is 80 bytes, but 64 bytes follow; it was cut off"),
        (npy(head((3, 4))), "which is 48 bytes, but 64 bytes follow; it was damaged or added to"),
        (npy(head((-1, 4))), "which is no array"),
        (npy(head((2**63, 4))), "which is no array"),
        (npy(head((2**62, 4))), "it was cut off"),
        (npy(head((2**40, 2**40))), "it was cut off"),
        (npy(head((True, 4))), "which is no array"),
        (npy(head((10**9, 4), "<U0"), b""), "which is no array"),
        (npy(head((2,), "|O"), pickle.dumps([1, 2])), "holds Python objects, which are not read"),
        (npy("__import__('os').system('touch harm')"), "cannot be read"),
        (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4, 4), **globals()}"), "cannot be read"),
        (npy("(" * 110), "cannot be read"),
        (npy({**head((4, 4)), "more": 1}), "cannot be read"),
    ],
)
def test_headers_of_npy_files_are_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[[Path], object], content: bytes, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.npy: ") as caught:
        read(Path("x.npy"))
    assert words in str(caught.value)
    assert sorted(os.listdir()) == ["x.npy"]


@pytest.mark.parametrize("cut", range(0, 192, 7))
def test_an_npy_file_cut_off_anywhere_is_named(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "x.npy"
    np.save(path, X)
    path.write_bytes(path.read_bytes()[:cut])
    for read in READERS:
        with pytest.raises(DataError, match=r"x\.npy: "):
            read(path)


def test_the_order_of_fortran_is_read_right(tmp_path: Path) -> None:
    wanted = np.arange(12, dtype=np.float32).reshape(4, 3)
    np.save(tmp_path / "x.npy", np.asfortranarray(wanted))
    assert np.array_equal(load(tmp_path / "x.npy").array, wanted)
    assert np.array_equal(read_source(tmp_path / "x.npy").x, wanted)
    assert np.array_equal(streamed(tmp_path / "x.npy"), wanted[:2])


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.pt", "x.pth", "x.pkl", "x.joblib", "x.safetensors", "x.arrow"])
@pytest.mark.parametrize("how", ["plain", "objects", "torch"])
def test_no_pickle_is_run(tmp_path: Path, name: str, how: str) -> None:
    path, harm = tmp_path / name, tmp_path / "harm"
    evil: Any = Touches(harm)
    with path.open("wb") as file:
        if how == "plain":
            pickle.dump(evil, file)
        elif how == "torch":
            torch.save({"features": X, "evil": evil}, file)
        elif name == "x.npz":
            np.savez(file, features=np.array([evil, evil], dtype=object), y=np.arange(2))
        else:
            np.save(file, np.array([[evil]], dtype=object))
    readers: list[Callable[[Path], object]] = [*READERS, load_dataset, load_state]
    for read in readers:
        with pytest.raises(DataError, match=rf"{name}: "):
            read(path)
    with pytest.raises(DataError, match=rf"{name}: "):
        History.load(path)
    assert not harm.exists()
    evil.__reduce__()[0](harm)  # it would have been seen
    assert harm.exists()


# Bombs: what they would take is far above the limit, which is set in a process of its own.
BOUNDED = """
import resource, sys
from pathlib import Path
from saln.datasets import DataError, read_source
from saln.datasets.pictures import decode_picture
from saln.features import load
import pyarrow.parquet, PIL.Image, torch, saln.offline.rows
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
path = Path(sys.argv[1])
for read in (read_source, load, lambda path: saln.offline.rows.Source("features", path).open().read(0, 2)):
    try:
        read(path)
    except DataError as error:
        print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""


def bounded(path: Path) -> tuple[list[str], int]:
    """What readers say of a file, and the MiB that they took."""
    done = subprocess.run([sys.executable, "-c", BOUNDED, str(path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    *lines, taken = done.stdout.splitlines()
    return lines, int(taken)


def zeros(n_bytes: int, before: bytes) -> bytes:
    """So many zeros after something else, deflated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    begun = packer.compress(before) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH)  # the same wherever it stands
    return begun + block * (n_bytes >> 24) + packer.flush()


def zipped(path: Path, name: str, packed: bytes, size: int, checksum: int = 0) -> None:
    """A zip file of one deflated member that says it unpacks to `size` bytes."""
    fields = (20, 0, 8, 0, 33, checksum, len(packed), size, len(name), 0)
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", *fields) + name.encode()
    entry = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, *fields, 0, 0, 0, 0, 0) + name.encode()
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(entry), len(local) + len(packed), 0)
    path.write_bytes(local + packed + entry + end)


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    rows = (3 << 30) // 16
    header = npy(head((rows, 4)), b"")
    zipped(tmp_path / "x.npz", "features.npy", zeros(rows * 16, header), len(header) + rows * 16)
    assert (tmp_path / "x.npz").stat().st_size < 4 << 20
    lines, taken = bounded(tmp_path / "x.npz")
    assert len(lines) == 3
    assert all("MiB that unpack to 3 GiB are not unpacked" in line and "x.npz: 'features'" in line for line in lines)
    assert taken < 200


def test_a_member_that_unpacks_to_more_than_it_says_is_cut_there(tmp_path: Path) -> None:
    header = npy(head((4, 4)), b"")
    zipped(tmp_path / "x.npz", "features.npy", zeros(1 << 30, header), len(header) + 64)
    lines, taken = bounded(tmp_path / "x.npz")
    assert len(lines) == 3  # its checksum is another
    assert taken < 200


def test_what_does_not_fit_into_memory_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "x.npy").open("wb") as file:
        file.write(npy(head((1 << 25, 4)), b""))
        file.truncate(file.tell() + (1 << 29))  # of holes
    table = pa.table({"a": np.zeros(1 << 20)})
    with pq.ParquetWriter(tmp_path / "x.parquet", table.schema) as writer:
        for _ in range(64):
            writer.write_table(table)  # a few bytes, as all values are one
    monkeypatch.setattr(room, "available_bytes", lambda: 1 << 28)
    for name in ("x.npy", "x.parquet"):
        with pytest.raises(DataError, match=rf"{name}.*: takes 512 MiB of memory, and there are 256 MiB"):
            read_source(tmp_path / name)
    assert load(tmp_path / "x.npy").rows == 1 << 25  # mapped


def test_a_picture_that_is_a_bomb_is_named() -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    size = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    with pytest.raises(DataError, match=r"bomb cannot be read as an image: .*pixels"):
        decode_picture(png, "bomb")


def test_nothing_but_images_is_decoded_as_one(tmp_path: Path) -> None:
    """PostScript is a program; Pillow would hand it to Ghostscript."""
    eps = io.BytesIO()
    Image.new("RGB", (4, 4)).save(eps, "EPS")
    with pytest.raises(DataError, match="a is not an image"):
        decode_picture(eps.getvalue(), "a")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (4, 4)).save(tmp_path / name / "whole.png")
    (tmp_path / "a" / "program.png").write_bytes(eps.getvalue())
    source = read_source(tmp_path)
    assert len(source) == 2
    assert "program.png (not an image)" in source.notes[0]


def test_pipes_and_devices_are_not_waited_for(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (4, 4)).save(tmp_path / name / "whole.png")
    os.mkfifo(tmp_path / "a" / "pipe.png")
    (tmp_path / "b" / "device.png").symlink_to("/dev/zero")
    assert len(read_source(tmp_path)) == 2
    lines = ["file,label", f"{tmp_path}/a/whole.png,x", f"{tmp_path}/a/pipe.png,x", "/dev/zero,y", "b/whole.png,y"]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    source = read_source(tmp_path / "t.csv", image="file")
    assert len(source) == 2
    assert "pipe.png (not a file)" in source.notes[0]
    assert "/dev/zero (not a file)" in source.notes[0]


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/../../x.png", "..\\..\\x.png", "..", "http://a/x.png"])
def test_names_of_files_lead_nowhere_else(tmp_path: Path, name: str) -> None:
    (tmp_path / "t.csv").write_text(f"file,label\n{name},x\n{name},y\n")
    with pytest.raises(DataError, match=r"t\.csv: column 'file', row 0: '.*' (leads out of the folder|is an address)"):
        read_source(tmp_path / "t.csv", image="file")


def test_a_whole_path_is_read_as_an_image_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("file,label\n/etc/passwd,x\n/etc/passwd,y\n")
    with pytest.raises(DataError, match=r"no image can be used.*/etc/passwd \(not an image\)") as caught:
        read_source(tmp_path / "t.csv", image="file")
    assert "root:" not in str(caught.value)


def test_members_of_a_zip_file_stay_in_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        for name in ("../harm.npy", "/tmp/saln-harm.npy", "features.npy"):
            archive.writestr(name, npy(head((4, 4))))
    assert np.array_equal(load(tmp_path / "x.npz").array, X)
    assert [each.name for each in tmp_path.iterdir()] == ["x.npz"]
    assert not Path("/tmp/saln-harm.npy").exists()


@pytest.mark.parametrize("name", ["../other", "/etc", 5, None])
def test_a_saved_data_set_names_its_own_folder_alone(tmp_path: Path, name: Any) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "dataset_dict.json").write_text(json.dumps({"splits": [name]}))
    with pytest.raises(DataError, match="wanted the name of something in its folder"):
        read_source(tmp_path / "d")


DEEP = 200_000


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.jsonl", b'{"a":' + b"[" * DEEP + b"]" * DEEP + b',"label":1}\n', "is nested too deep"),
        ("t.jsonl", b'{"a":' * DEEP + b"1" + b"}" * DEEP, "is nested too deep"),
        ("t.jsonl", b'{"a":\n' * DEEP + b"1" + b"}\n" * DEEP, "is nested too deep"),
        ("t.json", b"[" * DEEP, "is nested too deep"),
        ("t.json", b'{"a":1}\n{"a":' + b"[" * DEEP + b"]" * DEEP + b"}", "is nested too deep"),
        ("t.json", b'[{"a":1,"a":2,"label":0}]', "'a' stands twice"),
        ("t.jsonl", b'{"a":1,"a":2,"label":0}\n', "twice"),
        ("t.json", b'[{"a":' + b"9" * 5000 + b"}]", "4300"),
        ("t.json", b'[{"a":123456789012345678901234567890,"label":"x"},{"a":1,"label":"y"}]', "t.json: "),
        ("t.csv", b"a,a,label\n1,2,x\n3,4,y\n", "more than one array or column is called 'a'"),
        ("t.csv", b"\x1f\x8b\x08\x00" + bytes(20), "is packed, or a spreadsheet"),
        ("t.csv", b"PK\x03\x04" + bytes(20), "is packed, or a spreadsheet"),
        ("t.csv", b"", "t.csv: "),
        ("t.csv", b"\x00" * 100, "t.csv: "),
        ("t.csv", b"\xff\xfe\x00", "t.csv: "),
        ("t.csv", b"\xef\xbb\xbf", "t.csv: "),
        ("t.csv", b"label,a\n1,1\n1e999,2\n", "is inf in row 1; wanted whole numbers"),
    ],
)
def test_texts_that_are_no_tables_are_named(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    done = in_a_process(tmp_path / name)
    assert words in done
    assert len(done.splitlines()) == 1


def in_a_process(path: Path) -> str:
    """What `saln prune` says of a file: where the reader's stack overflows, no exception is left to catch."""
    process = multiprocessing.get_context("fork").Process(target=prune, args=(path,))
    process.start()
    process.join(timeout=120)
    said = path.with_name("said").read_text()
    assert process.exitcode == 2, (process.exitcode, said)
    return said.strip()


def prune(path: Path) -> None:
    """`saln prune`, what it says in a file beside."""
    sys.argv = ["saln", "prune", str(path), "-o", str(path.with_name("keep.npy"))]
    sys.stdout = sys.stderr = path.with_name("said").open("w")
    main()


def test_tokens_that_are_no_json_are_read_as_people_mean_them(tmp_path: Path) -> None:
    rows = [f'{{"a": {value}, "label": "{"xy"[place % 2]}"}}' for place, value in enumerate(("1.5", "NaN", "2.5", "3"))]
    (tmp_path / "t.json").write_text(f"[{','.join(rows)}]")
    (tmp_path / "t.jsonl").write_text("\n".join(rows))
    for name in ("t.json", "t.jsonl"):
        assert np.array_equal(
            read_source(tmp_path / name).x, np.array([[1.5], [np.nan], [2.5], [3]], "f4"), equal_nan=True
        )


def test_a_long_line_and_a_nul_are_texts(tmp_path: Path) -> None:
    long = "x" * (1 << 22)
    (tmp_path / "t.csv").write_text(f"text,label\n{long} y,a\nb\0c d,b\n")
    source = read_source(tmp_path / "t.csv")
    assert source[0] == f"{long} y"
    assert source[1] == "b\0c d"


def test_a_hundred_thousand_columns(tmp_path: Path) -> None:
    n = 100_000
    rng = np.random.default_rng(0)
    lines = [",".join([*(f"c{place}" for place in range(n)), "label"])]
    lines += [",".join([*map(str, rng.integers(0, 9, n).tolist()), "ab"[row % 2]]) for row in range(6)]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    source = read_source(tmp_path / "t.csv", columns=[f"c{place}" for place in range(n)])
    assert source.x.shape == (6, n)


def test_a_history_of_other_shapes_is_refused(tmp_path: Path) -> None:
    History(3).save(tmp_path / "h.npz")
    with np.load(tmp_path / "h.npz") as file:
        arrays = dict(file)
    np.savez(tmp_path / "h.npz", **{**arrays, "lengths": np.zeros(1, np.float32)})  # would be spread over all rows
    with pytest.raises(DataError, match=r"h\.npz: 'lengths' is float32 \[1\]; wanted 3 numbers"):
        History.load(tmp_path / "h.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"x" * 99])
def test_a_state_that_is_none_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s.pt").write_bytes(content)
    with pytest.raises(DataError, match=r"s\.pt: cannot be read: "):
        load_state(tmp_path / "s.pt")
    torch.save([1], tmp_path / "s.pt")
    with pytest.raises(DataError, match=r"s\.pt: holds list; wanted the state"):
        load_state(tmp_path / "s.pt")
