"""The study: finished runs stay, the page says what was measured, claims are judged by it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from bench.study import problems, results
from bench.study.__main__ import main
from bench.study.claims import claims_table
from bench.study.page import fill
from bench.study.problems import Problem
from bench.study.results import Key
from bench.study.speed import difference, speed
from saln.pilot.training.trainer import Point, Run

ROOT = Path(__file__).parents[2]


def made_up(method: str, seed: int, final: float, step_seconds: float) -> Run:
    """Accuracy that grows evenly to `final` over ten steps."""
    curve = tuple(
        Point(step, final * step / 10, final * step / 10, step * step_seconds / 2, step * step_seconds / 2)
        for step in range(11)
    )
    nothing = torch.empty(0)
    return Run(method, seed, curve, 0.0, nothing, nothing, nothing)


def runs_of(**methods: tuple[float, float]) -> results.Runs:
    """Three seeds of each method: final accuracy and seconds of a step."""
    return {
        Key("cifar10", "clean", method, seed): made_up(method, seed, final + seed / 1000, seconds)
        for method, (final, seconds) in methods.items()
        for seed in range(3)
    }


def test_steps_that_are_saved_are_eaten_by_dear_steps() -> None:
    runs = runs_of(uniform=(0.4, 1.0), saln=(0.79, 4.0))
    problem = Problem("cifar10", "clean")
    by_steps, by_clock = (speed(runs, problem, "saln", each) for each in ("steps", "everything"))
    assert by_steps is not None
    assert by_clock is not None
    assert by_steps.mean == pytest.approx(10 / 6, rel=0.01)  # 0.4 is passed at step 6 of 0.079 each
    assert by_clock.mean == pytest.approx(10 / 24, rel=0.01)
    found = difference(runs, problem, "saln")
    assert found is not None
    assert found.mean == pytest.approx(0.39)


@pytest.mark.parametrize(
    ("saln", "words"), [((0.3, 1.0), "not reproduced"), ((0.9, 1.0), "reproduced"), ((0.4, 1.0), "not reproduced")]
)
def test_claims_are_judged_by_the_runs(saln: tuple[float, float], words: str) -> None:
    rows = claims_table(runs_of(uniform=(0.4, 1.0), saln=saln, jest=(0.5, 1.0))).splitlines()
    (points,) = [row for row in rows if "5 points more accuracy" in row]
    assert points.split("|")[3].strip() == words


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Handwritten digits in place of a set, a few steps."""
    digits = load_digits()
    np.savez(
        tmp_path / "text_trec_questions.npz",
        features=digits.data.astype(np.float16),
        labels=digits.target.astype(np.uint8),
        is_test=np.arange(len(digits.target)) >= 1400,
    )
    small = {"steps": 6, "evaluations": 3, "reference_steps": 5, "batch_size": 16, "hidden": 16, "test_rows": 200}
    monkeypatch.setattr(problems, "SETTINGS", {**problems.SETTINGS, **small})
    return tmp_path


def test_runs_are_kept_and_the_page_is_made_of_them(data: Path) -> None:
    file, page = data / "runs.jsonl", data / "page.md"
    arguments = [
        "--results",
        str(file),
        "--alone",
        str(data / "none.jsonl"),
        "--usefulness",
        str(data / "none.csv"),
        "--page",
        str(page),
    ]
    wanted = ["--data", str(data), "--methods", "uniform,rho_loss", "--seeds"]
    main([*arguments, *wanted, "1"])
    first = file.read_text(encoding="utf-8")
    lines = first.splitlines()
    assert len(lines) == 1 + 2 * len(problems.CONDITIONS)
    file.write_text(first + lines[-1][: len(lines[-1]) // 2], encoding="utf-8")  # a run that was cut off
    main([*arguments, *wanted, "2"])
    both = file.read_text(encoding="utf-8")
    assert both.startswith(first)
    assert [json.loads(each)["seed"] for each in both.splitlines()[1:]] == [0] * 8 + [1] * 8
    text = page.read_text(encoding="utf-8")
    main([*arguments, "--tables"])
    assert page.read_text(encoding="utf-8") == text
    assert "| TREC, sentence embeddings | clean, noise, duplicates, imbalance | 2 | 2 | 16 |" in text
    assert "No results of `python -m bench.usefulness` yet." in text
    assert (data / "page/speed.svg").exists()
    assert "rho_loss" in (data / "page/tables.md").read_text(encoding="utf-8")
    with (data / "page/methods.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert [(row["condition"], row["method"], row["seeds"]) for row in rows] == [
        (condition, method, "2") for condition in problems.CONDITIONS for method in ("uniform", "rho_loss")
    ]
    finals = [run.final.accuracy for key, run in results.read(file)[1].items() if key[1:3] == ("noise", "rho_loss")]
    assert float(rows[3]["final"]) == pytest.approx(sum(finals) / 2, abs=1e-4)


@pytest.mark.parametrize(
    "text", ["nothing", "<!-- a -->\n<!-- end -->\n<!-- a -->\n<!-- end -->", "<!-- b -->\n<!-- end -->"]
)
def test_every_part_has_one_place_in_the_page(text: str) -> None:
    with pytest.raises(ValueError, match="want a"):
        fill(text, {"a": "1"})


def test_runs_of_other_settings_are_not_mixed(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = data / "runs.jsonl"
    arguments = ["--data", str(data), "--results", str(file), "--page", str(data / "p.md"), "--methods", "uniform"]
    main([*arguments, "--seeds", "1"])
    monkeypatch.setattr(problems, "SETTINGS", {**problems.SETTINGS, "steps": 7})
    with pytest.raises(ValueError, match="made with other settings"):
        main([*arguments, "--seeds", "1"])


def test_the_page_in_the_repository_is_of_the_files_in_it(tmp_path: Path) -> None:
    page = tmp_path / "study.md"
    main(["--tables", "--page", str(page)])
    for name in ("study.md", "study/tables.md", "study/methods.csv", "study/usefulness.csv"):
        made, filed = (folder.joinpath(name).read_text(encoding="utf-8") for folder in (tmp_path, ROOT / "docs"))
        assert made == filed, f"{name}: python -m bench.study --tables"
