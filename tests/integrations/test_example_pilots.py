"""The pilots of examples/pilots: under twenty lines each, and each runs to its reports, here on few made-up rows."""

from __future__ import annotations

import ast
import csv
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from integration_cases.of_examples import EXAMPLES, started
from integration_cases.small_models import WORDS, make_folder

PILOTS = EXAMPLES / "pilots"
source = np.random.default_rng(0)


def texts(folder: Path) -> list[str]:
    for name, n in (("train", 600), ("test", 30)):
        rows = [
            (" ".join(source.choice(WORDS[label * 10 :][:10], 5)), "ab"[label]) for label in source.integers(2, size=n)
        ]
        write(folder / f"{name}.tsv", ("text", "label"), rows, "\t")
    return [str(make_folder(folder / "model", "Bert", pad_token="[PAD]"))]


def images(folder: Path) -> list[str]:
    labels = source.integers(10, size=400)
    pixels = (25 * labels[:, None, None, None] + source.integers(20, size=(400, 8, 8, 3))).astype(np.uint8)
    np.savez(folder / "images.npz", images=pixels, labels=labels, is_test=np.arange(400) >= 330)
    np.save(folder / "features.npy", pixels[:330].reshape(330, -1)[:, :16].astype(np.float32))
    return []


def table(folder: Path) -> list[str]:
    rows = []
    for number in range(400):
        first, *others = source.normal(size=3).round(3).tolist()
        rows.append(("" if number % 9 == 0 else first, *others, "fail" if first > 1 else "pass", int(number >= 300)))
    write(folder / "table.csv", ("s1", "s2", "s3", "result", "is_test"), rows, ",")
    return []


def write(file: Path, header: tuple[str, ...], rows: list[tuple[object, ...]], delimiter: str) -> None:
    with file.open("w", newline="", encoding="utf-8") as lines:
        csv.writer(lines, delimiter=delimiter).writerows([header, *rows])


def test_every_pilot_is_tested_and_short() -> None:
    files = list(PILOTS.glob("*.py"))
    assert {file.stem for file in files} == {"texts", "images", "table"}
    for file in files:
        text = file.read_text(encoding="utf-8")
        words = ast.parse(text).body[0]
        code = [line for number, line in enumerate(text.splitlines(), start=1) if number > (words.end_lineno or 0)]
        assert len([line for line in code if line.strip()]) < 20, file


@pytest.mark.parametrize("prepare", [texts, images, table])
def test_it_runs_to_its_reports(prepare: Callable[[Path], list[str]], tmp_path: Path) -> None:
    arguments = prepare(tmp_path)
    script = PILOTS / f"{prepare.__name__}.py"
    started([sys.executable, str(script), *arguments], tmp_path)
    for page, word in ((f"{script.stem}.html", "Does"), (f"{script.stem}.ja.html", "通常学習")):
        text = (tmp_path / page).read_text(encoding="utf-8")
        assert word in text
        assert script.stem in text
