"""`saln look` on data as people have them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from look_cases import spoiled
from pages import assert_page
from saln.cli import app

CASE = spoiled(n=240, wrong=12, copies=8)
N = len(CASE.labels)
NAMES = np.array(["ant", "bee", "cow"])
SPLIT = np.where(np.isin(np.arange(N), CASE.copied), "test", "train")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, status: int = 0) -> Any:
    done = CliRunner().invoke(app, ["look", *arguments])
    assert done.exit_code == status, done.output
    return done


def table(path: str, columns: dict[str, Any]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def write_table(path: str = "data.csv", **more: Any) -> None:
    numbers = {f"x{i}": CASE.features[:, i] for i in range(16)}
    table(path, {**numbers, "kind": NAMES[CASE.labels], "split": SPLIT, **more})


def test_a_table_of_numbers_with_everything_that_is_written() -> None:
    write_table()
    done = run("data.csv", "--label-key", "kind", "--csv", "rows.csv", "--keep", "keep.npy", "--lang", "ja")
    assert "labels are probably wrong" in done.stdout
    assert "8 of 8 rows outside of training have a near copy in it (8 groups)." in done.stdout
    page = Path("look.html").read_text("utf-8")
    assert_page(page)
    assert "データの点検：data.csv" in page
    assert "saln look data.csv --output look.html --label-key kind --csv rows.csv --keep keep.npy" in page
    assert "標準偏差1にそろえて" in page
    kept = np.load("keep.npy")
    assert f"({len(kept)} of {N})" in done.stdout
    assert not np.isin(np.arange(CASE.first_copy, N), kept).any()
    with open("rows.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [each["label"] for each in rows] == NAMES[CASE.labels].tolist()
    wrong = [row for row in range(N) if rows[row]["suspect"] == "True"]
    assert len(set(wrong) & set(range(CASE.wrong))) >= 0.9 * CASE.wrong
    assert not set(wrong) & set(kept.tolist()) - set(CASE.copied.tolist())
    assert [rows[row]["suggested_label"] for row in wrong[:8]] == NAMES[CASE.truth[wrong[:8]]].tolist()


def test_json_alone_is_on_standard_output() -> None:
    write_table()
    document = json.loads(run("data.csv", "--label-key", "kind", "--json", "--near", "1").stdout)
    assert document["schema"] == "saln.look/1"
    assert (document["rows"], document["near"], document["copy_groups"]) == (N, 1.0, [])
    assert document["report"] == "look.html"
    assert document["command"].startswith("saln look data.csv")


def test_images_need_features_and_are_shown() -> None:
    order = []
    for row in range(0, N, 2):
        folder = Path("photos", SPLIT[row], NAMES[CASE.labels[row]])
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 6), (row % 256, 0, 0)).save(folder / f"{row:03}.png")
        order.append((str(folder / f"{row:03}.png"), row))
    error = run("photos", status=2).stderr
    assert "photos holds images, and features of them are needed" in error
    assert "saln extract photos --model NAME -o features.npy" in error
    from saln.datasets import read_source

    rows = [int(Path(name).stem) for name in read_source("photos").ids]
    np.save("features.npy", CASE.features[rows])
    run("photos", "-f", "features.npy", "-o", "page.html", "--csv", "rows.csv")
    page = Path("page.html").read_text("utf-8")
    assert_page(page)
    assert page.count("<img") >= 6
    with open("rows.csv", encoding="utf-8") as file:
        assert [int(Path(each["id"]).stem) for each in csv.DictReader(file)] == rows
    np.save("features.npy", CASE.features)
    assert f"features of {N} rows; wanted {len(rows)}" in run("photos", "-f", "features.npy", status=2).stderr


def test_texts_with_features_that_were_extracted() -> None:
    import saln

    texts = [f"this is the text of row {row}" for row in range(N)]
    table("texts.csv", {"text": texts, "label": NAMES[CASE.labels]})
    at = {text: row for row, text in enumerate(texts)}
    import torch

    saln.extract(
        lambda batch: torch.from_numpy(CASE.features[[at[each] for each in batch]]), "texts.csv", "features.npy",
        progress=False,
    )  # fmt: skip
    run("texts.csv", "-f", "features.npy")
    assert "this is the text of row 3<" in Path("look.html").read_text("utf-8")
    table("others.csv", {"text": texts[::-1], "label": NAMES[CASE.labels]})
    assert "is not the row 0 that the features were extracted from" in " ".join(
        run("others.csv", "-f", "features.npy", status=2).stderr.split()
    )


def test_arrays_with_images_beside_their_features() -> None:
    np.savez(
        "data.npz", features=CASE.features, images=np.zeros((N, 5, 5), np.uint8), labels=CASE.labels,
        class_names=NAMES, is_test=SPLIT == "test",
    )  # fmt: skip
    document = json.loads(run("data.npz", "--json").stdout)
    assert document["class_names"] == NAMES.tolist()
    assert document["split"] == ["train", "test"]
    assert document["notes"] == []
    assert Path("look.html").read_text("utf-8").count("<img") > 10


def test_labels_apart_several_a_row_targets_probabilities_and_groups() -> None:
    np.save("x.npy", CASE.features)
    np.save("y.npy", np.stack([CASE.labels == 0, CASE.labels == 1], axis=1))
    assert json.loads(run("x.npy", "--labels", "y.npy", "--json").stdout)["labels"] == "multilabel"
    write_table(price=CASE.features[:, 0] * 1.7)
    document = json.loads(run("data.csv", "--target", "price", "--ignore", "kind", "--json").stdout)
    assert document["labels"] == "targets"
    odds = np.exp(2 * CASE.features[:, :3])
    np.save("mine.npy", odds / odds.sum(axis=1, keepdims=True))
    np.save("y.npy", CASE.labels)
    table("people.csv", {"patient": [f"p{row // 2}" for row in range(N)]})
    np.save("noise.npy", np.random.default_rng(0).normal(size=(N, 4)))
    document = json.loads(
        run(
            "noise.npy", "--labels", "y.npy", "--probabilities", "mine.npy", "-g", "people.csv:patient", "--json"
        ).stdout
    )
    assert {each["row"] for each in document["suspects"]} >= set(range(CASE.wrong))
    assert [each["column"] for each in document["groups"]] == ["patient"]
    assert len(document["groups"][0]["groups"]) == N // 2


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["nothing.csv"], "nothing.csv: no such file"),
        (["data.csv", "--label-key", "colour"], "no array or column named 'colour'"),
        (["data.csv", "-o", "data.csv"], "is the input data.csv and would overwrite it"),
        (["data.csv", "--csv", "data.csv"], "is the input data.csv and would overwrite it"),
        (["data.csv", "--keep", "nowhere/keep.npy"], "the folder nowhere does not exist"),
        (["data.csv", "--keep", "keep.txt"], "unknown ending '.txt' of rows to keep; wanted .npy"),
        (["data.csv", "--lang", "fr"], "lang is 'fr'; wanted one of en, ja"),
        (["data.csv", "--drop", "bad"], "drop has 'bad'"),
    ],
)
def test_errors_are_one_line(arguments: list[str], error: str) -> None:
    write_table()
    said = run(*arguments, status=2).stderr
    assert error in said
    assert said.count("\n") == 1
    assert not Path("look.html").exists()
