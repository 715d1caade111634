"""Names that are programs: shown as they are in every page, and run by none, nor by a spreadsheet."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from saln.cli import app

HARM = "<script>alert(1)</script>"
QUOTED = "\"'><img src=x onerror=alert(1)>"
MATHS = r"$\frac{a$ & 5$-$9"
FORMULA = "=cmd|' /C calc'!A0"
NAMES = [HARM, QUOTED, MATHS, FORMULA]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(f"data {HARM.replace('/', '')}")
    rng = np.random.default_rng(0)
    labels = np.arange(240) % 4
    x = rng.normal(size=(240, 3)) + labels[:, None]
    with (folder / "t.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow([HARM, QUOTED, FORMULA, MATHS, "label"])
        for row, label in zip(x, labels.tolist(), strict=True):
            table.writerow([*(f"{value:.4f}" for value in row), NAMES[label], NAMES[label]])
    np.save(folder / "x.npy", x.astype(np.float32))
    np.save(folder / "c.npy", rng.permutation(240)[:96].reshape(6, 16))
    return folder


COMMANDS = {
    "pilot": ["pilot", "t.csv", "--methods", "uniform,herding", "--seeds", "2", "--steps", "6", "--batch-size", "8",
              "--evaluations", "2", "--groups", f"t.csv:{MATHS}"],
    "look": ["look", "t.csv", "--csv", "look.csv", "--groups", f"t.csv:{MATHS}"],
    "audit": ["audit", "c.npy", "--groups", f"t.csv:{MATHS}"],
    "explain": ["explain", "x.npy", "c.npy", "--step", "1", "--labels", "t.csv:label", "--laplacian", "symmetric"],
}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_names_are_shown_and_not_run(folder: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(app, [*COMMANDS[command], "-o", f"{command}.html"])
    assert done.exit_code in (0, 1), done.output + done.stderr
    page = (folder / f"{command}.html").read_text("utf-8")
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "frac{a" in page  # as it is, and not as a formula of mathematics


def test_no_cell_that_is_written_is_a_formula(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for command in ("pilot", "look"):
        done = CliRunner().invoke(app, [*COMMANDS[command], "-o", f"{command}.html"])
        assert done.exit_code in (0, 1), done.output
    tables = [*folder.glob("pilot.pilot/*.csv"), folder / "look.csv"]
    assert len(tables) > 5
    cells = {cell for path in tables for row in csv.reader(path.open(encoding="utf-8", newline="")) for cell in row}
    assert f"'{FORMULA}" in cells
    starting = {cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))}
    assert all(np.isfinite(float(cell)) for cell in starting)  # numbers stay numbers
