"""A disk that is full, or may not be written: the file is named, nothing is lost, and no half of a file is left."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from saln import History, extract
from saln.datasets import read_source
from saln.journal import Journal, Unfinished
from saln.offline import score_file, select_file
from saln.offline.rows import Source
from saln.offline.samples import mappable
from saln.pilot.config import PilotError
from saln.pilot.output import journal as runs
from saln.writing import WriteError, whole, write_table, write_text

FULL = "No space left on device"


class Full:
    """A disk with room for so many bytes more in files that are written; what they hold by then stays there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self.room = room
        self._sync = os.fsync
        monkeypatch.setattr("saln.writing.os.fsync", self.fsync)

    def fsync(self, number: int) -> None:
        if os.fstat(number).st_size > self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= os.fstat(number).st_size
        self._sync(number)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.normal(size=(60, 4)).astype(np.float32))
    np.save(tmp_path / "c.npy", rng.integers(0, 60, size=(30, 4)))
    (tmp_path / "t.csv").write_text("a,b,label\n" + "\n".join(f"{row % 7},{row % 5},{row % 2}" for row in range(60)))
    return tmp_path


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    Full(monkeypatch, 5)
    with pytest.raises(WriteError, match=rf"{path}: cannot be written: {FULL}"):
        write_text(path, "new and long")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]
    write_text(path, "short")
    assert path.read_text() == "short"


def test_a_device_without_room_is_named() -> None:
    with pytest.raises(WriteError, match=f"/dev/full: cannot be written: {FULL}"):
        write_table(Path("/dev/full"), [["a"] * 10_000])
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)  # it was not replaced by a file
    write_text(Path("/dev/null"), "a")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_links_stay_links_and_modes_stay(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    (tmp_path / "a.txt").chmod(0o640)
    (tmp_path / "link").symlink_to("a.txt")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "a.txt").read_text() == "new"
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640


def test_an_interrupt_leaves_the_old_file(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")

    def half() -> None:
        with whole(tmp_path / "a.txt") as new:
            new.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert (tmp_path / "a.txt").read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path, *args: Any, **options: Any) -> Any:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(Path, "write_bytes", refused)  # root may write anywhere
    with pytest.raises(WriteError, match=r"a\.txt: cannot be written: Permission denied"):
        write_text(tmp_path / "a.txt", "a")


def _history(folder: Path, path: Path) -> object:
    return History(3).save(path)


def _extract(folder: Path, path: Path) -> object:
    return extract(torch.nn.Identity(), np.load(folder / "x.npy"), path, progress=False, fresh=path.exists())


WRITERS: dict[str, tuple[str, Callable[[Path, Path], object]]] = {
    "history": (".npz", _history),
    "extract": (".npy", _extract),
    "score npy": (".npy", lambda folder, path: score_file(folder / "x.npy", folder / "c.npy", path)),
    "score npz": (".npz", lambda folder, path: score_file(folder / "x.npy", folder / "c.npy", path)),
    "score parquet": (".parquet", lambda folder, path: score_file(folder / "x.npy", folder / "c.npy", path)),
    "select": (".npy", lambda folder, path: select_file(folder / "x.npy", path, batch_size=4)),
}


@pytest.mark.parametrize("name", WRITERS)
def test_whatever_does_not_fit_is_named_and_goes_on_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """With room for ever more, until all of it is through: every write on the way fails once."""
    ending, write = WRITERS[name]
    output = folder / f"out{ending}"
    output.write_bytes(b"old")
    told: list[str] = []
    for room in (0, 50, 200, 500, 1000, 1500, 2000, 3000, 5000, 9000, 1 << 30):
        with monkeypatch.context() as patched:
            Full(patched, room)
            try:
                write(folder, output)
            except OSError as error:
                told.append(str(error))
                assert output.read_bytes() == b"old"
            else:
                break
    assert told
    assert all(f"out{ending}" in each and f"cannot be written: {FULL}" in each for each in told)
    assert output.read_bytes() != b"old"
    assert not output.with_name(f"{output.name}.partial").exists()
    assert not list(folder.glob(".*"))
    again = folder / f"again{ending}"
    write(folder, again)
    assert len(again.read_bytes()) == len(output.read_bytes())
    if ending == ".npy":
        assert np.array_equal(np.load(again), np.load(output), equal_nan=True)


def test_a_copy_that_is_mapped_is_written_and_not_mapped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk under a mapped file would end the program with SIGBUS."""
    np.savez_compressed(folder / "x.npz", features=np.load(folder / "x.npy"))
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"features": np.load(folder / "x.npy").tolist()}), folder / "x.parquet")
    source = Source("features", folder / "x.parquet")
    with monkeypatch.context() as patched:
        Full(patched, 100)
        with pytest.raises(WriteError, match=rf"copy\.npy: cannot be written: {FULL}"):
            mappable(source, folder / "copy.npy", 256)
    assert not (folder / "copy.npy").exists()
    found = mappable(source, folder / "copy.npy", 256).open()
    assert np.array_equal(found.read(0, 60).numpy(), np.load(folder / "x.npy").astype(found.read(0, 1).numpy().dtype))


def test_a_pilot_s_journal_says_that_the_disk_is_full(tmp_path: Path) -> None:
    journal = runs.Journal(tmp_path, "0" * 64)
    journal._db.execute("PRAGMA max_page_count = 8")

    def fill() -> None:
        for _ in range(10_000):
            journal.add_seconds(1.0)

    with pytest.raises(PilotError, match=r"runs-0+\.sqlite: cannot be written: database or disk is full; what was"):
        fill()
    before = journal._db.execute("SELECT total(seconds) FROM spent").fetchone()[0]
    journal.close()
    again = runs.Journal(tmp_path, "0" * 64)
    assert again.seconds == before > 0
    again.add_seconds(1.0)
    again.close()
    assert sqlite3.connect(journal.path).execute("SELECT total(seconds) FROM spent").fetchone()[0] == before + 1


def test_a_file_where_a_folder_is_wanted_is_named(folder: Path) -> None:
    (folder / "s.npy.partial").write_text("in the way")
    with pytest.raises(OSError, match=r"s\.npy\.partial: cannot be written: File exists"):
        score_file(folder / "x.npy", folder / "c.npy", folder / "s.npy")
    with pytest.raises(PilotError, match=r"cannot be written"):
        runs.Journal(folder / "x.npy" / "work", "0" * 64)


def test_facts_that_are_damaged_are_named(tmp_path: Path) -> None:
    with Unfinished(tmp_path / "s.npy", {"k": 1}, result="s", restart=False) as work:
        Journal(work, "s", (4, 2), np.dtype(np.float32)).record(0, np.ones((2, 2), np.float32))
    for content in (b"", b"{", b"[1]", b"[" * 100_000, b"\xff"):
        (tmp_path / "s.npy.partial" / "facts.json").write_bytes(content)
        with pytest.raises(ValueError, match=r"facts\.json: cannot be read \(.*\); remove .*partial to begin"):
            Unfinished(tmp_path / "s.npy", {"k": 1}, result="s", restart=False)
    with Unfinished(tmp_path / "s.npy", {"k": 1}, result="s", restart=True) as work:
        assert Journal(work, "s", (4, 2), np.dtype(np.float32)).n_done == 0


def test_the_error_of_reading_is_not_one_of_writing(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.csv: no such file"):
        read_source(folder / "none.csv")
