"""Files that read back shorter than they were written, as some network file systems have it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from saln import extract
from saln.datasets import DataError
from saln.features import load
from saln.features.features import sidecar_of
from saln.journal import Journal, Unfinished
from saln.offline import select_file
from saln.offline.rows import Source
from saln.offline.select import SelectTask

X = np.random.default_rng(0).normal(size=(400, 8)).astype(np.float32)


def test_a_file_that_is_cut_while_it_is_mapped_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    reader = Source("features", tmp_path / "x.npy").open()
    assert np.array_equal(reader.read(0, 400).numpy(), X)
    os.truncate(tmp_path / "x.npy", 5000)
    with pytest.raises(DataError, match=r"x\.npy: was cut off while it was read: it has 5000 bytes; wanted 12928"):
        reader.read(300, 400)  # to touch those pages would end the program
    for read in (load, lambda path: Source("features", path).open()):
        with pytest.raises(DataError, match=r"x\.npy: its header says float32 \[400, 8\].*it was cut off"):
            read(tmp_path / "x.npy")


@pytest.mark.parametrize("size", [0, 5, 100, 500, 4000, 12_000])
def test_rows_that_are_cut_off_are_computed_again(tmp_path: Path, size: int) -> None:
    dtype = np.dtype(np.float32)
    with Unfinished(tmp_path / "s.npy", {}, result="s", restart=False) as work:
        journal = Journal(work, "s", X.shape, dtype)
        for start in range(0, 400, 50):
            journal.record(start, X[start : start + 50])
        os.truncate(journal.path, size)
    with Unfinished(tmp_path / "s.npy", {}, result="s", restart=False) as work:
        journal = Journal(work, "s", X.shape, dtype)
        assert journal.n_done == max(0, (size - 128) // 32 // 50 * 50)
        for start, stop in journal.missing(30):
            journal.record(start, X[start:stop])
        assert np.array_equal(journal.array(), X)


DAMAGED = [
    b"[0, 5, 1", b"\xff\xfe\n", b"{}\n", b"[1]\n", b"[0, 5, 1]\n", b'["a", 2, 3]\n', b"[-9, 5, 1]\n", b"[0, 1e9, 1]\n"
]  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED)
def test_lines_that_are_damaged_count_for_nothing(tmp_path: Path, content: bytes) -> None:
    dtype = np.dtype(np.float32)
    with Unfinished(tmp_path / "s.npy", {}, result="s", restart=False) as work:
        Journal(work, "s", X.shape, dtype).record(10, X[10:20])
        lines = work.folder / "s.done"
        lines.write_bytes(lines.read_bytes() + content)
        assert list(Journal(work, "s", X.shape, dtype).missing(400)) == [(0, 10), (20, 400)]


class Stopped(Exception):
    """In the middle of an extraction."""


@pytest.mark.parametrize("name", ["features.npy", "features.done", "progress.json"])
@pytest.mark.parametrize("size", [0, 20, 140])
def test_an_extraction_of_which_a_file_was_cut_goes_on(tmp_path: Path, name: str, size: int) -> None:
    seen: list[int] = []

    def model(batch: torch.Tensor) -> torch.Tensor:
        seen.append(len(batch))
        if len(seen) == 20:
            raise Stopped
        return batch * 2

    out = tmp_path / "f.npy"
    with pytest.raises(RuntimeError, match="the model fails: Stopped"):
        extract(model, X, out, batch_size=10, progress=False)
    cut = tmp_path / "f.npy.partial" / name
    assert cut.stat().st_size > 20
    os.truncate(cut, min(size, cut.stat().st_size - 1))
    assert np.array_equal(extract(model, X, out, batch_size=10, progress=False).array, 2 * X)


def test_a_sidecar_that_is_cut_is_named(tmp_path: Path) -> None:
    out = tmp_path / "f.npy"
    extract(torch.nn.Identity(), X, out, progress=False)
    os.truncate(sidecar_of(out), 100)
    for read in (load, lambda path: extract(torch.nn.Identity(), X, path, progress=False)):
        with pytest.raises(DataError, match=r"f\.npy\.json: cannot be read: "):
            read(out)
    assert np.array_equal(extract(torch.nn.Identity(), X, out, progress=False, fresh=True).array, X)


@pytest.mark.parametrize("size", [0, 30, 300])
def test_a_memory_that_is_cut_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    np.save(tmp_path / "x.npy", X)
    options: dict[str, Any] = {"batch_size": 8, "method": "consecutive_candidates", "options": {"n_candidates": 8}}
    record, n = Journal.record, 0

    def stopping(self: Journal, start: int, rows: Any) -> None:
        nonlocal n
        n += rows.ndim == 2
        if n == 3:
            raise KeyboardInterrupt
        record(self, start, rows)

    with monkeypatch.context() as patched:
        patched.setattr(SelectTask, "block", lambda self, memory: 3)
        patched.setattr(Journal, "record", stopping)
        with pytest.raises(KeyboardInterrupt):
            select_file(tmp_path / "x.npy", tmp_path / "s.npy", **options)
    memories = sorted((tmp_path / "s.npy.partial").glob("memory-*.pt"))
    assert memories
    for each in memories:
        os.truncate(each, size)
    with pytest.raises(DataError, match=r"memory-\d+\.pt: cannot be read: .*; begin anew with --restart"):
        select_file(tmp_path / "x.npy", tmp_path / "s.npy", **options)
    select_file(tmp_path / "x.npy", tmp_path / "s.npy", **options, restart=True)
