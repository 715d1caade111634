"""The commands as a user types them."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import saln
import saln_kernels
from saln.cli import app
from saln.pilot.config import DEFAULT_METHODS
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


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than these pilots, and has tests of its own."""
    monkeypatch.setattr("saln.pages.render_report", lambda result, path, *rest, **more: path)


def test_pilot_prints_verdicts_and_leaves_a_report(data: Path, tmp_path: Path) -> None:
    report = tmp_path / "out.html"
    done = RUNNER.invoke(app, ["pilot", str(data), *QUICK, "-o", str(report)])
    assert done.exit_code == 0, done.output
    assert report.exists()
    for name in (*DEFAULT_METHODS, "Accuracy", "Only 2 seeds"):
        assert name in done.stdout
    assert str(report.name) in done.stdout
    assert {each.name for each in (tmp_path / "out.pilot").iterdir()} >= {"result.json", "figures.csv", "chosen"}
    assert "uniform, seed 1: 4 steps are over" in done.stderr  # as it goes, where no bar can be drawn
    with np.load(next((tmp_path / "out.pilot" / "chosen").glob("uniform-*.npz"))) as chosen:
        assert (
            chosen["class_names"].tolist()
            == json.loads((tmp_path / "out.pilot" / "result.json").read_text())["data"]["class_names"]
        )


@pytest.mark.usefixtures("no_report")
def test_features_are_compared_with_the_texts_they_were_extracted_from(data: Path, tmp_path: Path) -> None:
    """Only their number was; and what they took to extract was said to be unknown."""
    arrays = np.load(data)
    x, names = torch.from_numpy(arrays["features"]), np.array(["ham", "spam", "eggs"])[arrays["labels"]]
    texts = [f"this is the text of row {row}" for row in range(len(x))]
    at = {text: row for row, text in enumerate(texts)}
    tables = {"texts.csv": texts, "others.csv": texts[::-1]}
    for name, column in tables.items():
        lines = [f"{text},{label}" for text, label in zip(column, names, strict=True)]
        (tmp_path / name).write_text("\n".join(["text,label", *lines]))
    features = tmp_path / "features.npy"
    saln.extract(lambda batch: x[[at[each] for each in batch]], tmp_path / "texts.csv", features, progress=False)
    more = [*QUICK, "--methods", "jest", "-o", str(tmp_path / "r.html"), "--features", str(features), "--json"]
    done = RUNNER.invoke(app, ["pilot", str(tmp_path / "texts.csv"), *more])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["config"]["feature_ms"] > 0
    assert not [note for note in found["notes"] if "feature_ms" in note]
    done = RUNNER.invoke(app, ["pilot", str(tmp_path / "others.csv"), *more])
    assert done.exit_code == 2
    assert "is not the row 0 that the features were extracted from" in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("gate", "status"),
    [("final_accuracy >= -100", 0), ("final_accuracy >= 100", 1), ("final_accuracy >= uniform + 0", 3)],
)
@pytest.mark.usefixtures("no_report")
def test_pilot_ends_with_the_status_of_its_gates(data: Path, tmp_path: Path, gate: str, status: int) -> None:
    """The last is undecided: with two seeds, an interval holds nearly everything."""
    command = ["pilot", str(data), *QUICK, "--methods", "jest", "-o", str(tmp_path / "r.html"), "--gate", gate]
    done = RUNNER.invoke(app, command)
    assert done.exit_code == status, done.output
    word = {0: "passed", 1: "failed", 3: "undecided"}[status]
    assert f"jest: {gate}: {word}" in " ".join(done.stdout.split())


@pytest.mark.usefixtures("no_report")
def test_pilot_with_everything(data: Path, tmp_path: Path) -> None:
    """Stages, gates of a file and of the command line, prices, spoiled data, folders of their own."""
    (tmp_path / "gates.txt").write_text("final_accuracy >= -100  # anything\n")
    arguments = [
        "pilot", str(data), *QUICK, "--methods", "jest,saln:keep=positive", "--stages", "0.6,1", "--gate",
        "jest: overhead <= 100", "--gates", str(tmp_path / "gates.txt"), "--price-per-hour", "2.5", "--currency", "USD",
        "--full-training-hours", "100", "--trainings-per-year", "4", "--label-noise", "0.2", "--duplicates", "0.3",
        "--imbalance", "0.5", "--feature-noise", "0.1", "--csv",
        str(tmp_path / "tables"), "--work", str(tmp_path / "work"), "-o", str(tmp_path / "r.html"), "--json",
    ]  # fmt: skip
    done = RUNNER.invoke(app, arguments)
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert [stage["ran"] for stage in document["stages"]] == [True, True]
    assert document["gate_outcome"] == "passed"
    assert len(document["gates"]) == 3
    assert document["costs"]["currency"] == "USD"
    assert document["costs"]["trainings_per_year"] == 4
    assert document["costs"]["carried_over"] is False
    assert document["decision"]["outcome"] == "extend"
    assert document["config"]["label_noise"] == 0.2
    assert document["data"]["wrong_labels"] > 0
    assert json.loads((tmp_path / "work" / "result.json").read_text())["kpis"] == document["kpis"]
    assert len(list((tmp_path / "work").glob("runs-*.sqlite"))) == 2
    assert "USD" in RUNNER.invoke(app, arguments[:-1]).stdout
    _check_tables(tmp_path / "tables", document)
    _check_chosen(tmp_path / "work" / "chosen" / "saln-keep=positive-seed1.npz", data, document)


@pytest.mark.usefixtures("no_report")
def test_learning_curves_are_in_tensorboard(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    arguments = ["pilot", str(data), *QUICK, "--methods", "guard:jest", "-o", str(tmp_path / "r.html"), "--json"]
    done = RUNNER.invoke(app, [*arguments, "--tensorboard", str(tmp_path / "tb")])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    folders = {path.parent.relative_to(tmp_path / "tb").as_posix() for path in (tmp_path / "tb").rglob("events.*")}
    assert folders == {f"{method}/seed-{seed}" for method in ("uniform", "guard-jest") for seed in (0, 1)} | {"summary"}
    events = EventAccumulator(str(tmp_path / "tb" / "guard-jest" / "seed-1"))
    events.Reload()
    run = next(run for run in document["runs"] if run["method"] == "guard:jest" and run["seed"] == 1)
    assert [each.step for each in events.Scalars("accuracy")] == [point["step"] for point in run["curve"]]
    assert [each.value for each in events.Scalars("accuracy")] == pytest.approx(
        [point["score"] for point in run["curve"]]
    )


def test_without_tensorboard_it_is_said(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    done = RUNNER.invoke(app, ["pilot", str(data), *QUICK, "--tensorboard", str(tmp_path / "tb")])
    assert done.exit_code == 2
    assert "pip install tensorboard" in done.stderr


def _check_tables(folder: Path, document: dict[str, Any]) -> None:
    tables = {path.stem: list(csv.DictReader(path.open(encoding="utf-8"))) for path in folder.glob("*.csv")}
    assert set(tables) == {"curves", "figures_by_seed", "figures", "gates", "classes", "groups", "group_accuracy"}
    by_seed = {(row["method"], row["figure"], int(row["seed"])): row for row in tables["figures_by_seed"]}
    for kpis in document["kpis"]:
        for figure, values in kpis["values"].items():
            for seed, value in enumerate(values):
                written = by_seed[kpis["method"], figure, seed]["value"]
                assert (float(written) if written else None) == value
    assert by_seed["jest", "cost", 0]["unit"] == "USD"
    first = document["runs"][0]["curve"]
    assert [float(row["value"]) for row in tables["curves"][: len(first)]] == [each["score"] for each in first]
    assert {row["stage"] for row in tables["gates"]} == {"0.6", "1.0"}
    shares = [
        float(row["chosen_share"]) for row in tables["classes"] if row["method"] == "jest" and row["tenth"] == "0"
    ]
    assert sum(shares) == pytest.approx(1.0)


def _check_chosen(path: Path, data: Path, document: dict[str, Any]) -> None:
    with np.load(path) as chosen, np.load(data) as original:
        assert chosen["chosen"].shape == (4, 16)
        assert bool(chosen["pool"][chosen["chosen"]].all())
        assert not bool((chosen["pool"] & chosen["is_test"]).any())
        assert np.array_equal(chosen["labels"], original["labels"])
        assert set(np.unique(chosen["told"][~chosen["pool"]])) == {-1}
        right = (chosen["predictions"] == chosen["labels"])[chosen["is_test"]].mean()
    run = next(run for run in document["runs"] if run["method"] == "saln:keep=positive" and run["seed"] == 1)
    assert right == pytest.approx(run["curve"][-1]["score"])


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
    assert [run["curve"][-1]["score"] for run in again["runs"]] == [
        run["curve"][-1]["score"] for run in document["runs"]
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["absent.npz"], ["absent.npz", "no such file"]),
        (["notaset"], ["notaset"]),
        (["digits", "--methods", "uniform,guess"], ["guess", "spectral_candidates"]),
        (["digits", "--filter-ratio", "1.5"], ["filter_ratio", "1.5"]),
        (["digits", "--model", "forest"], ["model", "forest"]),
        (["digits", "--device", "foo"], ["device must be one that there is here (cpu", "not foo"]),
        (["digits", "--device", "cuda:99"], ["device must be one that there is here (cpu", "not cuda:99"]),
        (["digits", "--batch-size", "100000"], ["batch_size"]),
        (["digits", "--output", "no/such/folder/r.html"], ["no/such/folder"]),
        (["digits", "--steps", "many"], ["--steps"]),
        (["digits", "--label-noise", "1.5"], ["label_noise", "1.5"]),
        (["digits", "--gate", "beauty >= 1"], ["beauty", "final_accuracy"]),
        (["digits", "--gates", "absent.toml"], ["absent.toml"]),
        (["digits", "--stages", "0.1,1"], ["stages need gates"]),
        (["digits", "--stages", "1,0.1", "--gate", "overhead < 1"], ["stages", "ascending"]),
        (["digits", "--stages", "a"], ["stages", "'a'"]),
        (["digits", "--methods", "saln:keep=most"], ["saln:keep=most"]),
        (["wine", "--model", "resnet"], ["resnet needs images"]),
        (["digits", "--price-per-hour", "-1"], ["price_per_hour", "-1"]),
        (["digits", "--full-training-hours", "0"], ["full_training_hours must be positive, not 0"]),
        (["digits", "--share-concerned", "2"], ["share_concerned must be in (0, 1], not 2"]),
        (["digits", "--people-hours", "-1"], ["people_hours must be 0 or more, not -1"]),
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


def test_methods() -> None:
    document = json.loads(RUNNER.invoke(app, ["methods", "--json"]).stdout)
    assert [each["name"] for each in document["methods"]] == list(SELECTORS)
    assert document["default"] == "auto"
    done = RUNNER.invoke(app, ["methods"])
    assert done.exit_code == 0
    assert "jest" in done.stdout
    assert "Where no method is named it is auto" in done.stdout


def test_pilot_writes_its_report_in_japanese(data: Path, tmp_path: Path) -> None:
    report = tmp_path / "r.html"
    done = RUNNER.invoke(app, ["pilot", str(data), *QUICK, "--methods", "jest", "--lang", "ja", "-o", str(report)])
    assert done.exit_code == 0, done.output
    assert "パイロット継続" in report.read_text("utf-8")
    assert "Extend the pilot." in done.stdout
    assert "saln pilot my_job.py:train" in done.stdout
    refused = RUNNER.invoke(app, ["pilot", str(data), "--lang", "fr", "-o", str(report)])
    assert refused.exit_code == 2
    assert "lang is 'fr'; wanted one of en, ja" in refused.stderr
