"""The report of a pilot as one page."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from saln.catalogue import Words, message
from saln.catalogue.en import MESSAGES
from saln.pages.contents import pilot_figures
from saln.pages.page import inline, render
from saln.pages.samples import samples_of
from saln.pages.summary import assumed, in_money, summary
from saln.pilot.job import DataSummary
from saln.pilot.judging.kpi import Kpis
from saln.pilot.judging.selection import Selection
from saln.pilot.output.result import PilotResult
from saln.pilot.output.words import (
    difference,
    extremes,
    gap,
    gate_figures,
    metric_words,
    number,
    short_time,
    span,
    times,
    until_paid,
    value,
)
from saln.writing import write_text

SIDE_BY_SIDE = 5
"""Methods beside uniform in one table."""


def render_report(
    result: PilotResult,
    path: Path,
    command: str | None = None,
    images: torch.Tensor | None = None,
    lang: str = "en",
) -> Path:
    """Write the report of a pilot.

    Parameters
    ----------
    result : PilotResult
    path : Path
        The HTML file to write; it needs no other file and no network.
    command : str, optional
        What to type to run the pilot again.
    images : Tensor, optional
        `[N, C, H, W]` of the whole data set, to show samples by.
    lang : {"en", "ja"}

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ValueError
        Another language.
    """
    write_text(path, report_html(result, command, images, lang))
    return path


def report_html(
    result: PilotResult, command: str | None = None, images: torch.Tensor | None = None, lang: str = "en"
) -> str:
    """The report as one HTML document."""
    words = Words(lang)
    first, *others = inline(pilot_figures(result, words))
    return render(
        "pages/pilot.html.j2",
        words,
        **summary(result, command),
        first=first,
        pictures=others,
        gates=[(gate, *gate_figures(gate, result.metric)) for gate in result.gates],
        rows=_rows(result),
        key_columns=_key_columns(len(result.methods)),
        target=value(result.target, result.metric, 4),
        metric=metric_words(result.metric),
        samples=samples_of(result, words, images),
        command=command,
        worth=_worth(result),
        pilot_time=short_time(result.pilot_seconds),
        money=lambda price: message("money", value=f"{price:g}", currency=result.config.currency),
        assumed=assumed,
        facts=_facts(result.data),
        settings=[(name, _setting(each)) for name, each in result.config.as_dict().items()],
        machine=[*result.machine.items(), *result.versions.items()],
    )


def _key_columns(n: int) -> list[list[int]]:
    """Methods of each table of key figures: as many as fit on a desk, uniform first in each.

    Examples
    --------
    >>> _key_columns(8)
    [[0, 1, 2, 3, 4, 5], [0, 6, 7]]
    """
    others = list(range(1, n))
    parts = [others[start : start + SIDE_BY_SIDE] for start in range(0, len(others), SIDE_BY_SIDE)]
    return [[0, *part] for part in parts] or [[0]]


def _worth(result: PilotResult) -> list[tuple[str, list[tuple[str, str]]]]:
    """Each method with its hours and money, under their titles; empty where savings are not carried over."""
    costs = result.costs
    if costs is None or not costs.carried_over:
        return []
    rows = []
    for each in costs.methods:
        hours = "" if each.hours_saved is None else message("hours", value=span(each.hours_saved))
        cells = [("hours saved", hours)]
        if costs.price_per_hour is not None:
            cells.append(("money saved", in_money(each.money_saved, costs)))
        if costs.once is not None:
            cells.append(("first year", in_money(each.first_year, costs, sign="+")))
            cells.append(("pays after", until_paid(each.break_even)))
        rows.append((each.method, cells))
    return rows


def _facts(data: DataSummary) -> list[tuple[str, str]]:
    """What is known of the data, by the fields' names or what the catalogue calls them."""
    found = []
    for name in (each.name for each in fields(data) if each.name != "name"):
        fact: Any = getattr(data, name)
        if not fact:  # None, zero, false, or nothing of the kind
            continue
        if name == "class_names":
            shown = str(len(fact))
        elif isinstance(fact, tuple):
            shown = (" × " if name == "image_shape" else ", ").join(map(str, fact))
        else:
            shown = message("yes") if fact is True else f"{fact:.3g}" if isinstance(fact, float) else str(fact)
        key = f"data.{name}"
        found.append((message(key) if key in MESSAGES else name.replace("_", " "), shown))
    return found


def _setting(given: Any) -> str | None:
    """None where nothing was given."""
    if isinstance(given, list | tuple):
        return ", ".join(map(str, given)) or message("none")
    return None if given is None else str(given)


def _rows(result: PilotResult) -> list[tuple[str, list[str]]]:
    """Each key figure that the summary has not, with its value for every method."""
    columns = [_column(*both, result) for both in zip(result.kpis, result.selections, strict=True)]
    return [(name, [column[name] for column in columns]) for name in columns[0]]


def _column(kpis: Kpis, selection: Selection, result: PilotResult) -> dict[str, str]:
    metric = result.metric

    def against(figure: str) -> str:
        return difference(kpis.against(figure), metric)

    column: dict[str, str] = {
        message("key.in_uniforms_training_time"): against("accuracy_in_uniforms_training_time"),
        message("key.in_uniforms_time"): against("accuracy_in_uniforms_time"),
    }
    if result.longer:
        column[message("key.lead_training")] = against("lead_in_own_training_time")
    reached = kpis.intervals["steps_to_accuracy"]
    column |= {
        message("key.training_speed"): times(kpis.against("training_speed_up")),
        message("key.steps"): number(kpis.mean("steps_to_accuracy"), ".0f"),
        message("key.samples"): number(kpis.mean("samples_to_accuracy"), ",.0f").replace(",", " "),
        message("key.seconds"): number(kpis.mean("training_time_to_accuracy"), ".3g"),
        message("key.all_seconds"): number(kpis.mean("time_to_accuracy"), ".3g"),
        message("key.reached"): message("n of m", n=0 if reached is None else reached.n, m=result.config.seeds),
    }
    worst = kpis.mean("worst_class")
    if worst is not None:
        column[message("key.worst_class")] = f"{worst:.3f}"
    column |= {
        message("key.drop"): f"{kpis.known('largest_drop'):.3g}",
        message("key.step"): f"{1e3 * kpis.known('step_seconds'):.2f}",
        message("key.overhead"): message("percent", value=f"{100 * kpis.known('overhead'):.0f}"),
        message("key.setup"): f"{kpis.known('setup_seconds'):.2f}",
        message("key.rows"): message("percent", value=f"{100 * selection.rows_used:.0f}"),
        message("key.most"): message("often", n=round(selection.most_used)),
    }
    if selection.spectrum:
        column[message("key.rank")] = f"{selection.effective_rank:.1f}"
    if result.data.wrong_labels:
        column[message("key.wrong")] = message("percent", value=f"{100 * selection.wrong_chosen:.1f}")
    if result.data.copied_rows:
        column[message("key.copies")] = message("percent", value=f"{100 * selection.copies_chosen:.1f}")
    for found in result.by_group:
        each = found.methods[result.methods.index(kpis.method)]
        least, most = extremes(found, each)
        column |= {
            message("key.least", column=found.column): least,
            message("key.most_share", column=found.column): most,
        }
        if any(found.test_rows):
            column[message("key.gap", column=found.column)] = gap(each.gap)
    return column
