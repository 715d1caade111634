"""kill -9 at any moment, again and again: nothing is lost, nothing is done twice, no bit differs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

# One process imports everything once and starts no thread; its children compute and are killed.
PARENT = """
import os, random, signal, sys, time
from pathlib import Path
import saln_kernels
from saln.offline import rows, score_file, select_file
from saln.journal import Journal
from saln.offline.select import SelectTask

what, folder, n_seeds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
record = Journal.record
saln_kernels.build_info()  # loads the library

def logged(self, start, values):
    record(self, start, values)
    with open(folder / "log", "a") as log:
        log.write(f"{self.path.stem} {start} {start + len(values)}\\n")

def child(output):
    Journal.record = logged
    rows.fits = lambda n_bytes: False
    SelectTask.block = lambda self, memory: 3
    if what == "score":
        score_file(folder / "x.npy", folder / "c.npy", output, chunk=20)
    else:
        method, options = what.split(":")[1], {"n_candidates": 8}
        select_file(folder / "x.npy", output, method=method, options=options, batch_size=16, epochs=2, memory=1 << 29)

def n_records():
    return (folder / "log").read_bytes().count(b"\\n")

# Killed a moment after so many more records.
def run(output, more, moment):
    until = n_records() + more
    pid = os.fork()
    if pid == 0:
        try:
            child(output)
        except BaseException as error:
            print(type(error), error, file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    while (ended := os.waitpid(pid, os.WNOHANG))[0] == 0:
        if n_records() >= until:
            time.sleep(moment)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            # It may have been through, all but the end of the process.
            return output.exists() and not output.with_name(output.name + ".partial").exists()
        time.sleep(0.0005)
    assert ended[1] == 0
    return True

(folder / "log").touch()
run(folder / "whole.npy", 10**9, 0)
want, whole = (folder / "whole.npy").read_bytes(), n_records()
n_kills = 0
for seed in range(n_seeds):
    source, output = random.Random(seed), folder / f"{seed}.npy"
    (folder / "log").write_text("")
    while not run(output, source.randint(0, whole // 3), source.uniform(0, 0.005)):
        n_kills += 1
    assert output.read_bytes() == want, seed
    assert not output.with_name(output.name + ".partial").exists(), seed
    lines = (folder / "log").read_text().splitlines()
    assert len(lines) == len(set(lines)), (seed, "recorded twice")
    for name in {line.split()[0] for line in lines}:
        runs = sorted(tuple(map(int, line.split()[1:])) for line in lines if line.split()[0] == name)
        assert all(after[0] >= before[1] for before, after in zip(runs, runs[1:])), (seed, name, "done twice")
print(n_kills)
"""


@pytest.mark.parametrize(
    ("what", "n_seeds"), [("score", 5), ("select:spectral_candidates", 3), ("select:consecutive_candidates", 3)]
)
def test_killed_runs_go_on(tmp_path: Path, what: str, n_seeds: int) -> None:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.normal(size=(1500, 24)).astype(np.float32))
    np.save(tmp_path / "c.npy", rng.integers(-1, 1500, size=(2000, 16)))
    done = subprocess.run(
        [sys.executable, "-c", PARENT, what, str(tmp_path), str(n_seeds)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= n_seeds, "too few kills to show anything"
