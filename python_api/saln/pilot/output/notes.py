"""What a reader must know before believing the figures."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

import torch

from saln.catalogue import Message, message
from saln.catalogue.en import MESSAGES
from saln.pilot.config import PilotConfig
from saln.pilot.job import DataSummary, Job
from saln.pilot.judging.equal_time import LongerUniform
from saln.pilot.judging.selection import mean_selection
from saln.pilot.metric import Metric
from saln.pilot.output.journal import Journal
from saln.pilot.output.words import metric_words
from saln.pilot.training.run import Run

DISTURBED = 1.5
"""Mean over median seconds of a step from which the timings are called disturbed; 1.0 to 1.2 on an idle machine."""
LEARNED = 0.03
"""Share of the way from guessing to perfect that uniform must have come for ratios to it to say something."""
LONGER = 1.1
"""Times as long as uniform that a method takes from which on uniform must have made more steps in as long."""
UNLIKE = 0.1
"""Share by which super-batches may differ from the size asked for without a word."""


def notes(
    job: Job,
    config: PilotConfig,
    journal: Journal,
    runs: Mapping[str, Sequence[Run]],
    longer: Mapping[int, LongerUniform],
    found: int,
) -> tuple[str, ...]:
    """All notes on a stage, of which `found` runs come from an earlier session."""
    summary = journal.summary
    return (
        *job.notes,
        *(_of_size(config, summary) if summary else ()),
        *(job.about_settings(config, summary) if summary else ()),
        *_of_journal(config, journal, found),
        *_of_guessing(config, summary, runs["uniform"]),
        *_of_timings(runs),
        *_of_equal_time(longer, runs["uniform"]),
        *_of_findings(journal, runs),
        *caveats(config.seeds, len(runs) - 1),
    )


def _of_size(config: PilotConfig, data: DataSummary) -> list[Message]:
    wanted = config.super_batch_size
    if abs(data.n_offered - wanted) <= UNLIKE * wanted:
        return []
    ratio = 1 - config.batch_size / data.n_offered
    return [message("notes.small_superbatch", offered=data.n_offered, wanted=wanted, ratio=ratio)]


def _of_journal(config: PilotConfig, journal: Journal, found: int) -> list[Message]:
    said = []
    if found:
        said.append(message("notes.found", n=found, path=str(journal.path)))
    if len(journal.processors) > 1:
        said.append(message("notes.machines", names=", ".join(sorted(journal.processors))))
    if journal.first_gates != config.gates:
        before = "; ".join(journal.first_gates) or message("none")
        said.append(message("notes.gates_changed", before=before))
    return said


def _of_timings(runs: Mapping[str, Sequence[Run]]) -> list[Message]:
    """Whether the machine was busy with something else, judged by how much a few slow steps weigh."""
    weights = []
    for of_method in runs.values():
        seconds = torch.cat([run.step_seconds for run in of_method])
        weights.append(float(seconds.mean() / seconds.median()))
    return [] if max(weights) < DISTURBED else [message("notes.disturbed", weight=max(weights))]


def _of_guessing(config: PilotConfig, data: DataSummary | None, uniform: Sequence[Run]) -> list[Message]:
    """Whether uniform itself learned next to nothing."""
    n_classes = len(data.class_names) if data else 0
    guessed = {"roc_auc": 0.5} | ({"balanced_accuracy": 1 / n_classes, "accuracy": 1 / n_classes} if n_classes else {})
    metric = config.metric or next(iter(uniform[0].final.metrics), "")
    if metric not in guessed:
        return []
    reached = statistics.fmean(run.final.score for run in uniform)
    if reached - guessed[metric] >= LEARNED * (1 - guessed[metric]):
        return []
    return [
        message("notes.guessing", metric=metric_words(Metric.named(metric)), value=reached, guessed=guessed[metric])
    ]


def _of_equal_time(given: Mapping[int, LongerUniform], uniform: Sequence[Run]) -> list[Message]:
    """Whether uniform ended after as many steps as ever where a method took longer."""
    for run in uniform:
        longer = given.get(run.seed)
        if longer is None:
            continue
        for budget, point in zip(longer.budgets, longer.curve, strict=True):
            if budget > LONGER * run.total_seconds and point.step <= run.final.step:
                return [message("notes.fixed_steps", steps=run.final.step)]
    return []


def _of_findings(journal: Journal, runs: Mapping[str, Sequence[Run]]) -> list[Message]:
    """What each selector says that it found and did, mean over seeds."""
    said = []
    for method, of_method in runs.items():
        found = mean_selection([journal.runs[method, run.seed][1] for run in of_method]).figures
        if found:
            shown = [_figure(name, value) for name, value in found.items()]
            said.append(message("notes.figures", method=method, figures=shown, n=len(of_method)))
    return said


def _figure(name: str, value: float) -> Message:
    """A figure of a selector, in words where the catalogue has them."""
    key = f"figure.{name}"
    return message(key, value=value) if key in MESSAGES else message("figure", name=name, value=f"{value:.4g}")


def caveats(n_seeds: int, n_compared: int) -> tuple[Message, ...]:
    """What holds of every pilot with so many seeds and so many methods beside uniform."""
    notes = []
    if n_seeds == 1:
        notes.append(message("notes.one_seed"))
    elif n_seeds < 5:
        notes.append(message("notes.few_seeds", n=n_seeds))
    if n_compared > 1 and n_seeds > 1:
        notes.append(message("notes.many_methods", n=n_compared))
    return (*notes, message("notes.over_seeds"))
