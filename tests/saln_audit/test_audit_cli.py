"""`saln audit` on files."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from typer.testing import CliRunner

from pages import assert_page, assert_picture, english_in
from saln.audit.inputs import find_run, read_pool
from saln.cli import app
from saln.datasets import DataError, read_groups
from saln.datasets.named import split_name

RUNNER = CliRunner()
N = 240
SITES = np.repeat(["north", "south & <b>", "east"], [120, 80, 40])


def steps(starved: bool, seed: int = 0) -> np.ndarray[Any, Any]:
    source = np.random.default_rng(seed)
    weights = np.where(SITES == "north", 0.3 if starved else 1.0, 1.0)
    return np.stack([source.choice(N, 12, replace=False, p=weights / weights.sum()) for _ in range(50)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = np.random.default_rng(1)
    sex, age = source.choice(["f", "m"], N), source.normal(40, 9, N)
    labels = source.integers(0, 3, N)
    np.save(tmp_path / "biased.npy", steps(True))
    np.savez(tmp_path / "fair.npz", chosen=steps(False), other=np.zeros(3))
    lists = pyarrow.array(steps(True).tolist(), type=pyarrow.list_(pyarrow.int64()))
    pyarrow.parquet.write_table(pyarrow.table({"batches": lists}), tmp_path / "biased.parquet")
    np.savez(tmp_path / "groups.npz", site=SITES, labels=labels, class_names=np.array(["x", "y", "z"]))
    rows = [f"{a},{b:.3f},person {i}" for i, (a, b) in enumerate(zip(sex, age, strict=True))]
    (tmp_path / "people.csv").write_text("\n".join(["sex,age,name", *rows]) + "\n")
    pyarrow.parquet.write_table(pyarrow.table({"site": SITES, "sex": sex}), tmp_path / "groups.parquet")
    np.save(tmp_path / "site.npy", SITES)
    np.savez(tmp_path / "predicted.npz", predictions=labels, labels=labels, site=SITES)
    np.save(tmp_path / "features.npy", source.normal(size=(N, 5)).astype(np.float32))
    return tmp_path


def call(*arguments: object) -> Any:
    return RUNNER.invoke(app, ["audit", *map(str, arguments)])


@pytest.mark.parametrize("selection", ["biased.npy", "biased.parquet"])
@pytest.mark.parametrize("groups", ["groups.npz:site", "groups.parquet:site", "site.npy"])
def test_bias_is_status_1(folder: Path, selection: str, groups: str) -> None:
    done = call(folder / selection, "-g", folder / groups)
    assert done.exit_code == 1, done.output
    assert "1 limit was broken" in done.stdout
    assert "site = north" in done.stdout


def test_no_bias_is_status_0_and_json_is_one_document(folder: Path) -> None:
    arguments = (folder / "fair.npz", "-g", folder / "groups.npz", "-g", folder / "people.csv", "--cross", "--json")
    done = call(*arguments)
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["schema"] == "saln.audit/1"
    assert document["failed"] is False
    columns = [each["column"] for each in document["rates"]]
    assert columns == ["site", "labels", "sex", "age", "site × labels × sex × age"]
    assert [each["group"] for each in document["rates"][1]["groups"]] == ["x", "y", "z"]
    assert sum(each["draws"] for each in document["rates"][0]["groups"]) == document["draws"] == 600
    assert any("name of people.csv was left out" in note for note in document["notes"])
    assert any("age has more than 50 values" in note for note in document["notes"])
    again = RUNNER.invoke(app, [*document["command"].split()[1:], "--json"])
    assert json.loads(again.stdout) == document


def test_limits_decide_the_status(folder: Path) -> None:
    arguments = (folder / "biased.npy", "-g", folder / "site.npy", "--min-rate-ratio")
    assert call(*arguments, 0.9).exit_code == 1
    assert call(*arguments, 0.1).exit_code == 0


def test_predictions_of_their_own_rows_and_of_the_same(folder: Path) -> None:
    done = call(
        folder / "fair.npz", "-g", folder / "groups.npz:site", "--predictions", folder / "predicted.npz", "--json"
    )
    document = json.loads(done.stdout)
    assert [each["accuracy"] for each in document["gaps"][0]["groups"]] == [1.0, 1.0, 1.0]
    source = np.random.default_rng(0)
    n = 900
    site, labels = source.choice(["north", "east"], n), source.integers(0, 3, n)
    wrong = (site == "east") & (source.random(n) < 0.4)
    np.savez(folder / "test.npz", site=site, y=labels, y_pred=(labels + wrong) % 3)
    arguments = (folder / "fair.npz", "-g", folder / "groups.npz:site,labels", "--predictions", folder / "test.npz")
    document = json.loads(call(*arguments, "--max-gap", 0.1, "--json").stdout)
    assert document["failed"] is True
    assert document["findings"][0]["group"] == "east"
    assert document["gaps"][0]["gap"] == pytest.approx(wrong[site == "east"].mean())
    assert any("was not looked at by labels" in note for note in document["notes"])


def test_test_rows_are_no_part_of_the_pool(folder: Path) -> None:
    is_test = np.arange(N) >= 200
    np.savez(folder / "marked.npz", site=SITES, is_test=is_test, labels=np.zeros(N, int), predictions=np.zeros(N, int))
    pool = read_pool(None, [str(folder / "marked.npz")])
    assert pool is not None
    assert (pool == ~is_test).all()
    arguments = (
        folder / "fair.npz",
        "-g",
        folder / "marked.npz:site",
        "--predictions",
        folder / "marked.npz",
        "--json",
    )
    document = json.loads(call(*arguments).stdout)
    assert document["pool_rows"] == 200
    assert document["findings"][0]["check"] == "leak"
    assert sum(each["rows"] for each in document["gaps"][0]["groups"]) == 40


@pytest.mark.parametrize("ending", ["html", "svg", "png"])
def test_a_page_or_a_picture(folder: Path, ending: str) -> None:
    output = folder / f"out.{ending}"
    done = call(
        folder / "biased.npy", "-g", folder / "groups.npz", "--predictions", folder / "predicted.npz",
        "--features", folder / "features.npy", "-o", output,
    )  # fmt: skip
    assert done.exit_code == 1, done.output
    assert "out." in done.stdout
    if ending != "html":
        assert_picture(output)
        return
    page = output.read_text("utf-8")
    assert_page(page)
    assert page.count("<svg") == 2 + 2 + 2 + 1  # rates, over time, accuracy of two columns; features
    assert page.index("1 limit was broken") < page.index("Findings, the weightiest first") < page.index("<svg")
    assert "uncorrected" not in page  # what is shown is what decides
    assert "south &amp; &lt;b&gt;" in page
    assert "<b>" not in page
    assert "saln audit" in page


def test_all_of_a_page_is_japanese(folder: Path) -> None:
    """Findings, notes and figures were in English."""
    selections = ((steps(True, 3), "predicted.npz"), (steps(False), "all.npz"))
    labels = np.random.default_rng(2).integers(0, 3, N)
    np.savez(folder / "all.npz", predictions=labels, labels=labels)
    for chosen, predictions in selections:
        np.save(folder / "chosen.npy", chosen)
        done = call(
            folder / "chosen.npy", "-g", folder / "groups.npz", "-g", folder / "people.csv", "--features",
            folder / "features.npy", "--predictions", folder / predictions, "--lang", "ja", "-o", folder / "out.html",
        )  # fmt: skip
        assert done.exit_code in (0, 1), done.output
        page = (folder / "out.html").read_text("utf-8")
        assert_page(page)
        assert english_in(page) == []
        assert "people.csvの列nameは" in page
        assert "行は" in page
    call(folder / "biased.npy", "-g", folder / "groups.npz", "--lang", "ja", "-o", folder / "out.svg")
    assert "抽出の頻度：site" in (folder / "out.svg").read_text("utf-8")


@pytest.fixture
def pilot(folder: Path) -> Path:
    chosen = folder / "report.pilot" / "chosen"
    chosen.mkdir(parents=True)
    labels = np.arange(N) % 2
    is_test = np.arange(N) >= 180
    source = np.random.default_rng(0)
    batches = np.stack([source.choice(180, 12, replace=False) for _ in range(50)])
    arrays = {"labels": labels, "told": labels, "is_test": is_test, "pool": ~is_test}
    predictions = np.where(is_test, labels, -1)
    np.savez(chosen / "jest-seed0.npz", chosen=batches, predictions=predictions, **arrays)
    (folder / "report.pilot" / "result.json").write_text("{}")
    return folder / "report.pilot"


def test_accuracy_needs_nothing_but_what_is_installed(pilot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line of the README ended with status 2 where fairlearn was missing."""
    for module in ("fairlearn", "fairlearn.metrics"):
        monkeypatch.setitem(sys.modules, module, None)
    done = call(f"{pilot}:jest-seed0", "-o", pilot / "audit.html")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("part", ["", "/result.json", "/chosen/jest-seed0.npz"])
def test_a_run_of_a_pilot(folder: Path, pilot: Path, part: str) -> None:
    run = f"{pilot}{part}" + ("" if part.endswith("npz") else ":jest-seed0")
    document = json.loads(call(run, "--json").stdout)
    assert document["pool_rows"] == 180
    assert document["draws_outside"] == 0
    assert document["rates"][0]["column"] == "labels"
    assert [each["rows"] for each in document["gaps"][0]["groups"]] == [30, 30]
    assert [each["accuracy"] for each in document["gaps"][0]["groups"]] == [1.0, 1.0]
    of_site = json.loads(call(run, "-g", folder / "site.npy", "--json").stdout)
    assert of_site["rates"][0]["column"] == "site"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["absent.npy", "-g", "site.npy"], ["absent.npy", "no such file"]),
        (["biased.npy"], ["groups", "--groups"]),
        (["biased.npy", "-g", "groups.npz:colour"], ["colour", "site"]),
        (["site.npy", "-g", "site.npy"], ["site.npy", "row numbers"]),
        (["groups.npz", "-g", "site.npy"], ["which array holds the selection", "site"]),
        (["biased.npy", "-g", "site.npy", "-g", "groups.npz:site"], ["more than one column is called site"]),
        (["biased.npy", "-g", "site.npy", "--alpha", "2"], ["alpha", "2.0"]),
        (["biased.npy", "-g", "site.npy", "--correction", "none"], ["correction", "holm"]),
        (["biased.npy", "-g", "site.npy", "-o", "out.txt"], ["out.txt", ".html"]),
        (["biased.npy", "-g", "site.npy", "--pool", "site.npy"], ["pool", "true or false"]),
        (["biased.npy", "-g", "site.npy", "--predictions", "groups.npz"], ["the predictions"]),
        (["report.pilot", "-g", "site.npy"], ["report.pilot", "name one run", "jest-seed0"]),
    ],
)
def test_errors_are_one_line(folder: Path, pilot: Path, arguments: list[str], words: list[str]) -> None:
    files = ("npy", "npz", "txt", "pilot")
    paths = [str(folder / each) if each.split(":")[0].endswith(files) else each for each in arguments]
    done = call(*paths)
    assert done.exit_code == 2
    assert "Traceback" not in done.output
    assert len(done.stderr.strip().splitlines()) == 1
    assert all(word in done.stderr for word in words), done.stderr


def test_class_numbers_are_classes_however_many(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", labels=np.arange(120) % 60, age=np.arange(120) % 60)
    (labels, age), notes = read_groups([str(tmp_path / "data.npz")])
    assert (len(labels.names), labels.cut) == (60, False)
    assert (len(age.names), age.cut) == (4, True)
    assert notes == ["age has more than 50 values and was cut at its quartiles."]


def test_help_shows_the_shapes_that_are_wanted() -> None:
    shown = " ".join(RUNNER.invoke(app, ["audit", "--help"]).stdout.replace("│", " ").split())
    assert "with rows [steps, batch] or [n]; FOLDER:RUN" in shown


def test_names_after_a_colon(tmp_path: Path) -> None:
    odd = tmp_path / "a:b.npy"
    np.save(odd, SITES)
    assert split_name(str(odd)) == (odd, [])
    assert split_name(f"{odd}:x, y") == (odd, ["x", "y"])
    assert split_name("C:rows.npy") == (Path("C"), ["rows.npy"])
    assert find_run(str(odd)) == str(odd)
    with pytest.raises(DataError, match="no folder chosen"):
        find_run(str(tmp_path))
    groups, notes = read_groups([str(odd)])
    assert (groups[0].column, notes) == ("a:b", [])
