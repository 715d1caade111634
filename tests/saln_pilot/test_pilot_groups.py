"""What a pilot says of groups: counted again by hand, on the page, in the tables, and without any run repeated."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from pages import assert_page
from pilot_cases import TINY, OneClass, blobs, mislabelled
from saln.audit import Evaluation, audit_selection
from saln.catalogue import Words
from saln.cli import app
from saln.datasets import DataError, Dataset, make_groups
from saln.pages import render_report
from saln.pages.contents import pilot_figures
from saln.pilot.builtin import BuiltinConfig, BuiltinJob
from saln.pilot.builtin.task import make_task
from saln.pilot.job import offered_in
from saln.pilot.judging.by_group import ByGroup, MethodByGroup
from saln.pilot.judging.intervals import interval
from saln.pilot.output.files import write_tables
from saln.pilot.output.result import PilotResult
from saln.pilot.output.screen import group_table
from saln.pilot.output.words import extremes
from saln.pilot.runner import run_pilot
from saln.pilot.training.run import Method
from saln.pilot.training.watch import Watcher

METHODS = [Method("uniform", None), Method("sabotage", OneClass(), frozenset({"labels"}))]
CONFIG = dataclasses.replace(TINY, label_noise=0.2, duplicates=0.3)
N = 480
SITES = np.random.default_rng(5).choice(["north", "south & <b>", "rare", ""], N, p=[0.6, 0.3, 0.05, 0.05])


def data() -> Dataset:
    dataset = blobs()
    columns = [make_groups("site", SITES), make_groups("labels", dataset.labels.numpy(), dataset.class_names)]
    return dataset.with_groups(columns)


def run(dataset: Dataset, config: BuiltinConfig = CONFIG, watcher: Watcher | None = None, **more: Any) -> PilotResult:
    return run_pilot(BuiltinJob(dataset), config, METHODS, watcher, **more)


@pytest.fixture(scope="module")
def result() -> PilotResult:
    return run(data())


def shares(rows: list[list[int]], names: tuple[str, ...]) -> list[float]:
    """Share of each site among the rows of every seed, mean over the seeds, counted one by one."""
    counts = [Counter(SITES[row] or "(missing)" for row in of_seed) for of_seed in rows]
    return [float(np.mean([count[name] / count.total() for count in counts])) for name in names]


def test_shares_and_accuracies_are_those_counted_one_by_one(result: PilotResult) -> None:
    found = result.by_group[0]
    assert (found.column, found.groups) == ("site", ("(missing)", "north", "rare", "south & <b>"))
    tasks = [make_task(data(), CONFIG, seed) for seed in range(CONFIG.seeds)]
    offered = [task.pool.rows[offered_in(task.order, CONFIG.steps)].tolist() for task in tasks]
    assert found.pool_share == pytest.approx(shares(offered, found.groups))
    for method, each in zip(result.methods, found.methods, strict=True):
        runs = result.runs_of(method)
        chosen = [result.chosen_rows(one) for one in runs]  # each [steps, batch_size]
        assert each.method == method
        assert each.share == pytest.approx(shares([rows.flatten().tolist() for rows in chosen], found.groups))
        assert len(each.share_over_time) == 10
        for start, end, share in ((0, 3, each.share_over_time[0]), (22, 24, each.share_over_time[-1])):
            part = [rows[start:end].flatten().tolist() for rows in chosen]
            assert share == pytest.approx(shares(part, found.groups))
        right: list[dict[str, list[bool]]] = []
        for one in runs:
            by_site: dict[str, list[bool]] = {name: [] for name in found.groups}
            for row, predicted in zip(result.pools[one.seed].test_rows.tolist(), one.predicted.tolist(), strict=True):
                by_site[SITES[row] or "(missing)"].append(predicted == int(data().labels[row]))
            right.append(by_site)
        assert list(found.test_rows) == [len(right[0][name]) for name in found.groups]
        means = [[float(np.mean(by_site[name])) for name in found.groups] for by_site in right]
        for found_interval, values in zip(each.accuracy, zip(*means, strict=True), strict=True):
            assert found_interval == interval(values)
        assert each.gap == interval([max(of_seed) - min(of_seed) for of_seed in means])


def test_an_audit_of_a_run_says_the_same(result: PilotResult) -> None:
    alone = run(data(), dataclasses.replace(CONFIG, seeds=1))
    pool, one = alone.pools[0], alone.runs_of("sabotage")[0]
    (site, _) = data().groups
    rows = pool.test_rows.numpy()
    evaluation = Evaluation(data().labels.numpy()[rows], one.predicted.numpy(), [site.take(rows)])
    audit = audit_selection(alone.chosen_rows(one).numpy(), [site], evaluation=evaluation)
    mine = alone.by_group[0].methods[1]
    assert [each.accuracy for each in audit.gaps[0].groups] == pytest.approx(
        [each.mean for each in mine.accuracy if each]
    )
    assert mine.gap is not None
    assert (audit.gaps[0].gap, mine.gap.low) == (pytest.approx(mine.gap.mean), None)
    draws = [each.draws for each in audit.rates[0].groups]
    assert [draw / sum(draws) for draw in draws] == pytest.approx(mine.share)


def test_groups_that_are_the_classes_repeat_the_figures_of_classes() -> None:
    result = run(data(), TINY)
    classes = result.by_group[1]
    for each, selection in zip(classes.methods, result.selections, strict=True):
        assert classes.pool_share == pytest.approx(selection.pool_share)
        assert each.share == pytest.approx(selection.class_share)
        assert np.allclose(each.share_over_time, selection.class_share_over_time)
        accuracies = [one.mean for one in each.accuracy if one is not None]
        kpis = result.kpis[result.methods.index(each.method)]
        assert min(accuracies) >= kpis.known("worst_class") - 1e-6
    drawn = {each.name: each for each in pilot_figures(result, Words())}
    for name in ("coverage", "coverage-time"):
        of_classes, of_groups = (
            {(each.series, each.x): each.y for each in drawn[f"{name}{end}"].data} for end in ("", "-group-1")
        )
        assert of_groups == pytest.approx(of_classes, rel=1e-5)


def test_groups_come_afterwards_without_a_step(tmp_path: Path) -> None:
    """No run depends on them: a finished pilot is reported by groups that it did not know."""

    class Steps(Watcher):
        made = 0

        def step(self, method: str, seed: int) -> None:
            self.made += 1

    before = run(blobs(), work=tmp_path)
    assert before.by_group == ()
    (path,) = tmp_path.glob("runs-*.sqlite")
    journal = path.read_bytes()
    steps = Steps()
    after = run(data(), watcher=steps, work=tmp_path)
    assert steps.made == 0
    assert path.read_bytes() == journal
    assert list(tmp_path.glob("runs-*.sqlite")) == [path]
    assert after.by_group == run(data()).by_group
    assert after.kpis == before.kpis


def test_groups_not_offered_and_groups_not_tested(tmp_path: Path) -> None:
    """Of the first there is no share to compare with, of the second no accuracy."""
    dataset = mislabelled()
    assert dataset.is_test is not None
    site = np.where(dataset.is_test.numpy(), "hospital", np.where(np.arange(1200) % 3 == 0, "lab", "field"))
    result = run(dataset.with_groups([make_groups("site", site)]), TINY)
    (found,) = result.by_group
    assert found.groups == ("field", "hospital", "lab")
    assert found.offered == (0, 2)
    assert found.test_rows == (0, 400, 0)
    for each in found.methods:
        assert [one is None for one in each.accuracy] == [True, False, True]
        assert each.gap is None
    drawn = {each.name: each for each in pilot_figures(result, Words())}
    assert {each.x for each in drawn["coverage-group-0"].data} == {"field", "lab"}
    assert {each.x for each in drawn["accuracy-group-0"].data} == {"hospital"}
    assert "Highest less lowest" not in drawn["accuracy-group-0"].caption
    page = render_report(result, tmp_path / "r.html").read_text("utf-8")
    assert "one group" in page
    write_tables(result, tmp_path)
    with open(tmp_path / "group_accuracy.csv", encoding="utf-8", newline="") as file:
        rows = {(row["method"], row["group"]): row for row in csv.DictReader(file)}
    assert rows["uniform", "field"]["mean"] == rows["uniform", ""]["mean"] == ""
    assert float(rows["uniform", "hospital"]["mean"]) == pytest.approx(result.kpis[0].known("final_accuracy"))


def test_the_page_has_every_column(result: PilotResult, tmp_path: Path) -> None:
    page = render_report(result, tmp_path / "r.html").read_text("utf-8")
    assert_page(page)
    for column in ("site", "labels"):
        for title in (
            "Which groups were chosen: {}",
            "Which groups were chosen: {}, over time",
            "Accuracy by group: {}",
        ):
            assert title.format(column) in page
        assert f"{column}, accuracy gap, points" in page
    assert "<b>" not in page.replace("<b>Highest", "").replace("<b>Lowest", "").replace("<b>Chosen", "")
    drawn = {each.name: each for each in pilot_figures(result, Words())}
    for each in result.by_group[0].methods:
        by_name = {datum.x: datum for datum in drawn["accuracy-group-0"].data if datum.series == each.method}
        assert list(by_name) == list(result.by_group[0].groups)
        assert [datum.y for datum in by_name.values()] == [one.mean for one in each.accuracy if one]
        ratios = [datum.y for datum in drawn["coverage-group-0"].data if datum.series == each.method]
        assert ratios == pytest.approx(result.by_group[0].relative(each.share))


def test_many_groups_are_cut_and_said() -> None:
    site = make_groups("ward", [f"ward {i % 30}" for i in range(N)])
    result = run(blobs().with_groups([site]), dataclasses.replace(TINY, seeds=1, steps=3, evaluations=1))
    drawn = {each.name: each for each in pilot_figures(result, Words())}
    for name in ("coverage-group-0", "coverage-time-group-0", "accuracy-group-0"):
        assert "The 20 that depart most; 10 others are not shown." in drawn[name].caption


def test_extremes_in_words() -> None:
    method = MethodByGroup("jest", (0.1, 0.0, 0.9), (), (None, None, None), None)
    found = ByGroup("site", ("north and beyond", "gone", "south"), (0.2, 0.0, 0.8), (0, 0, 0), (method,))
    assert extremes(found, method) == ("north and beyond: 0.50", "south: 1.12")
    assert extremes(found, method, length=6)[0] == "north…: 0.50"
    assert group_table(found).row_count == 1


def test_columns_that_do_not_fit_are_refused() -> None:
    dataset = blobs()
    with pytest.raises(DataError, match=r"groups 'site': 3 values; wanted one for each of the 480 rows of blobs"):
        dataset.with_groups([make_groups("site", ["a", "b", "a"])])
    site = make_groups("site", SITES)
    with pytest.raises(DataError, match="groups 'site': two columns of this name"):
        dataset.with_groups([site, site])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    dataset = blobs()
    np.savez(tmp_path / "data.npz", features=dataset.x.numpy(), labels=dataset.labels.numpy(), site=SITES)
    people = [f"{site},{20 + i % 60},person {i}" for i, site in enumerate(SITES)]
    (tmp_path / "people.csv").write_text("\n".join(["place,age,name", *people]) + "\n")
    np.save(tmp_path / "short.npy", SITES[:100])
    return tmp_path


QUICK = ["--steps", "4", "--seeds", "2", "--batch-size", "16", "--evaluations", "2", "--reference-steps", "4"]


def call(folder: Path, *groups: str) -> Any:
    named = [word for each in groups for word in ("--groups", str(folder / each))]
    arguments = ["pilot", str(folder / "data.npz"), *QUICK, "--methods", "jest", "-o", str(folder / "r.html")]
    return CliRunner().invoke(app, [*arguments, *named, "--json"])


def test_the_command_reads_groups_as_an_audit_does(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saln.pages.render_report", lambda result, path, *rest, **more: path)
    first = call(folder)
    assert first.exit_code == 0, first.output
    assert json.loads(first.stdout)["by_group"] == []
    done = call(folder, "data.npz:site", "people.csv")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert any("4 runs were found finished" in note for note in document["notes"])
    assert [each["column"] for each in document["by_group"]] == ["site", "place", "age"]
    assert any("name of people.csv was left out" in note for note in document["notes"])
    assert any("age has more than 50 values" in note for note in document["notes"])
    assert document["command"].count("--groups") == 2
    site, place, age = document["by_group"]
    assert {**site, "column": "place"} == place
    assert len(age["groups"]) == 4
    work = folder / "r.pilot"
    assert json.loads((work / "result.json").read_text())["by_group"] == document["by_group"]
    with open(work / "groups.csv", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["column"] == "site" and row["method"] == "jest"]
    assert [float(row["chosen_share"]) for row in rows] == [
        share for tenth in site["methods"][1]["share_over_time"] for share in tenth
    ]
    assert {row["group"] for row in rows} == {"(missing)", "north", "rare", "south & <b>"}
    figures = json.loads((work / "drawn.json").read_text())["figures"]
    assert "accuracy-group-2" in {each["name"] for each in figures}


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        (["absent.csv"], ["absent.csv", "no such file"]),
        (["people.csv:colour"], ["colour", "place"]),
        (["short.npy"], ["groups 'short'", "100 values", "480 rows"]),
        (["data.npz:site", "data.npz:site"], ["more than one column is called site"]),
        (["data.npz:features"], ["groups 'features'", "[480, 8]", "one text or number a row"]),
    ],
)
def test_errors_are_one_line_and_come_before_any_run(folder: Path, groups: list[str], words: list[str]) -> None:
    done = call(folder, *groups)
    assert done.exit_code == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert all(word in done.stderr for word in words), done.stderr
    assert not (folder / "r.pilot").exists()
