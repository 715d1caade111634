"""What a reader must know before believing the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from saln.datasets import Dataset
from saln.pilot.config import PilotConfig
from saln.pilot.output.journal import Journal
from saln.pilot.output.result import DataSummary
from saln.pilot.problem.corruption import COPIED
from saln.pilot.training.trainer import Run

DISTURBED = 1.5
"""Mean over median seconds of a step from which the timings are called disturbed; 1.0 to 1.2 on an idle machine."""
UNLIKE = 0.1
"""Share by which super-batches may differ from the size asked for without a word."""
LOPSIDED = 0.8
"""Share of the most frequent class among the test rows from which accuracy says little."""


def notes(
    config: PilotConfig, journal: Journal, runs: Mapping[str, Sequence[Run]], dataset: Dataset, found: int
) -> tuple[str, ...]:
    """All notes on a stage, of which `found` runs come from an earlier session."""
    summary = journal.summary
    return (
        *dataset.notes,
        *(_of_settings(config, summary) if summary else ()),
        *_of_classes(config, dataset),
        *_of_journal(config, journal, found),
        *_of_timings(runs),
        *caveats(config.seeds, len(runs) - 1),
    )


def _of_settings(config: PilotConfig, data: DataSummary) -> list[str]:
    found = []
    if abs(data.n_offered - config.super_batch_size) > UNLIKE * config.super_batch_size:
        found.append(
            f"So few training rows divide into super-batches of {data.n_offered} rows, not {config.super_batch_size}: "
            f"the filter ratio was {1 - config.batch_size / data.n_offered:.2f}."
        )
    if data.features_given and config.model != "resnet":
        found.append(
            "Features came with the data and are what every method, uniform too, trains on: what it took to extract "
            "them is counted for none."
        )
    elif data.features_given and not config.feature_ms:
        found.append(
            "Features came with the data, for selection alone: what it took to extract them is not known and not "
            "counted. Name it (feature_ms) before believing figures with everything counted."
        )
    corruption = _corruption(config, data)
    if corruption:
        found.append(f"The pilot made the training data worse: {'; '.join(corruption)}. Test rows are as they were.")
    return found


def _corruption(config: PilotConfig, data: DataSummary) -> list[str]:
    found = []
    if config.label_noise:
        found.append(f"{100 * config.label_noise:g} % of the labels are another class")
    if config.feature_noise:
        found.append(f"normal noise of {config.feature_noise:g} standard deviations was added to the inputs")
    if config.imbalance < 1.0:
        found.append(f"{', '.join(data.rare_classes)} kept {100 * config.imbalance:g} % of their rows")
    if config.duplicates:
        share = f"{100 * config.duplicates:g} % of the rows were replaced by copies of {100 * COPIED:g} % of them"
        found.append(share)
    return found


def _of_classes(config: PilotConfig, dataset: Dataset) -> list[str]:
    rows = dataset.labels if dataset.is_test is None else dataset.labels[dataset.is_test]
    most = float(torch.bincount(rows).max()) / rows.shape[0]
    if config.metric != "accuracy" or most < LOPSIDED:
        return []
    return [
        f"Always answering the most frequent class would be right in {100 * most:.0f} % of the test rows: accuracy "
        "says little here. Consider balanced_accuracy or roc_auc (metric)."
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
    notes.append(
        "Intervals are over seeds (initial weights, order of data, which rows the reference network got), "
        "not over other test sets."
    )
    notes.append(
        "The rows held out for the reference network were withheld from uniform, too; without selection it could have "
        "trained on them."
    )
    return tuple(notes)
