"""One run of the study: a task, a condition, a method, a seed, a length. What is there is not run again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.study.conditions import CONDITIONS, Clean, Spoiled
from bench.study.task import Task, Training
from saln.pilot import FunctionJob, PilotConfig
from saln.pilot.training.clock import cpu_time
from saln.pilot.training.methods import make_methods
from saln.pilot.training.run import run_method
from saln.selectors import Offer, Selector

FIRST_SEED = 10  # the default's constants were chosen on seeds below
ORACLE = "oracle"


@dataclass(frozen=True, order=True)
class Cell:
    """What is run.

    Attributes
    ----------
    length : float
        Steps over the task's own, with a schedule of that length.
    """

    task: str
    condition: str
    method: str
    seed: int
    length: float = 1.0


class Oracle(Selector):
    """Draws rows in proportion to what they are worth, which it knows; all rows that are worth the same in turn."""

    name = ORACLE
    description = "what nobody has: knowledge of what was spoiled"
    paper = "this bench"
    reads = ("indices",)

    def __init__(self, worth: Tensor) -> None:
        self.worth = worth

    def _choose(self, offer: Offer, size: int) -> Tensor:
        worth = self.worth[offer["indices"]]
        if len(worth[worth > 0].unique()) <= 1:
            return (-worth).argsort(stable=True)[:size]
        return offer.draw(worth.double().log(), size)


class Runs:
    """Finished runs, a line of JSON each.

    Parameters
    ----------
    file : Path
    commit : str
        Of the code that makes new ones.
    """

    def __init__(self, file: Path, commit: str = "") -> None:
        self._file, self._commit = file, commit
        lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        self.found: dict[Cell, dict[str, Any]] = {_cell(line): line for line in lines}

    def missing(self, cells: Iterator[Cell]) -> list[Cell]:
        """Those that were not run, in their order."""
        return [cell for cell in cells if cell not in self.found]

    def add(self, cell: Cell, task: Task) -> dict[str, Any]:
        """Run one and write it down. Seconds are of CPU time, of all threads; features are taken as given."""
        line = {**asdict(cell), "commit": self._commit, **_run(cell, task)}
        with self._file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line) + "\n")
        self.found[cell] = line
        return line


def spoil(task: Task, condition: str, seed: int) -> Spoiled:
    """The same for every method of a seed."""
    return CONDITIONS[condition](Clean(task.labels, task.guesses), torch.Generator().manual_seed(seed))


def _cell(line: dict[str, Any]) -> Cell:
    return Cell(**{name: line[name] for name in Cell.__dataclass_fields__})


def _run(cell: Cell, task: Task) -> dict[str, Any]:
    spoiled = spoil(task, cell.condition, cell.seed)
    metric = "balanced_accuracy" if spoiled.balanced else task.metric
    noise = torch.Generator().manual_seed(cell.seed)
    features = task.features[spoiled.rows]
    if spoiled.jitter:
        spread = features.std(dim=0, keepdim=True)
        features = features + spoiled.jitter * spread * torch.randn(features.shape, generator=noise)
    job = FunctionJob(Training(task, spoiled), features, spoiled.labels, name=cell.task)
    config = PilotConfig(batch_size=task.batch_size, metric=metric)
    method = make_methods([Oracle(spoiled.worth) if cell.method == ORACLE else cell.method], job.provides, metric)[-1]
    if cell.method.startswith("auto:") and spoiled.balanced:
        assert method.selector is not None
        method.selector.set_params(metric=metric)
    with cpu_time():
        n_steps = round(cell.length * task.steps)
        run = run_method(method, job.problem(config, cell.seed), config, n_steps=n_steps, stretch=cell.length)
    assert run is not None
    chosen = run.chosen[run.chosen >= 0]
    return {
        "judged_by": metric,
        "final": {name: round(value, 4) for name, value in run.final.metrics.items()},
        "curve": [[point.step, round(point.seconds, 3), round(point.metrics[metric], 4)] for point in run.curve],
        "seconds": round(run.total_seconds, 2),
        "selecting": round(run.final.selection_seconds, 2),
        "wrong_chosen": round(float(spoiled.wrong[chosen].float().mean()), 4),
        "rows_chosen": int(spoiled.rows[chosen].unique().numel()),
        "figures": {name: round(float(value), 4) for name, value in run.figures.items()},
    }
