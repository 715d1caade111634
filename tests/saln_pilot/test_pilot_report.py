"""The report is one file that needs nothing else and leaves no method out."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from pages import assert_page
from pilot_cases import TINY, First, OneClass, blobs
from saln.pages import render_report
from saln.pilot.builtin import BuiltinJob
from saln.pilot.output.result import PilotResult
from saln.pilot.runner import run_pilot
from saln.pilot.training.run import Method

METHODS = ["uniform", "first", "sabotage", *(f"copy{i}" for i in range(6))]
FIGURES = 11
"""Without wrong labels or copies, which have a figure of their own."""


@pytest.fixture(scope="module")
def result() -> PilotResult:
    methods = [
        Method("uniform", None),
        Method("first", First(), frozenset({"features", "reference_losses"})),
        Method("sabotage", OneClass(), frozenset({"labels"})),
        *(Method(f"copy{i}", None) for i in range(6)),
    ]
    dataset = dataclasses.replace(blobs(n_classes=3), name='<b>"bold" & </b>', class_names=("<i>", "$x$", "a" * 80))
    return run_pilot(BuiltinJob(dataset), dataclasses.replace(TINY, seeds=2), methods)


@pytest.fixture(scope="module")
def page(result: PilotResult, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "r.html"
    assert render_report(result, path, "saln pilot 'a b'") == path
    assert [each.name for each in path.parent.iterdir()] == ["r.html"]
    return path.read_text("utf-8")


def test_the_page_is_one_narrow_file(page: str) -> None:
    assert_page(page)


def test_every_method_and_every_figure_is_there(page: str, result: PilotResult) -> None:
    for method in METHODS:
        assert f'</span>{method}</th>\n<td data-label="verdict">' in page
        assert re.search(rf'<th scope="col">.*?</span>{method}</th>', page)
        assert page.count(f'<td data-label="{method}">') > 10
        assert f"</span>{method}</h3>" in page  # its samples
    assert page.count("<svg") == page.count("</svg>") == FIGURES
    assert page.count('role="img"') == FIGURES
    assert "saln pilot &#39;a b&#39;" in page
    for note in result.notes:
        assert note.split("'")[0] in page.replace("&#39;", "'").replace("\u00a0%", " %")


def test_text_from_the_data_is_escaped(page: str) -> None:
    assert '<b>"bold"' not in page
    assert "&lt;b&gt;&#34;bold&#34; &amp; &lt;/b&gt;" in page
    assert "<i>" not in page


def test_the_verdict_comes_first(page: str) -> None:
    order = [
        page.index(text) for text in ('<p class="decision', 'class="fold words"', "Before you believe", "Key figures")
    ]
    assert order == sorted(order)


def test_one_method_alone(tmp_path: Path) -> None:
    alone = run_pilot(
        BuiltinJob(blobs()), dataclasses.replace(TINY, seeds=1, steps=3, evaluations=1), [Method("uniform", None)]
    )
    text = render_report(alone, tmp_path / "r.html").read_text("utf-8")
    assert "nothing to compare" in text
    assert text.count("<svg") == FIGURES - 2
    assert_page(text)


def test_many_classes_are_cut_and_said(tmp_path: Path) -> None:
    dataset = blobs(n_classes=30, per_class=20)
    methods = [Method("uniform", None), Method("sabotage", OneClass(), frozenset({"labels"}))]
    result = run_pilot(BuiltinJob(dataset), dataclasses.replace(TINY, seeds=1, steps=3, evaluations=1), methods)
    text = render_report(result, tmp_path / "r.html").read_text("utf-8")
    assert "10 others are not shown" in text
