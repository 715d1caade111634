"""What a kill, a power cut, another process or another question may do to a journal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from saln.journal import Journal, Unfinished
from saln.offline.outputs import publish

FLOAT = np.dtype(np.float32)


def _journal(work: Unfinished) -> Journal:
    return Journal(work, "scores", (10, 2), FLOAT)


def _rows(start: int, stop: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.arange(2 * start, 2 * stop, dtype=np.float32).reshape(-1, 2)


def test_rows_recorded_in_any_order_are_all_there(tmp_path: Path) -> None:
    with Unfinished(tmp_path / "s.npy", {"k": 1}, result="scores", restart=False) as work:
        journal = _journal(work)
        for start, stop in ((6, 10), (0, 1), (3, 6)):
            journal.record(start, _rows(start, stop))
    with Unfinished(tmp_path / "s.npy", {"k": 1}, result="scores", restart=False) as work:
        journal = _journal(work)
        assert list(journal.missing(100)) == [(1, 3)]
        journal.record(1, _rows(1, 3))
        assert list(journal.missing(100)) == []
        publish(work, journal, tmp_path / "s.npy", "scores", "score")
    assert np.array_equal(np.load(tmp_path / "s.npy"), _rows(0, 10))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.npy"]


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_line_that_is_cut_off_counts_for_nothing(tmp_path: Path, cut: int) -> None:
    with Unfinished(tmp_path / "s.npy", {}, result="scores", restart=False) as work:
        journal = _journal(work)
        journal.record(0, _rows(0, 4))
        journal.record(4, _rows(4, 8))
        lines = work.folder / "scores.done"
        lines.write_bytes(lines.read_bytes()[:-cut])
    with Unfinished(tmp_path / "s.npy", {}, result="scores", restart=False) as work:
        journal = _journal(work)
        assert list(journal.missing(100)) == [(4, 10)]
        journal.record(4, _rows(4, 10))
        assert _journal(work).n_done == 10  # the next line did not join what was left of the last


def test_rows_that_never_reached_the_disk_are_not_done(tmp_path: Path) -> None:
    with Unfinished(tmp_path / "s.npy", {}, result="scores", restart=False) as work:
        journal = _journal(work)
        journal.record(0, _rows(0, 4))
        journal.record(4, _rows(4, 8))
        content = bytearray(journal.path.read_bytes())
        content[-3 * 8 + 1 - 8] ^= 1  # a byte of row 6
        journal.path.write_bytes(content)
        assert list(_journal(work).missing(100)) == [(4, 10)]


def test_a_kill_before_the_folder_goes_leaves_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Unfinished, "discard", lambda self: None)
    for _ in range(2):
        with Unfinished(tmp_path / "s.npy", {}, result="scores", restart=False) as work:
            journal = _journal(work)
            if not journal.n_done:
                journal.record(0, _rows(0, 10))
            assert journal.n_done == 10
            publish(work, journal, tmp_path / "s.npy", "scores", "score")
        assert np.array_equal(np.load(tmp_path / "s.npy"), _rows(0, 10))


def test_other_facts_are_refused_by_name_and_restart_begins_anew(tmp_path: Path) -> None:
    output = tmp_path / "s.npy"
    with Unfinished(output, {"criterion": "energy", "file": {"bytes": 3}}, result="scores", restart=False) as work:
        _journal(work).record(0, _rows(0, 4))
    with pytest.raises(ValueError, match=r"criterion was 'energy', is 'vendi'; file bytes was 3, is 4.*--restart"):
        Unfinished(output, {"criterion": "vendi", "file": {"bytes": 4}}, result="scores", restart=False)
    with Unfinished(output, {"criterion": "energy", "file": {"bytes": 3}}, result="scores", restart=False) as work:
        assert _journal(work).n_done == 4  # being refused cost nothing
    with Unfinished(output, {"criterion": "vendi"}, result="scores", restart=True) as work:
        assert _journal(work).n_done == 0


def test_other_facts_are_fine_where_nothing_is_finished(tmp_path: Path) -> None:
    with Unfinished(tmp_path / "s.npy", {"k": 1}, result="scores", restart=False) as work:
        _journal(work)
    with Unfinished(tmp_path / "s.npy", {"k": 2}, result="scores", restart=False) as work:
        _journal(work).record(0, _rows(0, 4))
    with pytest.raises(ValueError, match="k was 2, is 1"):
        Unfinished(tmp_path / "s.npy", {"k": 1}, result="scores", restart=False)


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    with (
        Unfinished(tmp_path / "s.npy", {}, result="scores", restart=False),
        pytest.raises(RuntimeError, match=r"another process is at work on .*s\.npy"),
    ):
        Unfinished(tmp_path / "s.npy", {}, result="scores", restart=True)
    with Unfinished(tmp_path / "s.npy", {}, result="scores", restart=False):
        pass


def test_rows_of_another_kind_are_refused(tmp_path: Path) -> None:
    with Unfinished(tmp_path / "s.npy", {}, result="scores", restart=False) as work:
        for rows in (_rows(0, 4).astype(np.float64), _rows(0, 4)[:, :1], _rows(0, 11)):
            with pytest.raises(ValueError, match="wanted float32"):
                _journal(work).record(0, rows)
