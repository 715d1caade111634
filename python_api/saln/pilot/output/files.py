"""A pilot's outcome in files: the whole of it as JSON, tables as CSV, what every run chose as npz."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from saln.datasets import Dataset
from saln.pilot.judging.intervals import Interval
from saln.pilot.judging.kpi import Kpis
from saln.pilot.judging.measures import MEASURES
from saln.pilot.output.result import PilotResult
from saln.pilot.training.trainer import Run

RESULT = "result.json"
CHOSEN = "chosen"
"""Folder with `METHOD-seedS.npz` for every run."""
TABLES = tuple(
    f"{name}.csv" for name in ("curves", "figures_by_seed", "figures", "gates", "classes", "groups", "group_accuracy")
)
INTERVAL_COLUMNS = ("mean", "low", "high", "bootstrap_low", "bootstrap_high", "seeds")


def write_json(result: PilotResult, folder: Path, command: str | None = None) -> Path:
    """`PilotResult.as_dict` in `result.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / RESULT
    path.write_text(json.dumps({**result.as_dict(), "command": command}, indent=1), "utf-8")
    return path


def write_tables(result: PilotResult, folder: Path) -> list[Path]:
    """Curves, figures by seed and with intervals and tests, gates, shares of classes and of groups, accuracy by group.

    A CSV file each. In `group_accuracy.csv` the row without a group is the gap: highest less lowest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return [
        _write(folder / "curves.csv", CURVE_COLUMNS, _curves(result)),
        _write(folder / "figures_by_seed.csv", ("method", "figure", "seed", "value", "unit"), _by_seed(result)),
        _write(folder / "figures.csv", FIGURE_COLUMNS, _figures(result)),
        _write(folder / "gates.csv", GATE_COLUMNS, _gates(result)),
        _write(folder / "classes.csv", ("method", "tenth", "class", "chosen_share", "offered_share"), _classes(result)),
        _write(folder / "groups.csv", GROUP_COLUMNS, _groups(result)),
        _write(folder / "group_accuracy.csv", GROUP_ACCURACY_COLUMNS, _group_accuracy(result)),
    ]


CURVE_COLUMNS = (
    "method", "seed", "step", "accuracy", "worst_class", "selection_seconds", "training_seconds", "setup_seconds",
)  # fmt: skip
FIGURE_COLUMNS = (
    "method", "figure", "unit", *INTERVAL_COLUMNS, "against_uniform_as",
    *(f"against_uniform_{name}" for name in INTERVAL_COLUMNS), "p_value", "p_holm", "p_sign_flip",
)  # fmt: skip
GATE_COLUMNS = (
    "stage", "method", "gate", "outcome", "value", "bound", *(f"margin_{name}" for name in INTERVAL_COLUMNS), "missed",
)  # fmt: skip
GROUP_COLUMNS = ("column", "method", "tenth", "group", "chosen_share", "offered_share")
GROUP_ACCURACY_COLUMNS = ("column", "method", "group", "test_rows", *INTERVAL_COLUMNS)


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(["" if value is None else value for value in row] for row in rows)
    return path


def _curves(result: PilotResult) -> Iterable[Sequence[Any]]:
    for run in result.runs:
        for point in run.curve:
            yield (
                run.method, run.seed, point.step, point.accuracy, point.worst_class, point.selection_seconds,
                point.training_seconds, run.setup_seconds,
            )  # fmt: skip
    for longer in result.longer:
        for point in longer.curve:
            yield (
                "uniform for longer",
                longer.seed,
                point.step,
                point.accuracy,
                point.worst_class,
                0.0,
                point.seconds,
                0.0,
            )


def _by_seed(result: PilotResult) -> Iterable[Sequence[Any]]:
    for kpis in result.kpis:
        for name, values in kpis.values.items():
            for run, value in zip(result.runs_of(kpis.method), values, strict=True):
                yield kpis.method, name, run.seed, value, _unit(name, result)


def _figures(result: PilotResult) -> Iterable[Sequence[Any]]:
    for kpis in result.kpis:
        for name in MEASURES:
            yield kpis.method, name, _unit(name, result), *_figure(kpis, name)


def _figure(kpis: Kpis, name: str) -> tuple[Any, ...]:
    test = kpis.tests.get(name)
    against = kpis.against_uniform.get(name)
    kind = None if against is None else "ratio" if MEASURES[name].as_ratio else "difference"
    p_values = (None, None, None) if test is None else (test.p_value, test.p_holm, test.p_sign_flip)
    return *_interval(kpis.intervals[name]), kind, *_interval(against), *p_values


def _gates(result: PilotResult) -> Iterable[Sequence[Any]]:
    of_stages = [(stage.share, stage.gates) for stage in result.stages] or [(1.0, result.gates)]
    for share, gates in of_stages:
        for each in gates:
            margin = _interval(each.margin)
            yield share, each.method, each.gate, each.outcome, each.value, each.bound, *margin, each.missed


def _classes(result: PilotResult) -> Iterable[Sequence[Any]]:
    for each in result.selections:
        for tenth, shares in enumerate(each.class_share_over_time):
            for name, share, offered in zip(result.data.class_names, shares, each.pool_share, strict=True):
                yield each.method, tenth, name, share, offered


def _groups(result: PilotResult) -> Iterable[Sequence[Any]]:
    for column in result.by_group:
        for each in column.methods:
            for tenth, shares in enumerate(each.share_over_time):
                for name, share, offered in zip(column.groups, shares, column.pool_share, strict=True):
                    yield column.column, each.method, tenth, name, share, offered


def _group_accuracy(result: PilotResult) -> Iterable[Sequence[Any]]:
    for column in result.by_group:
        for each in column.methods:
            for name, rows, found in zip(column.groups, column.test_rows, each.accuracy, strict=True):
                yield column.column, each.method, name, rows, *_interval(found)
            yield column.column, each.method, None, sum(column.test_rows), *_interval(each.gap)


def _unit(name: str, result: PilotResult) -> str:
    unit = MEASURES[name].unit
    return result.config.currency if unit == "currency" else unit


def _interval(found: Interval | None) -> tuple[Any, ...]:
    if found is None:
        return (None,) * len(INTERVAL_COLUMNS)
    return found.mean, found.low, found.high, found.bootstrap_low, found.bootstrap_high, found.n


def write_chosen(result: PilotResult, dataset: Dataset, folder: Path) -> list[Path]:
    """What every run chose, by rows of the data set.

    Each file holds `chosen` int32 `[steps, batch_size]`, and of all N rows of the data set: `pool` bool, could be
    chosen; `labels` int32, as they are; `told` int32, as methods were told (-1 where a row could not be chosen);
    `is_test` bool; `predictions` int32, of the last evaluation (-1 where `is_test` is false).
    """
    (folder / CHOSEN).mkdir(parents=True, exist_ok=True)
    return [_write_run(run, result, dataset, folder / CHOSEN / f"{file_name(run)}.npz") for run in result.runs]


def file_name(run: Run) -> str:
    """A run's name with nothing that a file system minds.

    >>> import torch
    >>> from saln.pilot.output.files import file_name
    >>> from saln.pilot.training.trainer import Run
    >>> file_name(Run("guard:floor=0.5:jest", 2, (), 0.0, torch.zeros(0), torch.zeros(0), torch.zeros(0)))
    'guard-floor=0.5-jest-seed2'
    """
    return f"{re.sub(r'[^A-Za-z0-9_.=+-]+', '-', run.method)}-seed{run.seed}"


def _write_run(run: Run, result: PilotResult, dataset: Dataset, path: Path) -> Path:
    pool = result.pools[run.seed]
    n_rows = dataset.labels.shape[0]
    rows, test_rows = pool.rows.numpy(), pool.test_rows.numpy()
    could, is_test = np.zeros(n_rows, dtype=bool), np.zeros(n_rows, dtype=bool)
    could[rows] = True
    is_test[test_rows] = True
    told, predictions = np.full(n_rows, -1, dtype=np.int32), np.full(n_rows, -1, dtype=np.int32)
    told[rows] = pool.labels.numpy()
    predictions[test_rows] = run.predicted.numpy()
    np.savez_compressed(
        path,
        chosen=result.chosen_rows(run).numpy().astype(np.int32),
        pool=could,
        labels=dataset.labels.numpy().astype(np.int32),
        told=told,
        is_test=is_test,
        predictions=predictions,
    )
    return path
