"""The commands as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import saln_kernels
from saln.cli import app
from saln.selectors import SELECTORS

RUNNER = CliRunner()
QUICK = ["--steps", "4", "--seeds", "2", "--batch-size", "16", "--evaluations", "2", "--reference-steps", "4"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, size=200)
    features = rng.normal(size=(200, 6)).astype(np.float32) + labels[:, None]
    np.savez(tmp_path / "data.npz", features=features, labels=labels)
    return tmp_path / "data.npz"


def test_pilot_prints_verdicts_and_leaves_a_report(data: Path, tmp_path: Path) -> None:
    report = tmp_path / "out.html"
    done = RUNNER.invoke(app, ["pilot", str(data), *QUICK, "-o", str(report)])
    assert done.exit_code == 0, done.output
    assert report.exists()
    for name in ("uniform", "saln", "jest", "spectral_candidates", "Accuracy", "Only 2 seeds"):
        assert name in done.stdout
    assert str(report.name) in done.stdout


def test_pilot_json_is_one_document_on_stdout(data: Path, tmp_path: Path) -> None:
    report = tmp_path / "out.html"
    arguments = ["pilot", str(data), *QUICK, "--methods", "jest", "--model", "linear", "-o", str(report), "--json"]
    done = RUNNER.invoke(app, arguments)
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["report"] == str(report)
    assert [each["method"] for each in document["kpis"]] == ["uniform", "jest"]
    assert document["data"]["features_computed"] is False
    assert "--model linear" in document["command"]
    repeated = RUNNER.invoke(app, [*document["command"].split()[1:], "--json"])
    again = json.loads(repeated.stdout)
    assert [run["curve"][-1]["accuracy"] for run in again["runs"]] == [
        run["curve"][-1]["accuracy"] for run in document["runs"]
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["absent.npz"], ["absent.npz", "no such file"]),
        (["notaset"], ["notaset"]),
        (["digits", "--methods", "uniform,guess"], ["guess", "spectral_candidates"]),
        (["digits", "--filter-ratio", "1.5"], ["filter_ratio", "1.5"]),
        (["digits", "--model", "forest"], ["model", "forest"]),
        (["digits", "--batch-size", "100000"], ["batch_size"]),
        (["digits", "--output", "no/such/folder/r.html"], ["no/such/folder"]),
        (["digits", "--steps", "many"], ["--steps"]),
        (["DATA", "--label-key", "nothere"], ["nothere", "labels"]),
        (["DATA", "--feature-key", "nothere"], ["nothere"]),
    ],
)
def test_pilot_errors_are_one_line(data: Path, arguments: list[str], words: list[str]) -> None:
    done = RUNNER.invoke(app, ["pilot", *(str(data) if each == "DATA" else each for each in arguments)])
    assert done.exit_code == 2
    assert "Traceback" not in done.output
    assert all(word in done.stderr for word in words), done.stderr
    if "--steps" not in words:
        assert len(done.stderr.strip().splitlines()) == 1


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.normal(size=(50, 12)).astype(np.float32))
    np.save(tmp_path / "c.npy", rng.integers(-1, 50, size=(23, 8)))
    return tmp_path / "x.npy", tmp_path / "c.npy"


def test_score_agrees_and_chunks_make_no_difference(files: tuple[Path, Path], tmp_path: Path) -> None:
    features, candidates = files
    found = []
    for chunk in (1, 7, 1000):
        output = tmp_path / f"s{chunk}.npy"
        arguments = ["score", str(features), str(candidates), "--similarity", "cosine", "-o", str(output)]
        done = RUNNER.invoke(app, [*arguments, "--chunk", str(chunk)])
        assert done.exit_code == 0, done.output
        assert "23 candidates" in done.stdout
        found.append(np.load(output))
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])
    truth = saln_kernels.score_batches(
        torch.from_numpy(np.load(features)), torch.from_numpy(np.load(candidates)), similarity="cosine",
        backend="reference",
    )  # fmt: skip
    np.testing.assert_allclose(found[0], truth.numpy(), rtol=1e-4)


def test_score_json(files: tuple[Path, Path], tmp_path: Path) -> None:
    features, candidates = files
    broken = np.load(features)
    broken[0, 0] = np.nan
    np.save(features, broken)
    output = tmp_path / "s.parquet"
    done = RUNNER.invoke(
        app, ["score", str(features), str(candidates), "--criterion", "energy", "--k", "2", "-o", str(output), "--json"]
    )
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    holding = int((np.load(candidates) == 0).any(axis=1).sum())
    assert document["candidates"] == 23
    assert document["not_finite"] == holding
    assert document["minimum"] <= document["median"] <= document["maximum"] == document["best"][0]["score"]
    assert output.exists()


@pytest.mark.parametrize(
    ("extra", "word"),
    [
        (["--criterion", "beauty"], "beauty"),
        (["--similarity", "friendship"], "friendship"),
        (["--k", "99", "--criterion", "energy"], "k"),
        (["--chunk", "0"], "chunk"),
        (["-o", "scores.txt"], "scores.txt"),
        (["--backend", "abacus"], "abacus"),
    ],
)
def test_score_errors_are_one_line(files: tuple[Path, Path], tmp_path: Path, extra: list[str], word: str) -> None:
    default = [] if "-o" in extra else ["-o", str(tmp_path / "s.npy")]
    done = RUNNER.invoke(app, ["score", *map(str, files), *default, *extra])
    assert done.exit_code == 2
    assert word in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_score_names_a_row_that_is_not_there(files: tuple[Path, Path], tmp_path: Path) -> None:
    candidates = np.load(files[1])
    candidates[17, 3] = 50
    np.save(files[1], candidates)
    done = RUNNER.invoke(app, ["score", *map(str, files), "-o", str(tmp_path / "s.npy"), "--chunk", "5"])
    assert done.exit_code == 2
    assert "candidates[17, 3] is 50" in done.stderr


def test_score_of_no_candidates(files: tuple[Path, Path], tmp_path: Path) -> None:
    np.save(files[1], np.zeros((0, 4), dtype=np.int64))
    done = RUNNER.invoke(app, ["score", *map(str, files), "-o", str(tmp_path / "s.npy")])
    assert done.exit_code == 0, done.output
    assert np.load(tmp_path / "s.npy").shape == (0,)


def test_doctor() -> None:
    done = RUNNER.invoke(app, ["doctor"])
    assert done.exit_code == 0, done.output
    assert "saln_kernels" in done.stdout
    assert "reference" in done.stdout
    document = json.loads(RUNNER.invoke(app, ["doctor", "--json"]).stdout)
    assert document["ok"] is True
    assert {check["name"] for check in document["checks"]} >= {"gram", "topk_eigvals", "fiedler", "score_batches"}
    assert document["build"]["torch"] == torch.__version__


def test_doctor_fails_where_answers_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    right = saln_kernels.gram

    def wrong(*arguments: object, backend: str | None = None) -> torch.Tensor:
        found = right(*arguments, backend="reference")  # type: ignore[arg-type]
        return found if backend == "reference" else found * 1.01

    monkeypatch.setattr(saln_kernels, "gram", wrong)
    done = RUNNER.invoke(app, ["doctor"])
    assert done.exit_code == 1
    assert "FAILED  gram" in done.stdout


def test_doctor_fails_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*arguments: object, backend: str | None = None) -> torch.Tensor:
        raise RuntimeError("the native library is not built: build it so")

    monkeypatch.setattr(saln_kernels, "topk_eigvals", missing)
    done = RUNNER.invoke(app, ["doctor"])
    assert done.exit_code == 1
    assert "build it so" in done.stdout


def test_methods() -> None:
    document = json.loads(RUNNER.invoke(app, ["methods", "--json"]).stdout)
    assert [each["name"] for each in document["methods"]] == list(SELECTORS)
    done = RUNNER.invoke(app, ["methods"])
    assert done.exit_code == 0
    assert "jest" in done.stdout
