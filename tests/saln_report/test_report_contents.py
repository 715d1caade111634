"""The report of a pilot with everything: gates, stages, costs, spoiled data, images; and its figures as numbers."""

from __future__ import annotations

import base64
import csv
import dataclasses
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pages import assert_page, english_in
from pilot_cases import OneClass, blobs
from saln.catalogue import LANGUAGES, Words
from saln.pages import render_report, write_data
from saln.pages.contents import pilot_figures
from saln.pages.samples import SIDE, samples_of, thumbnails
from saln.pages.style import PHONE, SMALLEST
from saln.pilot.builtin import BuiltinConfig, BuiltinJob
from saln.pilot.output.result import PilotResult
from saln.pilot.runner import run_pilot
from saln.pilot.training.run import Method

CONFIG = BuiltinConfig(
    methods=("uniform",), seeds=2, steps=24, batch_size=16, hidden=16, evaluations=4, reference_steps=8,
    label_noise=0.2, duplicates=0.3, stages=(0.5, 1.0), price_per_hour=3.0, full_training_hours=2.0,
    gates=("steps_to_accuracy <= 20 * uniform", "copy: overhead <= 0.99", "sabotage: overhead <= 0.99"),
)  # fmt: skip


@pytest.fixture(scope="module")
def result() -> PilotResult:
    methods = [
        Method("uniform", None),
        Method("copy", None),
        Method("sabotage", OneClass(), frozenset({"labels"})),
    ]
    return run_pilot(BuiltinJob(blobs(per_class=150)), CONFIG, methods)


@pytest.fixture(scope="module")
def images(result: PilotResult) -> torch.Tensor:
    """Row r is red r, green 255 - r, blue where its number is odd."""
    rows = torch.arange(result.data.n_rows)
    colours = torch.stack([rows % 256, 255 - rows % 256, 255 * (rows % 2)], dim=1)
    return colours[:, :, None, None].expand(-1, 3, 20, 24).to(torch.uint8)


@pytest.fixture(scope="module")
def page(result: PilotResult, images: torch.Tensor, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "r.html"
    return render_report(result, path, "saln pilot", images).read_text("utf-8")


def test_the_page_is_one_narrow_file(page: str) -> None:
    assert_page(page)


def test_the_page_is_japanese_where_it_is_asked_for(
    result: PilotResult, images: torch.Tensor, tmp_path: Path, page: str
) -> None:
    text = render_report(result, tmp_path / "r.html", "saln pilot", images, lang="ja").read_text("utf-8")
    assert_page(text)
    assert '<html lang="ja">' in text
    english, japanese = (LANGUAGES[each].MESSAGES for each in ("en", "ja"))
    whole = [key for key, said in english.items() if "{" not in said and "[" not in said and len(said) > 12]
    left = [key for key in whole if english[key] in text and english[key] != japanese[key]]
    assert left == []
    assert english_in(text) == []
    assert sum(english[key] in page for key in whole) > 30
    assert page.count("<svg") == text.count("<svg")


def test_texts_of_figures_are_large_enough_on_a_phone(page: str) -> None:
    figures = re.findall(r'(<svg[^>]*viewBox="\S+ \S+ (\S+) [^>]*>)(.*?)</svg>', page, re.DOTALL)
    assert len(figures) == page.count("<svg") > 10
    for head, across, inside in figures:
        wide = re.search(r"min-width: (\d+)px", head)
        shown = max(PHONE, float(wide[1]) if wide else 0.0) / float(across)
        sizes = [float(size) for size in re.findall(r"font(?:-size)?: (?:\S+ )*?([\d.]+)px", inside)]
        assert min(sizes) * shown > SMALLEST - 0.05


def test_decision_gates_and_stages_come_before_figures(page: str, result: PilotResult) -> None:
    parts = ("Gates, set beforehand", "Stages", "Before you believe it")
    headings = [*parts, "Figures", "Samples", "Key figures", "How this was done", "Words"]
    places = [page.index(f"<h2>{heading}</h2>") for heading in headings]
    assert places == sorted(places)
    assert page.index('<p class="decision') < page.index('<dl class="boxes">') < places[0]
    assert page.count('<td data-label="bound">') == len(result.gates)
    for gate in result.gates:
        assert f'<th scope="row">{gate.gate.replace("<", "&lt;")}</th>' in page
    assert page.count('<td data-label="why">') == len(CONFIG.stages)


def test_what_was_spoiled_is_drawn(result: PilotResult, page: str) -> None:
    assert "What the pilot spoiled, and who chose it" in page
    assert "wrong labels among chosen" in page
    (drawn,) = [each for each in pilot_figures(result, Words()) if each.name == "wrong"]
    found = {(each.series, each.x): each.y for each in drawn.data}
    for selection in result.selections:
        wrong, copies = "wrong.labels chosen", "wrong.copies chosen"
        assert found[wrong, selection.method] == selection.wrong_chosen
        assert found[copies, selection.method] == selection.copies_chosen


def test_every_figure_is_written_as_numbers(result: PilotResult, page: str, tmp_path: Path) -> None:
    as_json, as_csv = write_data(result, tmp_path / "new")
    document = json.loads(as_json.read_text("utf-8"))
    assert document["schema"] == "saln.pages/1"
    figures = {each["name"]: each for each in document["figures"]}
    assert list(figures) == re.findall(r'<h3 id="title-([^"]+)"', page)
    assert all(each["data"] for each in figures.values())
    with open(as_csv, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(len(each["data"]) for each in figures.values())
    ends = {row["series"]: float(row["y"]) for row in rows if row["figure"] == "curves-steps"}
    for kpis in result.kpis:
        assert ends[kpis.method] == pytest.approx(kpis.known("final_accuracy"))
    gains = {row["x"]: row for row in rows if row["series"] == "final_accuracy"}
    for kpis in result.kpis:
        found = kpis.against("final_accuracy")
        if found is not None:
            assert float(gains[kpis.method]["y"]) == pytest.approx(found.mean)
            assert float(gains[kpis.method]["low"]) == pytest.approx(found.low)
    chosen = {
        int(float(row["x"])): float(row["y"])
        for row in rows
        if row["figure"] == "spectra" and row["series"] == "chosen: copy"
    }
    assert list(chosen.values()) == pytest.approx(result.selections[1].spectrum)


def test_coverage_over_time_averages_to_coverage(result: PilotResult) -> None:
    drawn = {each.name: each for each in pilot_figures(result, Words())}
    names = result.data.class_names
    whole = {(each.series, each.x): each.y for each in drawn["coverage"].data}
    parts: dict[str, list[float]] = {}
    for each in drawn["coverage-time"].data:
        parts.setdefault(each.series, []).append(each.y)
    sizes = [len(part) for part in torch.arange(CONFIG.steps).tensor_split(10)]
    for method in result.methods:
        for name in names:
            mean = np.average(parts[f"{method}: {name}"], weights=sizes)
            assert mean == pytest.approx(whole[method, name], rel=1e-4)


def test_samples_are_those_chosen(result: PilotResult, images: torch.Tensor, page: str) -> None:
    found = samples_of(result, Words(), images)
    assert list(found) == list(result.methods)
    run = result.runs_of("sabotage")[0]
    counts = np.bincount(result.chosen_rows(run).numpy().ravel(), minlength=result.data.n_rows)
    highest, lowest, often = found["sabotage"]
    assert highest.title.startswith("Highest")
    assert lowest.title.startswith("Lowest")
    assert set(highest.rows) <= set(result.chosen_rows(run).flatten().tolist())
    place = np.bincount(run.chosen.numpy().ravel())
    assert often.times == tuple(sorted(place, reverse=True)[: len(often.times)])
    assert all(counts[row] >= times for row, times in zip(often.rows, often.times, strict=True))
    assert page.count("<img ") == 3 * len(result.methods)
    without = samples_of(result, Words(), None)
    assert all(each.picture is None for method in without.values() for each in method)


def test_thumbnails_show_the_images_in_their_order(images: torch.Tensor) -> None:
    rows = [200, 3, 90, 17, 250, 30, 1, 60, 121, 44]
    kind, content = thumbnails(images[rows]).split(",")
    assert kind == "data:image/jpeg;base64"
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB")).astype(int)
    assert sheet.shape == (2 * SIDE + 1, 8 * SIDE + 7, 3)
    for place, row in enumerate(rows):
        top, left = place // 8 * (SIDE + 1), place % 8 * (SIDE + 1)
        middle = sheet[top + 8 : top + SIDE - 8, left + 8 : left + SIDE - 8].mean(axis=(0, 1))
        assert np.abs(middle - [row, 255 - row, 255 * (row % 2)]).max() < 12  # what JPEG does to flat colour
    assert thumbnails(torch.zeros(1, 1, 5, 5)).startswith("data:image/jpeg")
    grey = thumbnails(torch.linspace(-3, 3, 64).reshape(1, 1, 8, 8))
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(grey.split(",")[1]))).convert("L"))
    assert pixels[2, 2] < 30
    assert pixels[SIDE - 3, SIDE - 3] > 225


def test_a_stage_that_did_not_run_is_said(result: PilotResult, tmp_path: Path) -> None:
    stage = dataclasses.replace(result.stages[-1], ran=False, reason="no method passed every gate at 0.5", methods=())
    staged = dataclasses.replace(result, stages=(*result.stages[:-1], stage))
    text = render_report(staged, tmp_path / "r.html").read_text("utf-8")
    assert "not run" in text
    assert "no method passed every gate at 0.5" in text
