"""Figures name what they show: no two things by one name or colour, and in any script."""

from __future__ import annotations

import itertools
import re
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager, get_font

from saln.pages.page import inline
from saln.pages.panels import Panel, drawn, write_picture
from saln.pages.style import COLOURS, FILL, looks, short, short_rows, wide_font
from saln.selectors import SELECTORS

HOSPITALS = ("東京都立多摩総合医療センター", "東京都立多摩北部医療センター", "大阪")
LONG = st.builds(
    lambda *parts: "".join(parts), st.sampled_from(["", "a" * 30, "guard:floor=0."]), st.text("ab$病", max_size=40)
)


@given(st.lists(LONG | st.text(max_size=40), min_size=1, max_size=8), st.integers(6, 30))
def test_short_names_differ_where_the_names_do(names: list[str], length: int) -> None:
    found = [name.replace(FILL, "") for name in short([name.replace(FILL, "") for name in names], length)]
    assert len(set(found)) == len({name.replace(FILL, "") for name in names})
    assert all(len(each.replace(r"\$", "$")) <= length + len(" (8)") for each in found)


def test_names_with_a_common_beginning_keep_what_differs() -> None:
    assert short([f"a very long common beginning {end}" for end in ("one", "two")]) == [
        "a very lo…ning one",
        "a very lo…ning two",
    ]
    middle = [f"guard:floor=0.{digit}:jest:temperature=0.5" for digit in (5, 8)]
    assert [name[:15] for name in short(middle)] == ["guard:floor=0.5", "guard:floor=0.8"]
    assert short(["short", "short"]) == ["short", "short"]


def test_every_method_has_its_own_look() -> None:
    found = list(looks([f"m{i}" for i in range(len(SELECTORS))]).values())
    assert len({(each.colour, each.line, each.marker) for each in found}) == len(found)
    assert len({each.colour for each in found[: len(COLOURS)]}) == len(COLOURS) > 8
    parts = [tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) for colour in COLOURS]
    assert min(sum(abs(x - y) for x, y in zip(a, b, strict=True)) for a, b in itertools.combinations(parts, 2)) > 60


def panel() -> Panel:
    return Panel("p", "Title", "Caption", "alt", 2.0, lambda axes: short_rows(axes, [*HOSPITALS, "a < b & $c$"]))


@pytest.mark.parametrize("standing", ["in a page", "alone"])
def test_labels_are_text_in_the_readers_fonts(tmp_path: Path, standing: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # such as of glyphs that a font has not
        if standing == "alone":
            svg = write_picture([panel()], tmp_path / "p.svg").read_text("utf-8")
        else:
            (picture,) = inline(drawn([panel()]))
            svg = str(picture.svg)
    texts = re.findall(r"<text[^>]*>(.*?)</text>", svg)
    assert [text for text in texts if text[0] in "東大a"] == [
        "東京都立多摩総…ー",
        "東京都立多摩北…ー",
        "大阪",
        "a &lt; b &amp; $c$",
    ]
    assert "system-ui" in svg
    assert "'DejaVu Sans'; " not in svg
    assert FILL not in svg


@pytest.mark.skipif(not wide_font(), reason="no font of this machine has letters of Japanese")
def test_a_font_for_wide_letters_has_them() -> None:
    """A picture that is no text, png or pdf, showed boxes."""
    font = get_font(fontManager.findfont(wide_font()[0]))
    assert all(font.get_char_index(ord(letter)) for letter in "東京カなー")


def test_wide_letters_have_room() -> None:
    """The box that stands for one is 0.6 as wide as the letter."""
    figure = Figure(layout="constrained")
    axes = figure.subplots()
    short_rows(axes, ["大阪大阪大阪"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figure.canvas.draw()
        label = axes.get_yticklabels()[0]
        assert label.get_window_extent().width >= 6 * label.get_fontsize() / 72 * figure.dpi
