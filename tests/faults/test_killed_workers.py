"""A worker or a rank that is killed is an error at once, and the training goes on with the same batches."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import kill_cases
from rank_cases import run_ranks

ROOT = Path(__file__).parents[2]
# In a process of its own: PyTorch's handler of the signal raises wherever the program is just then.
WORKERS = """
import os, signal, sys
from pathlib import Path
from torch.utils.data import DataLoader, Dataset
from rank_cases import make

mark, name = Path(sys.argv[1]), sys.argv[2]
wanted = list(make(name))
deadly = wanted[9][0]

class Killing(Dataset):
    def __len__(self):
        return 83

    def __getitem__(self, index):
        if index == deadly and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return index

sampler, got = make(name), []
sampler.remember(8)
try:
    for batch in DataLoader(Killing(), batch_sampler=sampler, num_workers=2):
        got.append(batch.tolist())
except (RuntimeError, ConnectionError) as error:  # a queue may find out first
    print(str(error).splitlines()[0])
n_done, resumed = len(got), make(name)
resumed.load_state_dict(sampler.state_at(0, n_done))
got += [batch.tolist() for batch in DataLoader(Killing(), batch_sampler=resumed, num_workers=2)]
print(n_done, len(got), got == wanted)
"""


@pytest.mark.parametrize("name", ["spectral_candidates", "portfolio"])
def test_a_killed_worker_is_told_and_the_same_batches_follow(tmp_path: Path, name: str) -> None:
    command = [sys.executable, "-c", WORKERS, str(tmp_path / "mark"), name]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "python_api", ROOT / "tests")))}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    told, result = done.stdout.splitlines()
    assert re.search("DataLoader worker .* (is killed by signal|exited unexpectedly)|reset by peer", told)
    n_done, n, same = result.split()
    assert int(n_done) < 10
    assert (n, same) == ("28", "True")


@pytest.mark.parametrize("name", kill_cases.NAMES)
def test_a_killed_rank_is_an_error_on_the_others_and_a_restart_goes_on(tmp_path: Path, name: str) -> None:
    assert kill_cases.killed(2, tmp_path, name) == [3, -signal.SIGKILL]
    error = (tmp_path / f"error-{name}-0").read_text()
    assert "RuntimeError" in error or "DistBackendError" in error, error
    (tmp_path / "restart").mkdir()
    kept = [torch.load(tmp_path / f"{name}-{rank}.pt", weights_only=True)["batches"] for rank in (0, 1)]
    assert [len(each) for each in kept] == [kill_cases.KILLED_AT, kill_cases.KILLED_AT]
    whole = run_ranks(kill_cases.resumed, 2, tmp_path / "restart", str(tmp_path / "restart"))
    (tmp_path / "again").mkdir()
    resumed = run_ranks(kill_cases.resumed, 2, tmp_path / "again", str(tmp_path))
    assert [each[name] for each in resumed] == [each[name] for each in whole]
