"""`saln extract` as a user types it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from saln.cli import app
from saln.features import load

MAKER = "import torch\n\ndef make():\n    torch.manual_seed(0)\n    return torch.nn.Linear(4, 3)\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A table of four columns of numbers and a label, and a file with a model."""
    rows = np.random.default_rng(0).random((70, 4)).round(3)
    lines = [",".join([*map(str, row), "yes" if number % 2 else "no"]) for number, row in enumerate(rows.tolist())]
    (tmp_path / "table.csv").write_text("\n".join(["a,b,c,d,label", *lines, ""]))
    (tmp_path / "mine.py").write_text(MAKER)
    return tmp_path


def run(folder: Path, *options: str) -> Any:
    arguments = [str(folder / "table.csv"), "--model", f"{folder}/mine.py:make", "-o", str(folder / "x.npy"), *options]
    return CliRunner().invoke(app, ["extract", *arguments])


def model_of(width: int) -> torch.nn.Linear:
    torch.manual_seed(0)
    return torch.nn.Linear(width, 3)


def test_extract_then_again(folder: Path) -> None:
    done = run(folder)
    assert done.exit_code == 0, done.output
    first, where = done.stdout.splitlines()
    assert first.startswith("70 rows of 3 features in 0.")
    assert where == f"Features: {(folder / 'x.npy').resolve()}"
    rows = torch.from_numpy(np.loadtxt(folder / "table.csv", np.float32, delimiter=",", skiprows=1, usecols=range(4)))
    torch.testing.assert_close(load(folder / "x.npy").tensor(), model_of(4)(rows).detach())
    done = run(folder)
    assert done.stdout.startswith("70 rows of 3 features are there already; --fresh extracts them again")
    assert run(folder, "--fresh").stdout.startswith("70 rows of 3 features in 0.")


def test_columns_by_name(folder: Path) -> None:
    (folder / "mine.py").write_text(MAKER.replace("4", "2"))
    done = run(folder, "--columns", "b, d")
    assert done.exit_code == 0, done.output
    rows = torch.from_numpy(np.loadtxt(folder / "table.csv", np.float32, delimiter=",", skiprows=1, usecols=(1, 3)))
    torch.testing.assert_close(load(folder / "x.npy").tensor(), model_of(2)(rows).detach())


def test_extract_json(folder: Path) -> None:
    done = run(folder, "--json", "--dtype", "float16", "--batch-size", "8", "--normalize")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["schema"] == "saln.extract/1"
    assert (told["rows"], told["width"], told["dtype"], told["cached"], told["resumed"]) == (70, 3, "float16", False, 0)
    assert (told["model"]["name"], told["model"]["normalize"]) == ("mine.py:make", True)
    assert told["notes"] == []
    again = json.loads(run(folder, "--json", "--dtype", "float16", "--normalize").stdout)
    assert again == {**told, "cached": True}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "resnet18"], "error: model is 'resnet18', want timm:NAME, "),
        (["--layer", "body"], "error: layer is 'body', want one of the model's: nothing"),
        (["-o", "x.parquet"], "error: x.parquet: unknown ending '.parquet' of the output; wanted .npy"),
        (["--dtype", "int8"], "error: dtype is 'int8', want float32, float16"),
    ],
)
def test_errors_are_one_line(folder: Path, options: list[str], message: str) -> None:
    done = run(folder, *options)
    assert done.exit_code == 2
    assert " ".join(done.stderr.split()).startswith(message)
    assert "Traceback" not in done.stderr


def test_a_missing_library_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)  # type: ignore[arg-type]
    done = run(folder, "--model", "timm:resnet18")
    assert done.exit_code == 2
    assert " ".join(done.stderr.split()).startswith("error: timm models need timm (")


def test_an_input_is_not_overwritten(folder: Path) -> None:
    np.save(folder / "table.npy", np.eye(4))
    path = str(folder / "table.npy")
    done = CliRunner().invoke(app, ["extract", path, "--model", f"{folder}/mine.py:make", "-o", path, "--fresh"])
    assert done.exit_code == 2
    assert "would overwrite it" in done.stderr
