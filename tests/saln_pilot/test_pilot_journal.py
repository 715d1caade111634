"""A pilot that was stopped goes on where it was, and takes nothing over that is not its own."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import torch
from torch import Tensor

import saln.pilot
from pilot_cases import TINY, OneClass, blobs
from saln.pilot.builtin import BuiltinConfig, BuiltinJob
from saln.pilot.config import PilotError
from saln.pilot.output.journal import Journal, fingerprint
from saln.pilot.output.result import PilotResult
from saln.pilot.runner import run_pilot
from saln.pilot.training.methods import make_methods
from saln.pilot.training.run import Method
from saln.pilot.training.watch import Watcher
from saln.selectors import Offer, Selector

METHODS = [Method("uniform", None), Method("sabotage", OneClass(), frozenset({"labels"}))]
CONFIG = dataclasses.replace(TINY, seeds=2, steps=6, evaluations=2)


class Counter(Watcher):
    """Counts steps, and stops a pilot after so many."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.steps = 0
        self.stop_after = stop_after

    def step(self, method: str, seed: int) -> None:
        self.steps += 1
        if self.steps == self.stop_after:
            raise KeyboardInterrupt


def everything(result: PilotResult) -> list[object]:
    """All that does not depend on the clock."""
    runs = [(run.method, run.seed, run.chosen.tolist(), run.predicted.tolist()) for run in result.runs]
    accuracies = [point.score for run in result.runs for point in run.curve]
    return [runs, accuracies, result.selections, result.data]


def run(work: Path, config: BuiltinConfig = CONFIG, watcher: Watcher | None = None, fresh: bool = False) -> PilotResult:
    return run_pilot(BuiltinJob(blobs()), config, METHODS, watcher, work=work, fresh=fresh)


def test_a_stopped_pilot_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", watcher=Counter(stop_after=15))
    counter = Counter()
    resumed = run(tmp_path / "cut", watcher=counter)
    # Two runs of six steps were over.
    assert counter.steps == 12
    assert everything(resumed) == everything(whole)
    assert any("2 runs were found finished" in note for note in resumed.notes)
    again = Counter()
    repeated = run(tmp_path / "cut", watcher=again)
    assert again.steps == 0
    assert repeated.as_dict()["kpis"] == resumed.as_dict()["kpis"]
    assert repeated.pilot_seconds == pytest.approx(resumed.pilot_seconds)
    anew = Counter()
    run(tmp_path / "cut", watcher=anew, fresh=True)
    assert anew.steps == 24


def test_seeds_and_methods_may_be_added_but_other_settings_and_data_start_over(tmp_path: Path) -> None:
    run(tmp_path)
    for config, steps in (
        (dataclasses.replace(CONFIG, seeds=3), 12),
        (dataclasses.replace(CONFIG, price_per_hour=1.0, target=0.5), 0),
        (dataclasses.replace(CONFIG, label_noise=0.2), 24),
        (dataclasses.replace(CONFIG, learning_rate=0.01), 24),
    ):
        counter = Counter()
        run(tmp_path, config, counter)
        assert counter.steps == steps
    data = blobs()
    prints = {
        fingerprint(BuiltinJob(each), CONFIG, {})
        for each in (data, dataclasses.replace(data, x=data.x + 1e-3), dataclasses.replace(data, features_given=True))
    }
    assert len(prints) == 3


def test_gates_changed_afterwards_are_told(tmp_path: Path) -> None:
    gates = ("final_accuracy >= 0.5",)
    run(tmp_path, dataclasses.replace(CONFIG, gates=gates))
    later = run(tmp_path, dataclasses.replace(CONFIG, gates=("final_accuracy >= 0.1",)))
    assert any("not fixed beforehand" in note and gates[0] in note for note in later.notes)
    same = run(tmp_path, dataclasses.replace(CONFIG, gates=gates))
    assert not any("not fixed beforehand" in note for note in same.notes)


def test_what_a_crash_interrupted_is_taken_back(tmp_path: Path) -> None:
    """SIGKILL within a transaction of which the file holds a part already."""
    whole = run(tmp_path)
    (path,) = tmp_path.glob("runs-*.sqlite")
    script = (
        "import os, signal, sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1])\n"
        "db.execute('PRAGMA cache_size = 1')\n"
        "db.execute('UPDATE run SET selection = zeroblob(5000), arrays = zeroblob(100000)')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    before = path.read_bytes()
    subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert path.read_bytes() != before  # the harm is done
    counter = Counter()
    assert everything(run(tmp_path, watcher=counter)) == everything(whole)
    assert counter.steps == 0


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        ("UPDATE run SET curve = '{'", "Expecting"),
        ("UPDATE run SET arrays = x'00'", r"\.sqlite: cannot be read"),
        ("UPDATE run SET selection = '{}'", "highest"),
        ("DROP TABLE longer", "longer"),
        ("PRAGMA user_version = 99", "no pilot's journal of format 3"),
        ("PRAGMA application_id = 5", "no pilot's journal"),
        ("", "not a database"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, harm: str, words: str) -> None:
    run(tmp_path)
    (path,) = tmp_path.glob("runs-*.sqlite")
    if harm:
        with closing(sqlite3.connect(path)) as db, db:
            db.execute(harm)
    else:
        path.write_text("something else altogether\n" * 100)
    with pytest.raises(PilotError, match=f"{words}.*--fresh starts over"):
        run(tmp_path)
    anew = Counter()
    run(tmp_path, watcher=anew, fresh=True)
    assert anew.steps == 24


def test_two_pilots_do_not_share_a_journal(tmp_path: Path) -> None:
    first = Journal(tmp_path, "abc")
    for fresh in (False, True):
        with pytest.raises(PilotError, match="another pilot"):
            Journal(tmp_path, "abc", fresh=fresh)
    first.close()
    Journal(tmp_path, "abc").close()
    (tmp_path / "file").write_text("")
    with pytest.raises(PilotError, match="cannot be written"):
        Journal(tmp_path / "file", "abc")


def test_two_processes_do_not_share_a_journal(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib\n"
        "from saln.pilot.output.journal import Journal\n"
        "journal = Journal(pathlib.Path(sys.argv[1]), 'abc')\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(PilotError, match="another pilot"):
            Journal(tmp_path, "abc")
    finally:
        other.kill()
        other.communicate()
    Journal(tmp_path, "abc").close()  # the lock went with the process


def test_anybody_can_read_it(tmp_path: Path) -> None:
    result = run(tmp_path)
    (path,) = tmp_path.glob("runs-*.sqlite")
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        found = db.execute("SELECT method, seed, json_extract(curve, '$[#-1].score') FROM run").fetchall()
    assert sorted(found) == sorted((run.method, run.seed, run.final.score) for run in result.runs)


def test_tensors_come_back_as_they_were(tmp_path: Path) -> None:
    result = run(tmp_path)
    repeated = run(tmp_path)
    for a, b in zip(result.runs, repeated.runs, strict=True):
        for name in ("chosen", "step_seconds", "predicted"):
            before, after = getattr(a, name), getattr(b, name)
            assert before.dtype == after.dtype
            assert torch.equal(before, after)
    assert result.longer == repeated.longer
    assert [run.curve for run in result.runs] == [run.curve for run in repeated.runs]
    assert result.selections == repeated.selections


def test_a_killed_process_goes_on(tmp_path: Path) -> None:
    """SIGKILL in the middle of a run: what was over is kept, the rest is run."""
    command = [
        sys.executable, "-m", "saln", "pilot", "wine", "--methods", "rho_loss", "--seeds", "3", "--steps", "400",
        "--batch-size", "16", "--evaluations", "2", "--reference-steps", "5", "--output", str(tmp_path / "r.html"),
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while _finished(tmp_path) < 1 and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.02)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    kept = _finished(tmp_path)
    assert 1 <= kept < 6
    again = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    document = json.loads(again.stdout)
    assert any(note.startswith(f"{kept} run") and "found finished" in note for note in document["notes"])
    assert len(document["runs"]) == 6
    assert _finished(tmp_path) == 6


def _finished(folder: Path) -> int:
    """Runs in the journal, also while a pilot has it locked."""
    count = 0
    for path in folder.glob("r.pilot/runs-*.sqlite"):
        with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as db, suppress(sqlite3.DatabaseError):
            count += db.execute("SELECT count(*) FROM run").fetchone()[0]
    return count


X = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))


class Late(Selector):
    """Takes the first rows so many milliseconds late, or the last ones."""

    description = "late"
    paper = "-"
    reads = ("features",)

    def __init__(self, milliseconds: float = 0.0, last: bool = False) -> None:
        self.milliseconds, self.last = milliseconds, last
        self.name = f"late{milliseconds:g}"

    def _choose(self, offer: Offer, size: int) -> Tensor:
        time.sleep(1e-3 * self.milliseconds)
        return torch.arange(len(offer.features))[-size:] if self.last else torch.arange(size)


class Lengths(Watcher):
    """Counts the steps of longer runs of uniform, and stops a pilot in the second one."""

    def __init__(self, stop_in: Path | None = None) -> None:
        self.steps, self.stop_in = 0, stop_in

    def longer(self, seed: int) -> None:
        if self.stop_in is not None and _longer(self.stop_in):
            raise KeyboardInterrupt
        self.steps += 1


def test_each_longer_run_of_uniform_is_kept_as_soon_as_it_is_over(tmp_path: Path) -> None:
    def train(sampler: saln.pilot.PilotSampler, seed: int) -> Iterator[tuple[int, dict[str, float]]]:
        for _ in sampler:
            time.sleep(0.004)
        yield len(sampler), {"accuracy": 0.5}

    def pilot(lengths: Lengths, *late: float) -> PilotResult:
        methods = [Late(each) for each in late]
        return saln.pilot.compare(
            train,
            features=X,
            batch_size=16,
            methods=methods,
            seeds=1,
            work=tmp_path,
            progress=False,
            watchers=[lengths],
        )

    stopped, later = Lengths(stop_in=tmp_path), Lengths()
    with pytest.raises(KeyboardInterrupt):
        pilot(stopped, 4.0, 12.0)
    assert _longer(tmp_path) == [stopped.steps]
    result = pilot(later, 4.0, 12.0)
    assert _longer(tmp_path) == [stopped.steps, later.steps]
    assert [point.step for point in result.longer[0].curve[-2:]] == _longer(tmp_path)
    for methods in ((4.0,), (12.0,), (4.0, 12.0)):  # as long as these takes nothing more
        again = Lengths()
        pilot(again, *methods)
        assert again.steps == 0
    more = Lengths()
    pilot(more, 4.0, 12.0, 40.0)
    assert _longer(tmp_path)[2:] == [more.steps]


def _longer(folder: Path) -> list[int]:
    """Steps of uniform's longer runs in the journal, also while a pilot has it locked."""
    (path,) = folder.glob("runs-*.sqlite")
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as db:
        found = db.execute("SELECT json_extract(curve, '$[#-1].step') FROM longer ORDER BY stretch").fetchall()
    return [steps for (steps,) in found]


def test_a_selector_of_one_s_own_that_was_changed_is_run_again(tmp_path: Path) -> None:
    def steps(*selectors: Selector | str) -> int:
        counter = Counter()
        run_pilot(BuiltinJob(blobs()), CONFIG, make_methods(selectors), counter, work=tmp_path)
        return counter.steps

    assert steps(Late(), "herding") == 36
    assert steps(Late(), "herding") == 0
    assert steps(Late(last=True), "herding") == 12
    assert steps("herding") == 0
