"""What a reader must know before believing the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from saln.pilot.config import PilotConfig
from saln.pilot.job import DataSummary, Job
from saln.pilot.output.journal import Journal
from saln.pilot.training.run import Run

DISTURBED = 1.5
"""Mean over median seconds of a step from which the timings are called disturbed; 1.0 to 1.2 on an idle machine."""
UNLIKE = 0.1
"""Share by which super-batches may differ from the size asked for without a word."""


def notes(
    job: Job, config: PilotConfig, journal: Journal, runs: Mapping[str, Sequence[Run]], found: int
) -> tuple[str, ...]:
    """All notes on a stage, of which `found` runs come from an earlier session."""
    summary = journal.summary
    return (
        *job.notes,
        *(_of_size(config, summary) if summary else ()),
        *(job.about_settings(config, summary) if summary else ()),
        *_of_journal(config, journal, found),
        *_of_timings(runs),
        *caveats(config.seeds, len(runs) - 1),
    )


def _of_size(config: PilotConfig, data: DataSummary) -> list[str]:
    if abs(data.n_offered - config.super_batch_size) <= UNLIKE * config.super_batch_size:
        return []
    return [
        f"So few training rows divide into super-batches of {data.n_offered} rows, not {config.super_batch_size}: "
        f"the filter ratio was {1 - config.batch_size / data.n_offered:.2f}."
    ]


def _of_journal(config: PilotConfig, journal: Journal, found: int) -> list[str]:
    texts = []
    if found:
        texts.append(f"{found} runs were found finished in {journal.path} and not run again (--fresh runs all again).")
    if len(journal.processors) > 1:
        texts.append(f"Seconds were measured on different machines: {', '.join(sorted(journal.processors))}.")
    if journal.first_gates != config.gates:
        before = "; ".join(journal.first_gates) or "none"
        texts.append(f"The gates are not those the pilot began with ({before}): they were not fixed beforehand.")
    return texts


def _of_timings(runs: Mapping[str, Sequence[Run]]) -> list[str]:
    """Whether the machine was busy with something else, judged by how much a few slow steps weigh."""
    weights = []
    for of_method in runs.values():
        seconds = torch.cat([run.step_seconds for run in of_method])
        weights.append(float(seconds.mean() / seconds.median()))
    if max(weights) < DISTURBED:
        return []
    return [
        f"Timings were disturbed: a method's mean step took {max(weights):.1f} times its median step, so the machine "
        "was probably busy with something else. Repeat on an idle one before believing seconds."
    ]


def caveats(n_seeds: int, n_compared: int) -> tuple[str, ...]:
    """What holds of every pilot with so many seeds and so many methods beside uniform."""
    notes = []
    if n_seeds == 1:
        notes.append("One seed: nothing about differences can be shown. Run at least 5.")
    elif n_seeds < 5:
        notes.append(f"Only {n_seeds} seeds: intervals are wide and their coverage is approximate. Run at least 5.")
    if n_compared > 1 and n_seeds > 1:
        notes.append(
            f"{n_compared} methods were compared: by each figure, their intervals against uniform hold together with "
            "95 % (Bonferroni), and are the wider the more methods there are."
        )
    notes.append("Intervals are over seeds (initial weights, order of data, rows held out), not over other test sets.")
    return tuple(notes)
