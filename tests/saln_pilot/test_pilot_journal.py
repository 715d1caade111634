"""A pilot that was stopped goes on where it was, and takes nothing over that is not its own."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from pilot_cases import TINY, OneClass, blobs
from saln.pilot.config import PilotConfig, PilotError
from saln.pilot.output.journal import Journal, fingerprint
from saln.pilot.output.result import PilotResult
from saln.pilot.runner import run_pilot
from saln.pilot.training.trainer import Method
from saln.pilot.training.watch import Watcher

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
    accuracies = [point.accuracy for run in result.runs for point in run.curve]
    return [runs, accuracies, result.selections, result.data]


def run(work: Path, config: PilotConfig = CONFIG, watcher: Watcher | None = None, fresh: bool = False) -> PilotResult:
    return run_pilot(blobs(), config, METHODS, watcher, work=work, fresh=fresh)


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
        (dataclasses.replace(CONFIG, price_per_hour=1.0, target_accuracy=0.5), 0),
        (dataclasses.replace(CONFIG, label_noise=0.2), 24),
        (dataclasses.replace(CONFIG, learning_rate=0.01), 24),
    ):
        counter = Counter()
        run(tmp_path, config, counter)
        assert counter.steps == steps
    data = blobs()
    prints = {
        fingerprint(each, CONFIG, {})
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


def test_a_torn_last_line_is_dropped_and_a_broken_one_told(tmp_path: Path) -> None:
    whole = run(tmp_path)
    (path,) = tmp_path.glob("runs-*.jsonl")
    content = path.read_bytes()
    lines = content.splitlines(keepends=True)
    last_run = max(i for i, line in enumerate(lines) if json.loads(line)["kind"] == "run")
    path.write_bytes(b"".join(lines[:last_run]) + lines[last_run][:200])
    counter = Counter()
    assert everything(run(tmp_path, watcher=counter)) == everything(whole)
    assert counter.steps == CONFIG.steps
    assert all(line.endswith(b"}\n") for line in path.read_bytes().splitlines(keepends=True))
    path.write_bytes(lines[0] + b'{"kind": "run"}\n' + b"".join(lines[1:]))
    with pytest.raises(PilotError, match="--fresh"):
        run(tmp_path)


def test_two_pilots_do_not_share_a_journal(tmp_path: Path) -> None:
    first = Journal(tmp_path, "abc")
    with pytest.raises(PilotError, match="another pilot"):
        Journal(tmp_path, "abc")
    first.close()
    Journal(tmp_path, "abc").close()
    (tmp_path / "file").write_text("")
    with pytest.raises(PilotError, match="cannot be written"):
        Journal(tmp_path / "file", "abc")


def test_tensors_come_back_as_they_were(tmp_path: Path) -> None:
    result = run(tmp_path)
    repeated = run(tmp_path)
    for a, b in zip(result.runs, repeated.runs, strict=True):
        for name in ("chosen", "step_seconds", "predicted"):
            before, after = getattr(a, name), getattr(b, name)
            assert before.dtype == after.dtype
            assert torch.equal(before, after)
    assert result.longer == repeated.longer
    assert result.selections == repeated.selections


def test_a_killed_process_goes_on(tmp_path: Path) -> None:
    """SIGKILL in the middle of a run: what was over is kept, the rest is run."""
    command = [
        sys.executable, "-m", "saln.cli", "pilot", "wine", "--methods", "rho_loss", "--seeds", "3", "--steps", "400",
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
    assert any(note.startswith(f"{kept} runs were found finished") for note in document["notes"])
    assert len(document["runs"]) == 6
    assert _finished(tmp_path) == 6


def _finished(folder: Path) -> int:
    return sum(path.read_bytes().count(b'\n{"kind": "run"') for path in folder.glob("r.pilot/runs-*.jsonl"))
