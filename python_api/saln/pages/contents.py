"""Which figures the report of a pilot has, in their order."""

from __future__ import annotations

from collections.abc import Iterator

from saln.catalogue import Message, Words, message
from saln.pages import coverage_figures, figures, selection_figures
from saln.pages.group_figures import accuracy_by_group
from saln.pages.page import Drawn
from saln.pilot.judging.by_group import ByGroup
from saln.pilot.output.result import PilotResult


def pilot_figures(result: PilotResult, words: Words) -> Iterator[Drawn]:
    """Every figure that there is something to draw for, in the language of `words`."""
    if result.verdicts:
        yield figures.gains(result, words)
    yield figures.curves_by_step(result, words)
    yield figures.curves_by_seconds(result, words)
    if result.verdicts:
        yield figures.equal_time(result, words)
    yield figures.cost_to_target(result, words)
    yield figures.overhead(result, words)
    spoiled = selection_figures.wrong_and_copied(result, words)
    if spoiled is not None:
        yield spoiled
    if result.data.class_names:
        by_class = coverage_figures.by_class(result, words)
        yield from _coverage(result, words, by_class, "", message("coverage.class"))
    for i, found in enumerate(result.by_group):
        title = message("coverage.group", column=found.column)
        yield from _coverage(result, words, found, f"-group-{i}", title)
        if any(each is not None for each in found.methods[0].accuracy):
            yield accuracy_by_group(result, words, found, f"-group-{i}")
    yield selection_figures.reuse(result, words)
    if all(each.spectrum for each in result.selections):
        yield selection_figures.spectra(result, words)
        yield selection_figures.batch_scores(result, words)


def _coverage(result: PilotResult, words: Words, found: ByGroup, name: str, title: Message) -> Iterator[Drawn]:
    yield coverage_figures.coverage(result, words, found, name, title)
    yield coverage_figures.coverage_over_time(result, words, found, name, title)
