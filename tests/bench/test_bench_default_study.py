"""The study of a default: conditions are what they are called, finished runs stay, tables say what was measured."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from bench import default_study, study_tasks
from bench.default_study import Key, page, read, wanted
from bench.study_methods import KEPT, METHODS
from bench.study_picture import SHOWN, draw
from bench.study_runs import CHECKED, Run
from bench.study_tables import compared, costs, tables, verdict
from bench.study_tasks import CONDITIONS, make_task

ROOT = Path(__file__).parents[2]


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Handwritten digits in place of the study's sets."""
    digits = load_digits()
    features, labels = digits.data.astype(np.float16), digits.target.astype(np.uint8)
    is_test = np.arange(len(labels)) >= 1400
    np.savez(tmp_path / "digits.npz", features=features, labels=labels, is_test=is_test)
    monkeypatch.setitem(study_tasks.FILES, "trec", "digits.npz")
    return tmp_path


def test_conditions_change_what_they_say_and_nothing_else(data):
    tasks = {each: make_task(data, "trec", each, seed=3) for each in ("clean", "noise", "duplicates", "imbalance")}
    clean, n = tasks["clean"], len(tasks["clean"].x)
    assert len(clean.x.unique(dim=0)) > 0.98 * n
    for task in tasks.values():
        assert torch.equal(task.labels_test, clean.labels_test)
        assert (task.stream.sort(dim=1).values.diff(dim=1) > 0).all()
        assert task.stream.max() < len(task.x)
        assert task.reference_losses.isfinite().all()
    assert torch.equal(tasks["noise"].x, clean.x)  # the same order of the same rows
    assert int((tasks["noise"].labels != clean.labels).sum()) == round(0.3 * n)
    assert len(tasks["duplicates"].x) == n
    assert 0.17 * n < len(tasks["duplicates"].x.unique(dim=0)) <= 0.2 * n + 1
    before, after = clean.labels.bincount(), tasks["imbalance"].labels.bincount()
    assert int((after < 0.3 * before).sum()) == int((after == before).sum()) == 5
    with pytest.raises(ValueError, match="condition is 'dirty', want clean, noise, duplicates or imbalance"):
        make_task(data, "trec", "dirty", seed=0)


def test_a_seed_is_the_same_problem_again_and_another_is_another(data):
    one, again, other = (make_task(data, "trec", "noise", seed) for seed in (0, 0, 1))
    assert torch.equal(one.stream, again.stream)
    assert torch.equal(one.reference_losses, again.reference_losses)
    assert not torch.equal(one.stream, other.stream)


def test_finished_runs_are_kept_and_not_repeated(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(default_study, "CONDITIONS", [("trec", "clean")])
    options = ["--data", str(data), "--results", str(tmp_path / "runs.csv"), "--seeds", "0"]
    default_study.main([*options, "--methods", "uniform"])
    first = (tmp_path / "runs.csv").read_text()
    default_study.main([*options, "--methods", "uniform,bandit_probe,half_agreement_inputs_t1", "--json"])
    assert (tmp_path / "runs.csv").read_text().startswith(first)
    runs = read(tmp_path / "runs.csv")
    assert [key.method for key in runs] == ["uniform", "bandit_probe", "half_agreement_inputs_t1"]
    assert all(run.accuracy[-1] > 0.85 for run in runs.values())
    assert runs[Key("trec", "clean", "uniform", 0)].reference_ms == 0 < next(iter(runs.values())).train_ms
    assert runs[Key("trec", "clean", "bandit_probe", 0)].reference_ms > 0
    printed = capsys.readouterr().out
    assert set(json.loads(printed[printed.index("{") :])) == {key.method for key in runs}


def test_seeds_come_one_after_the_other_and_expensive_methods_last():
    keys = list(wanted([0, 7], list(METHODS)))
    assert len(keys) == len(set(keys)) == (len(METHODS) + len(KEPT)) * len(CONDITIONS)
    cheap = [key.seed for key in keys if not METHODS[key.method].late]
    assert cheap == sorted(cheap)
    assert all(METHODS[key.method].late for key in keys[len(cheap) :])
    assert {key.method for key in keys if key.seed == 7} == set(KEPT)


def run_with(accuracy: float) -> Run:
    return Run((accuracy,) * len(CHECKED), 0.5, 1.0, 2.0, 3.0, 400.0)


def test_differences_are_paired_by_seed_and_marked_where_the_interval_is_clear_of_zero():
    level = {2: 0.5, 3: 0.7, 4: 0.9}  # far apart: only paired differences are clear
    runs = {Key("trec", "clean", "uniform", seed): run_with(value) for seed, value in level.items()}
    runs |= {Key("trec", "clean", "jest", seed): run_with(value - 0.02) for seed, value in level.items()}
    runs |= {
        Key("trec", "clean", "mixture", seed): run_with(value + 0.01 * (seed - 3)) for seed, value in level.items()
    }
    runs[Key("trec", "clean", "mixture", 9)] = run_with(0.1)  # no uniform of that seed
    assert compared(runs, "jest", 100)["trec", "clean"].mean == pytest.approx(-0.02)
    found = verdict(runs, "jest", 300)
    assert (found.worse, found.better, found.positive, found.conditions) == (1, 0, 0, 1)
    found = verdict(runs, "mixture", 300)
    assert (found.worse, found.better, found.lowest) == (0, 0, pytest.approx(0))
    assert verdict(runs, "divbs", 300) is None
    assert costs(runs, "jest", "trec") == {"score_ms": 1, "select_ms": 2, "train_ms": 3, "reference_ms": 400}
    runs[Key("trec", "clean", "uniform", 0)] = run_with(0.1)  # by which something was chosen
    runs[Key("trec", "clean", "divbs", 0)] = run_with(0.3)
    found = tables(runs)
    assert "| jest | -2.0 ± 0.0 **-** | - | - | - |" in found
    assert "| uniform | 70.0 (n = 3) | - | - | - |" in found
    assert "| jest | 1.00 | 2.00 | 3.00 | 6.00 | 400 |" in found
    told, tried = found.split("## All that was tried")
    assert "divbs" not in told
    assert "| divbs | - | - | - | - | +20.0 |" in tried
    assert "jest" not in tried


def test_the_page_holds_the_tables_of_the_results():
    text = (ROOT / "docs" / "default.md").read_text(encoding="utf-8")
    assert text == page(text, read(ROOT / "bench" / "results" / "default-2026-11-24.csv"))
    with pytest.raises(ValueError, match="the page has no <!-- python -m"):
        page("nothing", {})


def test_the_picture_shows_the_fresh_seeds_of_the_contenders(tmp_path):
    runs = {
        Key("trec", "clean", method, seed): run_with(0.8 + 0.01 * seed + shift)
        for seed in range(5)
        for method, shift in [("uniform", 0.0), *((method, 0.02) for method in SHOWN)]
    }
    draw(runs, tmp_path / "picture.svg")
    drawn = (tmp_path / "picture.svg").read_text(encoding="utf-8")
    assert all(label in drawn for label, *_ in SHOWN.values())
    assert "trec, clean" in drawn


def test_wrong_options_are_named(tmp_path, capsys):
    for options, message in (
        (["--methods", "uniform,best"], "methods has best, want some of uniform,"),
        (["--data", str(tmp_path / "none")], "want the folder of the sets"),
    ):
        with pytest.raises(SystemExit):
            default_study.main(["--results", str(tmp_path / "runs.csv"), *options])
        assert message in capsys.readouterr().err
