"""kill -9 at any moment, again and again: no kept row is computed twice, and no bit differs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# One process imports everything once and starts no thread; its children compute and are killed.
PARENT = """
import os, random, signal, sys, time
from pathlib import Path
import torch
import saln
from saln.features import job, load
from saln.journal import Journal

folder, n_seeds = Path(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(1)
source = random.Random(1)
DATA = {"arrays": torch.rand(600, 5), "texts": ["x" * source.randint(1, 60) for _ in range(600)]}

def model(batch):
    rows = batch * 3 if kind == "arrays" else torch.tensor([[len(text), 7.0] for text in batch])
    time.sleep(0.0005)
    return rows

record = Journal.record

def logged(self, start, values):
    record(self, start, values)
    with open(folder / "log", "a") as log:
        log.write(f"{start} {start + len(values)}\\n")

def child(output):
    Journal.record = logged
    job.KEEP_SECONDS = 0.002
    job.WINDOW = 4
    saln.extract(model, DATA[kind], output, batch_size=8, progress=False)

def n_records():
    return (folder / "log").read_bytes().count(b"\\n")

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
            whole = output.exists() and not output.with_name(output.name + ".partial").exists()
            assert whole or not output.exists() or load(output).rows == 600  # never half a file under the name
            return whole
        time.sleep(0.0005)
    assert ended[1] == 0
    return True

(folder / "log").touch()
n_kills = 0
for kind in DATA:
    run(folder / f"{kind}.npy", 10**9, 0)
    want, whole = (folder / f"{kind}.npy").read_bytes(), n_records()
    for seed in range(n_seeds):
        source, output = random.Random(seed), folder / f"{kind}-{seed}.npy"
        (folder / "log").write_text("")
        began = time.perf_counter()
        while not run(output, source.randint(0, max(1, whole // 3)), source.uniform(0, 0.005)):
            n_kills += 1
        assert output.read_bytes() == want, seed
        assert not output.with_name(output.name + ".partial").exists(), seed
        runs = sorted(tuple(map(int, line.split())) for line in (folder / "log").read_text().splitlines())
        # A kill may fall between a record and its line here.
        assert all(after[0] >= before[1] for before, after in zip(runs, runs[1:])), (seed, "done twice", runs)
        # Of every batch that was kept the time is counted, in whatever session; no time is counted twice.
        assert 600 / 8 * 0.0005 < load(output).seconds < time.perf_counter() - began, load(output).seconds
print(n_kills)
"""


def test_killed_extractions_go_on(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PARENT, str(tmp_path), "3"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 6, "too few kills to show anything"
