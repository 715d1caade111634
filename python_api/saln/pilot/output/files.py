"""A pilot's outcome in files: the whole of it as JSON, tables as CSV, what every run chose as npz."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from saln.pilot.job import Job
from saln.pilot.judging.intervals import Interval
from saln.pilot.judging.measures import MEASURES, measures
from saln.pilot.output.result import PilotResult
from saln.pilot.training.run import Run
from saln.writing import made, whole, write_table, write_text

RESULT = "result.json"
CHOSEN = "chosen"
"""Folder with `METHOD-seedS.npz` for every run."""
INTERVAL = ("mean", "low", "high", "seeds")
Rows = Iterable[tuple[Any, ...]]


def write_json(result: PilotResult, folder: Path, command: str | None = None) -> Path:
    """`PilotResult.as_dict` in `result.json`."""
    path = made(folder) / RESULT
    write_text(path, json.dumps({**result.as_dict(), "command": command}, indent=1))
    return path


def write_tables(result: PilotResult, folder: Path) -> list[Path]:
    """A CSV file for each of `TABLES`."""
    paths = []
    for name, (columns, rows) in TABLES.items():
        paths.append(made(folder) / name)
        write_table(paths[-1], [columns, *rows(result)])
    return paths


def _curves(result: PilotResult) -> Rows:
    for run in result.runs:
        for at in run.curve:
            seconds = (at.selection_seconds, at.training_seconds, run.setup_seconds)
            yield run.method, run.seed, at.step, result.metric.score(at.score), at.worst_class, *seconds
    for longer in result.longer:
        for at in longer.curve:
            value = result.metric.score(at.score)
            yield "uniform for longer", longer.seed, at.step, value, at.worst_class, 0.0, at.seconds, 0.0


def _by_seed(result: PilotResult) -> Rows:
    for kpis in result.kpis:
        for name, values in kpis.values.items():
            for run, value in zip(result.runs_of(kpis.method), values, strict=True):
                yield kpis.method, name, run.seed, value, _unit(name, result)


def _figures(result: PilotResult) -> Rows:
    for kpis in result.kpis:
        for name, by in measures(result.runs[0].final.metrics).items():
            against = kpis.against_uniform.get(name)
            compared: tuple[Any, ...] = (None,) * (len(INTERVAL) + 5)
            if against is not None:
                kind = "ratio" if by.as_ratio else "difference"
                tests = (against.comparisons, against.p_value, against.p_sign_flip)
                compared = (kind, *_interval(against), against.missed, *tests)
            yield kpis.method, name, _unit(name, result), *_interval(kpis.intervals[name]), *compared


def _gates(result: PilotResult) -> Rows:
    of_stages = [(stage.share, stage.gates) for stage in result.stages] or [(1.0, result.gates)]
    for share, gates in of_stages:
        for each in gates:
            found = (each.value, each.bound, each.unit, *_interval(each.margin), each.missed)
            yield share, each.method, each.gate, each.outcome, *found


def _classes(result: PilotResult) -> Rows:
    for each in result.selections:
        for tenth, shares in enumerate(each.class_share_over_time):
            for name, share, offered in zip(result.data.class_names, shares, each.pool_share, strict=True):
                yield each.method, tenth, name, share, offered


def _groups(result: PilotResult) -> Rows:
    for column in result.by_group:
        for each in column.methods:
            for tenth, shares in enumerate(each.share_over_time):
                for name, share, offered in zip(column.groups, shares, column.pool_share, strict=True):
                    yield column.column, each.method, tenth, name, share, offered


def _group_accuracy(result: PilotResult) -> Rows:
    for column in result.by_group:
        for each in column.methods:
            for name, rows, found in zip(column.groups, column.test_rows, each.accuracy, strict=True):
                yield column.column, each.method, name, rows, *_interval(found)
            yield column.column, each.method, None, sum(column.test_rows), *_interval(each.gap)


def _unit(name: str, result: PilotResult) -> str:
    found = MEASURES.get(name)
    unit = "" if found is None else found.unit
    return result.config.currency if unit == "currency" else unit


def _interval(found: Interval | None) -> tuple[Any, ...]:
    return (None,) * len(INTERVAL) if found is None else (found.mean, found.low, found.high, found.n)


TABLES = {
    "curves.csv": (
        ("method", "seed", "step", "value", "worst_class", "selection_seconds", "training_seconds", "setup_seconds"),
        _curves,
    ),
    "figures_by_seed.csv": (("method", "figure", "seed", "value", "unit"), _by_seed),
    "figures.csv": (
        ("method", "figure", "unit", *INTERVAL, "against_uniform_as", *(f"against_uniform_{each}" for each in INTERVAL),
         "missed", "comparisons", "p_value", "p_sign_flip"),
        _figures,
    ),
    "gates.csv": (
        ("stage", "method", "gate", "outcome", "value", "bound", "unit", *(f"margin_{each}" for each in INTERVAL),
         "missed"),
        _gates,
    ),
    "classes.csv": (("method", "tenth", "class", "chosen_share", "offered_share"), _classes),
    "groups.csv": (("column", "method", "tenth", "group", "chosen_share", "offered_share"), _groups),
    "group_accuracy.csv": (("column", "method", "group", "test_rows", *INTERVAL), _group_accuracy),
}  # fmt: skip
"""File name to its columns and its rows. Where `group_accuracy` has no group, it has the gap: highest less lowest."""


def write_chosen(result: PilotResult, job: Job, folder: Path) -> list[Path]:
    """What every run chose, by rows of the data set.

    Each file holds `chosen` int32 `[steps, batch_size]` (-1 where a batch was short), and of all N rows of the data
    set: `pool` bool, could be chosen; where there are classes `labels` int32, as they are, and `told` int32, as methods
    were told (-1 where a row could not be chosen), and `class_names`; `is_test` bool, and where the training predicts
    classes of these rows, `predictions` int32, of the last evaluation (-1 where `is_test` is false).
    """
    chosen = made(folder / CHOSEN)
    return [_write_run(run, result, job, chosen / f"{file_name(run)}.npz") for run in result.runs]


def file_name(run: Run) -> str:
    """A run's name with nothing that a file system minds.

    >>> import torch
    >>> from saln.pilot.output.files import file_name
    >>> from saln.pilot.training.run import Run
    >>> file_name(Run("guard:floor=0.5:jest", 2, (), 0.0, torch.zeros(0), torch.zeros(0), torch.zeros(0)))
    'guard-floor=0.5-jest-seed2'
    """
    return f"{re.sub(r'[^A-Za-z0-9_.=+-]+', '-', run.method)}-seed{run.seed}"


def _write_run(run: Run, result: PilotResult, job: Job, path: Path) -> Path:
    pool, n_rows = result.pools[run.seed], result.data.n_rows
    could, is_test = np.zeros(n_rows, dtype=bool), np.zeros(n_rows, dtype=bool)
    could[pool.rows.numpy()] = True
    is_test[pool.test_rows.numpy()] = True
    arrays = {"chosen": result.chosen_rows(run).numpy().astype(np.int32), "pool": could, "is_test": is_test}
    if job.labels is not None and pool.labels is not None:
        arrays["labels"] = job.labels.numpy().astype(np.int32)
        arrays["told"] = _spread(n_rows, pool.rows, pool.labels)
        arrays["class_names"] = np.asarray(result.data.class_names, dtype=np.str_)
    if run.predicted is not None:
        arrays["predictions"] = _spread(n_rows, pool.test_rows, run.predicted)
    with whole(path) as new:
        np.savez_compressed(new, **arrays)  # type: ignore[arg-type]
    return path


def _spread(n_rows: int, rows: Tensor, values: Tensor) -> npt.NDArray[np.int32]:
    """Values at rows, -1 elsewhere, `[n_rows]`."""
    spread = np.full(n_rows, -1, dtype=np.int32)
    spread[rows.numpy()] = values.numpy()
    return spread
