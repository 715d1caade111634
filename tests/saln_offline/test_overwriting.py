"""No command and no function writes over a file that it reads, under whatever name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pilot_cases import blobs
from saln.cli import app
from saln.datasets import DataError
from saln.offline import score_file, select_file
from saln.pages import write_data
from saln.pages.data import DRAWN
from saln.pilot.builtin import BuiltinConfig, BuiltinJob
from saln.pilot.output.files import RESULT, TABLES, write_json, write_tables
from saln.pilot.runner import run_pilot
from saln.pilot.training.methods import make_methods

RNG = np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", RNG.normal(size=(50, 8)).astype(np.float32))
    np.save("c.npy", RNG.integers(0, 50, size=(5, 4)))
    np.save("v.npy", RNG.random(50).astype(np.float32))
    np.savez(
        "d.npz", X=RNG.normal(size=(50, 4)), y=np.arange(50) % 2, predictions=np.arange(50) % 2, pool=np.ones(50, bool)
    )
    (tmp_path / "groups.csv").write_text("site\n" + "n\ns\n" * 25)
    (tmp_path / "tables").mkdir()
    return tmp_path


LINKS: dict[str, Callable[[str, str], None]] = {"hard": os.link, "symbolic": os.symlink}
COMMANDS = [
    (["score", "x.npy", "c.npy"], "x.npy"),
    (["score", "x.npy", "c.npy"], "c.npy"),
    (["score", "x.npy", "c.npy", "--quality", "v.npy"], "v.npy"),
    (["select", "x.npy", "--batch-size", "4"], "x.npy"),
    (["select", "x.npy", "--batch-size", "4", "--losses", "v.npy"], "v.npy"),
    (["explain", "x.npy", "1,2,3"], "x.npy"),
    (["explain", "d.npz:X", "1,2,3", "--labels", "d.npz:y"], "d.npz"),
    (["explain", "x.npy", "c.npy", "--step", "1"], "c.npy"),
    (["audit", "c.npy", "-g", "groups.csv:site"], "c.npy"),
    (["audit", "c.npy", "-g", "groups.csv:site"], "groups.csv"),
    (["audit", "c.npy", "-g", "groups.csv:site", "--predictions", "d.npz:predictions,y"], "d.npz"),
    (["audit", "c.npy", "-g", "groups.csv:site", "--pool", "d.npz:pool"], "d.npz"),
    (["pilot", "d.npz"], "d.npz"),
    (["pilot", "d.npz", "--groups", "groups.csv:site"], "groups.csv"),
]


@pytest.mark.parametrize(("command", "source"), COMMANDS)
@pytest.mark.parametrize("link", [None, "hard", "symbolic"])
def test_an_output_that_is_an_input_is_refused(folder: Path, command: list[str], source: str, link: str | None) -> None:
    output = source if link is None else f"out{Path(source).suffix}"
    if link is not None:
        LINKS[link](source, output)
    before = Path(source).read_bytes()
    done = CliRunner().invoke(app, [*command, "-o", output])
    assert done.exit_code == 2, done.output
    assert f"{output}: is the input {source} and would overwrite it" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert Path(source).read_bytes() == before
    assert not Path(f"{output}.partial").exists()


def test_a_pilot_writes_no_table_over_its_groups(folder: Path) -> None:
    done = CliRunner().invoke(app, ["pilot", "d.npz", "--groups", "groups.csv:site", "--csv", "."])
    assert done.exit_code == 2, done.output
    assert "groups.csv: is the input groups.csv and would overwrite it" in done.stderr


def test_the_names_that_are_guarded_are_those_that_are_written(tmp_path: Path) -> None:
    config = BuiltinConfig(seeds=2, steps=4, batch_size=16, evaluations=2)
    result = run_pilot(BuiltinJob(blobs()), config, make_methods(["uniform"]))
    written = {*write_tables(result, tmp_path), write_json(result, tmp_path), *write_data(result, tmp_path)}
    assert {path.name for path in written} == {*TABLES, RESULT, *DRAWN}


def test_functions_refuse_it_alike(folder: Path) -> None:
    with pytest.raises(DataError, match=r"x\.npy: is the input x\.npy"):
        score_file(Path("x.npy"), Path("c.npy"), Path("x.npy"))
    with pytest.raises(DataError, match=r"v\.npy: is the input v\.npy"):
        select_file(Path("x.npy"), Path("v.npy"), batch_size=4, values={"losses": Path("v.npy")})


def test_an_output_that_was_there_before_is_written_anew(folder: Path) -> None:
    np.save("s.npy", np.zeros(3))
    score_file(Path("x.npy"), Path("c.npy"), Path("s.npy"))
    assert np.load("s.npy").shape == (5,)
