"""A clock that jumps, a home and a disk that may not be written."""

from __future__ import annotations

import ast
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from pilot_cases import blobs
from programs import ROOT
from saln.cli import app
from saln.pilot.builtin import BuiltinConfig, BuiltinJob
from saln.pilot.runner import run_pilot
from saln.pilot.training.methods import make_methods

WALL_CLOCK = {("time", "time"), ("time", "time_ns"), ("datetime", "now"), ("datetime", "utcnow"), ("date", "today")}


def test_durations_are_of_clocks_that_do_not_jump() -> None:
    """Nothing asks for the time of day."""
    asked = []
    for package in ("python_api/saln", "saln_kernels"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                    asked += [path] * ((node.value.id, node.attr) in WALL_CLOCK)
                if isinstance(node, ast.ImportFrom) and node.module == "time":
                    asked += [path] * any(each.name in ("time", "time_ns") for each in node.names)
    assert asked == []


@pytest.mark.parametrize("jump", [-3600.0, 86400.0])
def test_a_pilot_s_times_are_right_while_the_clock_jumps(monkeypatch: pytest.MonkeyPatch, jump: float) -> None:
    now, n = time.time(), 0

    def jumping() -> float:
        nonlocal n
        n += 1
        return now + n * jump

    monkeypatch.setattr(time, "time", jumping)
    began = time.perf_counter()
    config = BuiltinConfig(methods=("uniform", "herding"), seeds=2, steps=6, batch_size=16, evaluations=2)
    result = run_pilot(BuiltinJob(blobs()), config, make_methods(["uniform", "herding"]))
    taken = time.perf_counter() - began
    assert 0 < result.pilot_seconds <= taken
    for run in result.runs:
        assert 0 < run.wall_seconds <= taken
        assert bool((run.step_seconds >= 0).all())
        assert float(run.step_seconds.sum()) <= run.wall_seconds


@pytest.mark.parametrize("home", ["/proc", "/dev/null", "/nowhere/at/all"])
def test_a_home_that_cannot_be_written_is_done_without(tmp_path: Path, home: str) -> None:
    rows = [f"{row % 7},{row % 5},{row % 2}" for row in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,label", *rows]))
    settings = {name: value for name, value in os.environ.items() if not re.match("XDG|MPL", name)}
    command = [sys.executable, "-m", "saln", "look", "t.csv", "-o", "look.html"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**settings, "HOME": home}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "look.html").stat().st_size > 10_000
    said = [line for line in done.stderr.splitlines() if "cache" in line.lower()]
    assert len(said) <= 1, done.stderr
    assert "Traceback" not in done.stderr


@contextmanager
def largest_file(n_bytes: int) -> Iterator[None]:
    """No file may grow beyond so many bytes: what a full disk does, at any byte of it, to root too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


PILOT = ["pilot", "t.csv", "--methods", "uniform,herding", "--seeds", "2", "--steps", "5", "--evaluations", "2"]
COMMANDS: dict[str, tuple[list[str], str]] = {
    "score": (["score", "x.npy", "c.npy"], ".npy"),
    "score to npz": (["score", "x.npy", "c.npy"], ".npz"),
    "select": (["select", "x.npy", "--batch-size", "4"], ".npy"),
    "extract": (["extract", "x.npy", "--model", "job_on_a_full_disk.py:make"], ".npy"),
    "prune": (["prune", "t.csv", "--keep", "400"], ".npy"),
    "look": (["look", "t.csv"], ".html"),
    "audit": (["audit", "c.npy", "--groups", "t.csv:label"], ".html"),
    "audit as svg": (["audit", "c.npy", "--groups", "t.csv:label"], ".svg"),
    "audit as png": (["audit", "c.npy", "--groups", "t.csv:label"], ".png"),
    "explain": (["explain", "x.npy", "1,2,3,4"], ".html"),
    "explain as pdf": (["explain", "x.npy", "1,2,3,4"], ".pdf"),
    "pilot": (PILOT, ".html"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_write_that_fails_halfway_is_named_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.save("x.npy", rng.normal(size=(600, 4)).astype(np.float32))
    np.save("c.npy", rng.integers(0, 600, size=(500, 4)))
    rows = [f"{rng.normal():.4f},{rng.normal():.4f},{row % 2}" for row in range(600)]
    Path("t.csv").write_text("\n".join(["a,b,label", *rows]))
    Path("job_on_a_full_disk.py").write_text("import torch\n\n\ndef make():\n    return torch.nn.Identity()\n")
    arguments, ending = COMMANDS[name]
    output = Path(f"out{ending}")
    output.write_bytes(b"old")

    def call() -> Any:
        return CliRunner().invoke(app, [*arguments, "-o", str(output), *(["--fresh"] if name == "extract" else [])])

    with largest_file(1000):
        failed = call()
    assert failed.exit_code == 2, (failed.stdout, failed.stderr, failed.exception)
    [line] = failed.stderr.strip().splitlines()
    assert re.match(r"error: \S*out\S*: cannot be written: ", line), line
    assert output.read_bytes() == b"old"
    assert not [each for each in tmp_path.rglob(".*") if ".new" in each.name]
    done = call()
    assert done.exit_code in (0, 1, 3), done.stderr
    assert output.stat().st_size > 1000
