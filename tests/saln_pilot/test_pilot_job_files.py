"""The user's own training in a file, on the command line: killed, stopped, failing, asked for wrongly."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from saln.cli import app

X = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] + 0.3 * X[:, 1] > 0).long()

JOB = """
import os, signal, torch
from torch.nn import functional as F

X = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0).long()

def train(sampler, seed):
    with open("log", "a") as log:
        log.write(f"{seed} {len(sampler)}\\n")
    model = torch.nn.Linear(4, 2)
    for step, rows in enumerate(sampler, start=1):
        if step > 3 and sum(1 for _ in open("log")) == int(open("kill").read()):
            os.kill(os.getpid(), signal.SIGKILL)
        loss = F.cross_entropy(model(X[rows]), Y[rows])
        for value, gradient in zip(model.parameters(), torch.autograd.grad(loss, list(model.parameters()))):
            value.data -= 0.5 * gradient
    yield step, {"accuracy": float((model(X).argmax(1) == Y).float().mean())}
"""


def test_a_killed_pilot_over_a_file_s_function_goes_on(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(textwrap.dedent(JOB))
    np.save(tmp_path / "x.npy", X.numpy())
    np.save(tmp_path / "y.npy", Y.numpy())

    def pilot(folder: str, kill: int) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-m",
            "saln",
            "pilot",
            "job.py:train",
            "--features",
            "x.npy",
            "--labels",
            "y.npy",
        ]
        command += ["--methods", "herding", "--seeds", "2", "--batch-size", "32", "--json", "-o", f"{folder}.html"]
        (tmp_path / "log").unlink(missing_ok=True)
        (tmp_path / "kill").write_text(str(kill))
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    # Two runs to warm up, then uniform and herding of seed 0, its longer uniform, herding of seed 1.
    assert pilot("cut", kill=6).returncode == -signal.SIGKILL
    first = (tmp_path / "log").read_text().split()
    again = pilot("cut", kill=0)
    assert again.returncode == 0, again.stderr
    assert len((tmp_path / "log").read_text().split()) < len(first)
    whole = pilot("whole", kill=0)
    documents = [json.loads(each.stdout) for each in (again, whole)]
    scores = [[[point["score"] for point in run["curve"]] for run in each["runs"]] for each in documents]
    assert scores[0] == scores[1]
    assert documents[0]["data"]["name"] == "job.py:train"


def test_options_of_the_built_in_training_are_refused_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])  # which the file's folder joins
    (tmp_path / "refused.py").write_text("def train(sampler, seed): ...\n")
    np.save(tmp_path / "x.npy", X.numpy())

    def refused(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["pilot", *arguments])
        assert done.exit_code == 2
        return done.stderr

    features = ("--features", "x.npy")
    assert "--hidden is of the training that comes with the pilot" in refused(
        "refused.py:train", *features, "--hidden", "3"
    )
    assert "--features is missing" in refused("refused.py:train")
    assert "no function 'fit'; there are train" in refused("refused.py:fit", *features)
    assert "other.py: no such file" in refused("other.py:train", *features)


STOPPED = """
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background jobs are without
def train(sampler, seed):
    for _ in sampler:
        os.kill(os.getpid(), signal.SIGINT)
    yield 1, {"accuracy": 0.5}

def broken(sampler, seed):
    raise ValueError("mine")

def wrong(sampler, seed):
    yield 5, {"accuracy": 0.5}
"""


def test_the_command_ends_in_one_line_but_shows_where_a_training_fails(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(STOPPED)
    np.save(tmp_path / "x.npy", X.numpy())

    def ends(name: str) -> tuple[int, list[str]]:
        command = [sys.executable, "-m", "saln", "pilot", f"job.py:{name}", "--features", "x.npy"]
        command += ["--methods", "herding"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.returncode, [line for line in done.stderr.splitlines() if line]

    said = "interrupted; what is finished is kept in report.pilot: the same command goes on"
    assert ends("train") == (130, [said])
    status, lines = ends("broken")
    assert (status, lines[-1]) == (1, "ValueError: mine")
    assert any("job.py" in line for line in lines)
    status, lines = ends("wrong")
    assert status == 2
    assert len(lines) == 1


def test_features_and_labels_may_be_files_and_the_page_has_the_script_s_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", features=X.numpy())
    (tmp_path / "y.csv").write_text("label\n" + "\n".join(["no", "yes"][label] for label in Y.tolist()))
    (tmp_path / "kill").write_text("-1")
    call = (
        'compare(train, features="x.npz", labels="y.csv", batch_size=32, methods=["herding"], seeds=1, progress=False)'
    )
    last = f"\nimport saln.pilot\nfound = saln.pilot.{call}\nprint(found.data.name, *found.data.class_names)\n"
    (tmp_path / "my_script.py").write_text(textwrap.dedent(JOB) + last)
    command = [sys.executable, "my_script.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "my_script no yes\n"
    (tmp_path / "y.csv").unlink()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr.endswith("PilotError: y.csv: no such file\n")
