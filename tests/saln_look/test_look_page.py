"""The page of a look: whole in every case, in both languages, with what the rows hold and nothing that runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import saln
from look_cases import spoiled
from pages import assert_page, english_in
from saln.catalogue import LANGUAGES, Words
from saln.datasets import DataError, read_source
from saln.inspection.look import look
from saln.pages.look_page import GROUPS, SUSPECTS, headline, look_html, summary_html
from saln.pages.look_rows import LETTERS, SIDE, Rows

CASE = spoiled(n=300, wrong=60, copies=20)
N = len(CASE.labels)
NAMES = ("<script>alert(1)</script>", "猫", "a & $b$")
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (N, 8, 8, 3), dtype=np.uint8)
TEXTS = [f"<i>text</i> {row} " + "long " * (row % 100) for row in range(N)]


def case(kind: str) -> tuple[saln.Look, Any]:
    """A look and what its page shows of the rows."""
    split = np.where(np.isin(np.arange(N), CASE.copied), "test", "train")
    if kind == "pictures":
        found = look(CASE.features, CASE.labels, class_names=NAMES, split=split, groups={"<b>site": np.arange(N) // 3})
        return found, PIXELS
    if kind == "texts":
        return look(CASE.features, CASE.labels, class_names=NAMES), TEXTS
    if kind == "several":
        return look(CASE.features, np.stack([CASE.labels == 0, CASE.labels > 1], axis=1)), None
    if kind == "targets":
        targets = CASE.features[:, 0].copy()
        targets[:9] += 50
        return look(CASE.features, targets=targets), read_source(CASE.features)
    if kind == "no labels":
        return look(CASE.features), [Image.new("L", (300, 20), row % 256) for row in range(N)]
    few = look(CASE.features[:3], ["a", "b", "a"])
    return few, ["one", "two", "three"]


@pytest.mark.parametrize(
    ("kind", "lang"),
    [
        *(("pictures", lang) for lang in LANGUAGES),
        ("texts", "en"),
        ("several", "ja"),
        ("targets", "en"),
        ("no labels", "ja"),
        ("few rows", "ja"),
    ],
)
def test_pages_are_whole(kind: str, lang: str, tmp_path: Path) -> None:
    found, data = case(kind)
    page = found.report(tmp_path / "look.html", lang, data).read_text("utf-8")
    assert_page(page)
    assert f'<html lang="{lang}">' in page
    assert lang == "en" or not english_in(page)
    assert Words(lang).say(headline(found)).split(" ")[-1] in page
    assert "nan" not in re.sub(r"<style>.*?</style>|base64,[^\"]*", "", page, flags=re.DOTALL).lower().split()
    assert page.count("data:image/jpeg") > 20 or kind not in ("pictures", "no labels")


def test_what_the_data_hold_is_shown_and_not_run(tmp_path: Path) -> None:
    found, data = case("texts")
    page = look_html(found, Words(), data, name="<script>data")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    for row in found.suspects[:SUSPECTS].tolist():
        assert f"row {row}</th>" in page
        assert re.search(rf"&lt;i&gt;text&lt;/i&gt; {row}\b", page)
    assert max(map(len, re.findall(r"&lt;i&gt;text&lt;/i&gt;[^<]*", page))) < LETTERS + 20


def test_the_worst_come_first_and_no_more_than_a_page_takes() -> None:
    found, data = case("pictures")
    page = look_html(found, Words(), data)
    assert len(found.suspects) > SUSPECTS
    section = page[page.index("<h2>Labels that") : page.index("<h2>Classes that")]
    rows = [int(each) for each in re.findall(r'"mix">row (\d+)', section)]
    assert rows == found.suspects[:SUSPECTS].tolist()
    assert f"{SUSPECTS} of {len(found.suspects)}" in section
    leaks = page[page.index("<h2>Leaks") : page.index("<h2>Near copies")]
    assert leaks.count('class="strip"') == GROUPS < len(found.leaks)
    assert leaks.count("<p>train: ") == leaks.count("<p>test: ") == GROUPS


def test_figures_show_the_numbers() -> None:
    from saln.pages.look_figures import of_classes, of_labels

    found, _ = case("pictures")
    quality, noise = of_labels(found, Words())
    assert sum(datum.y for datum in quality.data) == N
    assert sum(datum.y for datum in quality.data if float(datum.x) < 0.49) <= len(found.suspects)
    assert found.noise_matrix is not None
    shown = {(datum.series, datum.x): datum.y for datum in noise.data}
    assert shown["猫", "a & $b$"] == pytest.approx(found.noise_matrix[1, 2])
    [classes] = of_classes(found, Words())
    assert [datum.y for datum in classes.data] == np.bincount(CASE.labels).tolist()


def test_many_classes_are_cut_to_those_that_are_mistaken_most() -> None:
    from saln.pages.look_figures import MATRIX, of_labels

    labels = np.arange(N) % 20
    features = (10 * np.eye(20)[labels] + RNG.normal(size=(N, 20))).astype(np.float32)
    labels[:40:20] = 7  # of class 0
    _, noise = of_labels(look(features, labels), Words())
    assert len({datum.series for datum in noise.data}) == MATRIX
    assert {"0", "7"} <= {datum.series for datum in noise.data}
    assert f"The {MATRIX} classes" in noise.caption


def test_rows_of_any_kind_are_seen(tmp_path: Path) -> None:
    picture = Rows([Image.new("RGBA", (1000, 500))], 1)(0).picture
    assert picture is not None
    assert picture.startswith("data:image/jpeg")
    wide = Rows([(np.zeros((3, 4, 400), np.float32), 1)], 1)(0).picture
    assert wide is not None
    for pixels in (np.zeros((4, 4)), np.full((1, 4, 4), -1.0), np.zeros((4, 4, 4), np.uint8)):
        assert Rows([pixels], 1)(0).picture is not None
    assert Rows([{"text": "a\n b", "label": 1}], 1)(0).text == "a b"
    assert SIDE < 500
    table = read_source({"X": np.r_[np.zeros((99, 2)), [[0, 9.0]]].astype(np.float32)})
    assert str(Rows(table, 100)(99).text).startswith("[1] = 9 (10.1 σ), [0] = 0 (0.0 σ)")
    assert Rows(None, 3)(1).text is None


def test_a_picture_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for row in range(4):
        (tmp_path / "ab"[row % 2]).mkdir(exist_ok=True)
        Image.new("RGB", (4, 4), (60 * row, 0, 0)).save(tmp_path / "ab"[row % 2] / f"{row}.png")
    source = read_source(tmp_path)
    (tmp_path / "a" / "0.png").write_bytes(b"broken")
    shown = Rows(source, 4)(0)
    assert shown.picture is None
    assert "0.png is not an image" in str(shown.text)
    assert shown.name.endswith("0.png")
    with pytest.raises(DataError, match="data have 4 rows; wanted 5"):
        Rows(source, 5)


def test_in_a_notebook_it_says_what_was_found() -> None:
    found, _ = case("pictures")
    html = found._repr_html_()
    assert html == summary_html(found)
    assert f"<b>{len(found.suspects)} of {N} labels are probably wrong</b>" in html
    assert html.count("<li>") == len(found.sentences)
    assert "<script" not in html
    assert "誤りの疑い" in summary_html(found, "ja")


def test_headlines_say_what_weighs_most() -> None:
    clean = spoiled(n=240, wrong=0, copies=0)
    copies = spoiled(n=240, wrong=0, copies=9)
    held_out = np.isin(np.arange(249), copies.copied)
    assert headline(look(clean.features, clean.labels)) == "Nothing stands out in 240 rows"
    assert headline(look(copies.features, copies.labels)) == "18 of 249 rows have a near copy"
    assert headline(look(copies.features, split=held_out)) == "Training holds near copies of 9 of 9 test rows"
