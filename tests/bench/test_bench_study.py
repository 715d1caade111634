"""The study: what conditions do to data, runs that are not repeated, tables of known numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from bench.study.__main__ import BASE, cells, main
from bench.study.conditions import CONDITIONS, Clean
from bench.study.runs import Cell, Runs, spoil
from bench.study.tables import TABLES
from bench.study.task import Task
from bench.study.tasks import TASKS

N, CLASSES = 600, 4


def task() -> Task:
    source = torch.Generator().manual_seed(0)
    labels = torch.arange(N) % CLASSES
    x = torch.randn(N, 8, generator=source) + 3 * nn.functional.one_hot(labels, 8)
    return Task(
        "small", x[:500], labels[:500], labels[500:], make=lambda: nn.Linear(8, CLASSES),
        logits=lambda network, rows: network(x[rows]), predict=lambda network: network(x[500:]),
        steps=30, batch_size=16, rate=0.05,
    )  # fmt: skip


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_says_what_it_did(name: str) -> None:
    small = task()
    found, again, other = (spoil(small, name, seed) for seed in (1, 1, 2))
    assert torch.equal(found.rows, again.rows)
    assert torch.equal(found.labels, again.labels)
    if name != "clean":
        assert not (torch.equal(found.rows, other.rows) and torch.equal(found.labels, other.labels))
    assert torch.equal(found.wrong, found.labels != small.labels[found.rows])
    assert not found.worth[found.wrong].any()
    assert bool((found.worth[~found.wrong] > 0).all())
    assert found.labels.unique().numel() == CLASSES


def test_conditions_spoil_as_much_as_they_say() -> None:
    small = task()
    share = {name: float(spoil(small, name, 0).wrong.float().mean()) for name in CONDITIONS}
    assert [share[f"{each} % wrong"] for each in (2, 10, 20, 40)] == pytest.approx([0.02, 0.1, 0.2, 0.4], abs=1e-6)
    assert share["hard"] == pytest.approx(0.2)
    assert share["everything"] == pytest.approx(0.2, abs=0.01)
    assert 0.1 < share["one way"] < 0.3
    one_way = spoil(small, "one way", 0)
    moves = {(int(small.labels[row]), int(one_way.labels[row])) for row in one_way.wrong.nonzero()[:, 0]}
    assert len(moves) == CLASSES // 2  # of half the classes, each one way
    copies = spoil(small, "copies", 0)
    assert 120 <= copies.rows.unique().numel() <= 140  # a quarter is left, and 13 of them come again
    rare = spoil(small, "rare, balanced", 0).labels.bincount().sort().values
    assert rare.tolist() == pytest.approx([12, 12, 125, 125], abs=1)


def test_hard_labels_are_wrong_rather_than_easy_ones() -> None:
    labels = torch.arange(1000) % 2
    sure = torch.where(torch.arange(1000) < 500, 0.99, 0.5)
    guesses = torch.where(torch.nn.functional.one_hot(labels) == 1, sure[:, None], 1 - sure[:, None])
    wrong = CONDITIONS["hard"](Clean(labels, guesses), torch.Generator().manual_seed(0)).wrong
    assert int(wrong.sum()) == 200
    assert int(wrong[500:].sum()) > 150


def test_runs_are_made_once_and_judged_by_what_the_condition_says(tmp_path: Path) -> None:
    small, file = task(), tmp_path / "runs.jsonl"
    runs = Runs(file, "abc")
    first = runs.add(Cell("small", "40 % wrong", "oracle", 0), small)
    assert (first["wrong_chosen"], first["judged_by"], first["commit"]) == (0.0, "accuracy", "abc")
    uniform = runs.add(Cell("small", "rare, balanced", "uniform", 0), small)
    assert uniform["judged_by"] == "balanced_accuracy"
    short = runs.add(Cell("small", "clean", "auto:repeats=no", 0, 0.5), small)
    assert [each[0] for each in short["curve"]][-1] == 15
    weighted = runs.add(Cell("small", "clean", "infobatch", 0), small)
    assert weighted["final"]["accuracy"] > 0.5
    again = Runs(file)
    assert set(again.found) == set(runs.found)
    assert again.missing(iter([Cell("small", "clean", "auto", 0), *runs.found])) == [Cell("small", "clean", "auto", 0)]
    assert again.found[Cell("small", "clean", "infobatch", 0)] == weighted


def test_what_is_most_telling_is_first() -> None:
    planned = list(cells(["steel"], list(CONDITIONS), [*BASE, "jest"], 2))
    assert len(planned) == len(set(planned)) == 2 * (3 * len(CONDITIONS) - 1 + 3 + 4 + 2 + 4)
    assert planned[0] == Cell("steel", "clean", "uniform", 10)
    assert {each.method for each in planned[-8:]} == {"jest"}


def test_it_stops_when_its_time_is_over_and_goes_on_with_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(TASKS, "secom", lambda data, model: task())
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)  # of this process
    given = ["study", "--data", "d", "--model", "m", "--tasks", "secom", "--conditions", "clean", "--seeds", "1"]
    given += ["--methods", "uniform", "auto", "--output", str(tmp_path / "runs.jsonl")]

    def said(*more: str) -> list[str]:
        monkeypatch.setattr("sys.argv", [*given, *more])
        main()
        return capsys.readouterr().out.splitlines()

    assert len(said("--list")) == 7
    assert said("--minutes", "-1") == ["time is over; 7 of 7 runs are left"]
    assert [line.partition(":")[0] for line in said()] == [f"{number} of 7" for number in range(1, 8)]
    assert said() == said("--list") == []


def test_tables_hold_the_differences_within_seeds(tmp_path: Path) -> None:
    file = tmp_path / "runs.jsonl"
    values: dict[tuple[str, str, float], list[float]] = {
        ("clean", "uniform", 1.0): [0.5, 0.6],
        ("clean", "auto", 1.0): [0.52, 0.64],
        ("clean", "auto", 0.8): [0.51, 0.61],
        ("clean", "uniform", 1.25): [0.51, 0.62],
        ("clean", "uniform", 3.0): [0.7, 0.8],
        ("clean", "auto", 3.0): [0.71, 0.82],
        ("40 % wrong", "uniform", 3.0): [0.4, 0.4],
        ("clean", "jest", 1.0): [0.6, 0.7],
        ("clean", "gstds", 1.0): [0.4, 0.5],
        ("40 % wrong", "uniform", 1.0): [0.3, 0.3],
        ("40 % wrong", "auto", 1.0): [0.5, 0.5],
        ("40 % wrong", "oracle", 1.0): [0.6, 0.5],
        ("40 % wrong", "auto:spectrum=no", 1.0): [0.4, 0.5],
        ("hard", "uniform", 1.0): [0.3, 0.3],
        ("hard", "auto", 1.0): [0.4, 0.4],
        ("hard", "oracle", 1.0): [0.5],
    }
    lines: list[dict[str, Any]] = []
    for (condition, method, length), finals in values.items():
        for seed, final in enumerate(finals):
            seconds = 12.0 if method == "auto" else 10.0  # two of them before the first step
            cell = {"task": "steel", "condition": condition, "method": method, "seed": seed, "length": length}
            curve = [[5, seconds / 2 - 2, final - 0.1], [round(10 * length), seconds - 2, final]]
            made = {"final": {"accuracy": final}, "judged_by": "accuracy", "curve": curve, "seconds": seconds}
            lines.append({**cell, **made, "selecting": 3.0, "wrong_chosen": 0.1})
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = Runs(file).found
    first, second, third = TABLES["default"](found).splitlines()[2:]
    assert first.startswith("| steel | clean | 2 | 0.550 | 0.580 |  | +3.0 [-9.7, +15.7] |  | 0.83 [0.83, 0.83] | 10 %")
    assert second.startswith("| steel | 40 % wrong | 2 | 0.300 | 0.500 | 0.550 | **+20.0 [+20.0, +20.0]** | -5.0 [")
    assert "| 1.67 [1.67, 1.67] | 10 % | 25 % |" in second
    assert third.startswith(
        "| steel | hard | 2 | 0.300 | 0.400 |  | **+10.0 [+10.0, +10.0]** |  |"
    )  # of one seed: none
    assert "| steel | 30 | 2 | 0.750 | 0.765 | +1.5 [-4.9, +7.9] | 0.83 [" in TABLES["long"](found)
    of_eight, of_ten, of_thirty = TABLES["schedules"](found).splitlines()[2:]
    assert of_eight == "| steel | clean | 10 | 8 | 2 | **+1.0 [+1.0, +1.0]** |  |  |"
    assert of_ten.startswith("| steel | clean | 12 | 10 | 2 | +1.5 [-4.9, +7.9] | -1.5 [")
    assert of_thirty.startswith("| steel | 40 % wrong | 30 | 10 | 2 | **+10.0 [+10.0, +10.0]** | **-10.0 [")
    assert "| `auto:spectrum=no` |  | +15.0 [-48.5, +78.5] |" in TABLES["parts"](found)
    assert "at best **-10.0 [-10.0, -10.0]** (`gstds` on steel, clean)" in TABLES["claims"](found)
    assert "better in 0, worse in 1 of 1" in TABLES["claims"](found)
