"""`saln prune` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

import saln
from saln.cli import app

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 4)).astype(np.float32)
Y = np.arange(80) % 4 // 3  # three quarters and one


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["prune", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.savez("d.npz", features=X, labels=Y, is_test=np.arange(80) >= 60, class_names=np.array(["cat", "dog"]))
    np.save("x.npy", X)
    np.save("y.npy", Y)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_rows_are_written_and_counted_by_class() -> None:
    done = invoke("d.npz", "--keep", "0.5", "-o", "k.npy")
    assert done.exit_code == 0, done.output
    kept = np.load("k.npy")
    assert kept.dtype == np.int64
    assert len(set(kept.tolist())) == 30
    assert kept.max() < 60  # test rows are not kept
    assert "credibility: 30 of 60 rows kept, in" in done.stdout
    assert f"cat {(Y[kept] == 0).sum()} of 45, dog {(Y[kept] == 1).sum()} of 15" in done.stdout


@pytest.mark.usefixtures("folder")
def test_json_and_what_the_function_keeps() -> None:
    np.save("c.npy", np.array([5, 9]))
    arguments = ("--keep", 12, "--method", "k_center", "--chosen", "c.npy", "--labels", "y.npy", "--balanced", "--json")
    done = invoke("x.npy", *arguments)
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["schema"] == "saln.prune/1"
    assert (document["rows"], document["offered"], document["kept"]) == (80, 78, 12)
    assert document["classes"] == {"0": {"kept": 5, "rows": 60}, "1": {"kept": 7, "rows": 20}}
    wanted = saln.prune(X, Y, keep=12, method="k_center", chosen=np.array([5, 9]), balanced=True)
    assert np.load("keep.npy").tolist() == wanted.tolist()


@pytest.mark.usefixtures("folder")
def test_texts_need_features_only_where_they_are_compared() -> None:
    Path("t.csv").write_text("text,label\n" + "".join(f"sentence {n} is here,{'ab'[n % 2]}\n" for n in range(80)))
    done = invoke("t.csv", "--method", "herding")
    assert done.exit_code == 2
    assert "t.csv holds texts, and features of them are needed: saln extract" in done.stderr
    assert invoke("t.csv", "--method", "herding", "--features", "x.npy", "--keep", 9).exit_code == 0
    assert np.load("keep.npy").tolist() == saln.prune(X, keep=9, method="herding").tolist()
    history = saln.History(80)
    history.record(torch.arange(80), torch.linspace(0, 0.9, 80)[:, None] * torch.tensor([1.0, -1.0]))
    history.save("run.npz")
    assert invoke("t.csv", "--method", "el2n", "--history", "run.npz", "--keep", 4).exit_code == 0
    assert np.load("keep.npy").tolist() == [79, 78, 77, 76]
    np.save("few.npy", X[:7])
    assert "features of 7 rows; wanted 80, one for each of t.csv" in invoke("t.csv", "--features", "few.npy").stderr


@pytest.mark.parametrize("method", ["credibility", "k_center"])
@pytest.mark.usefixtures("folder")
def test_a_table_with_gaps_keeps_as_many_rows_as_one_without(method: str) -> None:
    """No row without a gap was there, and none was kept, with status 0."""
    lines = [f"{a:.3f},{'' if n % 2 else f'{b:.3f}'},{'' if n % 2 == 0 else n % 7},{'ab'[n // 40]}"
             for n, (a, b) in enumerate(X[:, :2].tolist())]  # fmt: skip
    Path("t.csv").write_text("\n".join(["p,q,r,verdict", *lines]))
    done = invoke("t.csv", "--label-key", "verdict", "--method", method, "--keep", 0.3)
    assert done.exit_code == 0, done.output
    assert len(set(np.load("keep.npy").tolist())) == 24
    assert "50.0 % of the values" not in done.stdout
    assert "33.3 % of the values of the table are missing: medians of their columns stand in for them" in done.stdout


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--keep", "half"), "keep is 'half'; wanted a share such as 0.3 or a number of rows such as 500"),
        (("--keep", "900"), "keep is 900, want 0 to 60"),
        (("--method", "best"), "method is 'best', want one of 'random'"),
        (("-o", "k.csv"), "unknown ending '.csv' of the output; wanted .npy"),
        (("-o", "d.npz"), "d.npz: is the input d.npz and would overwrite it"),
        (("--method", "forgetting"), "forgetting needs history"),
    ],
)
def test_errors_are_one_line(arguments: tuple[str, ...], message: str) -> None:
    done = invoke("d.npz", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_two_commands_say_how_they_differ() -> None:
    for command, other in (("prune", "saln select"), ("select", "saln prune")):
        shown = CliRunner().invoke(app, [command, "--help"], terminal_width=200).stdout
        assert other in shown
