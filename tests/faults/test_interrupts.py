"""Ctrl-C ends a command with one line and status 130, and the same command goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from saln.cli import app

# Interrupts itself when a function is called for the n-th time, and says how long it went on after that.
DRIVER = """
import importlib, os, signal, sys, time
from saln.__main__ import main

where, n = sys.argv[1], int(sys.argv[2])
module, _, name = where.partition(":")
owner = importlib.import_module(module)
*path, name = name.split(".")
for each in path:
    owner = getattr(owner, each)
original, calls = getattr(owner, name), []
signal.signal(signal.SIGINT, signal.default_int_handler)

def counting(*args, **options):
    calls.append(time.monotonic())
    if len(calls) == n:
        os.kill(os.getpid(), signal.SIGINT)
    return original(*args, **options)

setattr(owner, name, counting)
sys.argv[1:] = sys.argv[3:]
try:
    main()
finally:
    print(f"{time.monotonic() - calls[n - 1]:.3f}")
"""
JOB = "import torch\n\n\ndef make():\n    return torch.nn.Identity()\n"
RECORD = "saln.journal:Journal.record"
PILOT = ["pilot", "t.csv", "--methods", "uniform,herding", "--seeds", "2", "--steps", "5", "--evaluations", "2"]
COMMANDS = {
    "score": (RECORD, 2, ["score", "x.npy", "c.npy", "--chunk", "100"], ".npy"),
    "select": (RECORD, 1, ["select", "x.npy", "--batch-size", "4"], ".npy"),
    "extract": (RECORD, 1, ["extract", "x.npy", "--model", "maker.py:make"], ".npy"),
    "prune": ("saln.pruning.prune:choose", 1, ["prune", "t.csv", "--keep", "0.5"], ".npy"),
    "look": ("saln.inspection.look:look", 1, ["look", "t.csv"], ".html"),
    "pilot": ("saln.pilot.output.journal:Journal.add_run", 2, PILOT, ".html"),
}
GOES_ON = ("score", "select", "extract", "pilot")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commands")
    rng = np.random.default_rng(0)
    np.save(folder / "x.npy", rng.normal(size=(300, 4)).astype(np.float32))
    np.save(folder / "c.npy", rng.integers(0, 300, size=(500, 4)))
    rows = [f"{rng.normal():.4f},{rng.normal():.4f},{row % 2}" for row in range(300)]
    (folder / "t.csv").write_text("\n".join(["a,b,label", *rows]))
    (folder / "maker.py").write_text(JOB)
    return folder


def stop(folder: Path, name: str, output: str) -> subprocess.CompletedProcess[str]:
    where, call, arguments, _ = COMMANDS[name]
    driver = [sys.executable, "-c", DRIVER, where, str(call)]
    return subprocess.run([*driver, *arguments, "-o", output], cwd=folder, capture_output=True, text=True, timeout=120)


def run_whole(name: str, output: str) -> Result:
    """In this process and folder, where nobody interrupts it."""
    return CliRunner().invoke(app, [*COMMANDS[name][2], "-o", output])


@pytest.mark.parametrize("name", COMMANDS)
def test_ctrl_c_is_one_line_and_the_same_command_goes_on(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])  # which the folder of a file with a function joins
    ending = COMMANDS[name][3]
    output = folder / f"{name}{ending}"
    output.unlink(missing_ok=True)
    stopped = stop(folder, name, output.name)
    assert stopped.returncode == 130, (stopped.stdout, stopped.stderr)
    *shown, line = filter(None, stopped.stderr.splitlines())
    assert all(each.endswith("steps are over") for each in shown)  # the pilot's progress
    assert line.startswith("interrupted")
    assert ("the same command goes on" in line) == (name in GOES_ON)
    assert float(stopped.stdout.splitlines()[-1]) < 5  # a second or so, on a machine that does much else
    assert not output.exists()
    done = run_whole(name, output.name)
    assert done.exit_code in (0, 3), done.stderr
    if name in ("score", "select", "extract"):
        assert run_whole(name, f"{name}-whole{ending}").exit_code == 0
        assert output.read_bytes() == (folder / f"{name}-whole{ending}").read_bytes()
    if name == "score":
        assert "of them were finished before" in done.stdout
