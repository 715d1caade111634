"""`saln extract` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

import saln.datasets
from saln.cli import app
from saln.features import load

MAKER = "import torch\n\ndef make():\n    torch.manual_seed(0)\n    return torch.nn.Linear(4, 3)\n"


class Source:
    """What `saln.datasets.read_source` returns, as far as it is used."""

    notes = ("column 'id' is not used",)

    def __init__(self, rows: Tensor) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> Tensor:
        return self.rows[row]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table as the reader of sources gives it, and a file with a model."""
    rows = torch.rand(70, 4)

    def read_source(data: Any, columns: tuple[str, ...] = ()) -> Source:
        assert Path(data) == tmp_path / "table.csv"
        return Source(rows + len(columns))

    monkeypatch.setattr(saln.datasets, "read_source", read_source, raising=False)
    (tmp_path / "table.csv").write_text("what is read is above")
    (tmp_path / "mine.py").write_text(MAKER)
    return tmp_path


def run(folder: Path, *options: str) -> Any:
    arguments = [str(folder / "table.csv"), "--model", f"{folder}/mine.py:make", "-o", str(folder / "x.npy"), *options]
    return CliRunner().invoke(app, ["extract", *arguments])


def test_extract_then_again(folder: Path) -> None:
    done = run(folder)
    assert done.exit_code == 0, done.output
    first, note, where = done.stdout.splitlines()
    assert first.startswith("70 rows of 3 features in 0.")
    assert (note, where) == ("column 'id' is not used", f"Features: {(folder / 'x.npy').resolve()}")
    assert load(folder / "x.npy").rows == 70
    done = run(folder)
    assert done.stdout.startswith("70 rows of 3 features are there already; --fresh extracts them again")
    assert run(folder, "--fresh").stdout.startswith("70 rows of 3 features in 0.")


def test_columns_by_name(folder: Path) -> None:
    assert run(folder).exit_code == 0
    plain = load(folder / "x.npy").tensor()
    assert run(folder, "--columns", "a, b").exit_code == 0
    torch.manual_seed(0)
    weight = torch.nn.Linear(4, 3).weight.detach()
    torch.testing.assert_close(load(folder / "x.npy").tensor() - plain, (2 * weight.sum(1)).expand(70, 3))


def test_extract_json(folder: Path) -> None:
    done = run(folder, "--json", "--dtype", "float16", "--batch-size", "8", "--normalize")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["schema"] == "saln.extract/1"
    assert (told["rows"], told["width"], told["dtype"], told["cached"], told["resumed"]) == (70, 3, "float16", False, 0)
    assert (told["model"]["name"], told["model"]["normalize"]) == ("mine.py:make", True)
    assert told["notes"] == ["column 'id' is not used"]
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


def test_an_input_is_not_overwritten(folder: Path) -> None:
    (folder / "table.npy").write_bytes((folder / "table.csv").read_bytes())
    path = str(folder / "table.npy")
    done = CliRunner().invoke(app, ["extract", path, "--model", f"{folder}/mine.py:make", "-o", path, "--fresh"])
    assert done.exit_code == 2
    assert "would overwrite it" in done.stderr
