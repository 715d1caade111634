"""Which figures the report of a pilot has, in their order."""

from __future__ import annotations

from collections.abc import Iterator

from saln.pages import coverage_figures, figures, selection_figures
from saln.pages.group_figures import accuracy_by_group
from saln.pages.page import Drawn
from saln.pilot.judging.by_group import ByGroup
from saln.pilot.output.result import PilotResult


def pilot_figures(result: PilotResult) -> Iterator[Drawn]:
    """Every figure that there is something to draw for."""
    if result.verdicts:
        yield figures.gains(result)
    yield figures.curves_by_step(result)
    yield figures.curves_by_seconds(result)
    if result.verdicts:
        yield figures.equal_time(result)
    yield figures.cost_to_target(result)
    yield figures.overhead(result)
    spoiled = selection_figures.wrong_and_copied(result)
    if spoiled is not None:
        yield spoiled
    yield from _coverage(result, coverage_figures.by_class(result), "", "Which classes were chosen")
    for i, found in enumerate(result.by_group):
        yield from _coverage(result, found, f"-group-{i}", f"Which groups were chosen: {found.column}")
        yield accuracy_by_group(result, found, f"-group-{i}")
    yield selection_figures.reuse(result)
    yield selection_figures.spectra(result)
    yield selection_figures.batch_scores(result)


def _coverage(result: PilotResult, found: ByGroup, name: str, title: str) -> Iterator[Drawn]:
    yield coverage_figures.coverage(result, found, name, title)
    yield coverage_figures.coverage_over_time(result, found, name, title)
