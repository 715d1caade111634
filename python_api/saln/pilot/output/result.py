"""The outcome of a pilot, complete enough to draw the report from and to check every figure in it."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from importlib import metadata
from typing import Any

import torch

from saln.datasets import Dataset
from saln.pilot.config import PilotConfig
from saln.pilot.judging.by_group import ByGroup
from saln.pilot.judging.costs import Costs
from saln.pilot.judging.equal_time import LongerUniform
from saln.pilot.judging.gates import GateOutcome, GateVerdict
from saln.pilot.judging.kpi import Kpis
from saln.pilot.judging.selection import Selection
from saln.pilot.judging.verdict import Verdict
from saln.pilot.metric import Metric
from saln.pilot.output.decision import Decision, decide
from saln.pilot.problem.pool import Pool
from saln.pilot.problem.task import Task
from saln.pilot.training.trainer import Run

SCHEMA = "saln.pilot/3"


@dataclass(frozen=True)
class DataSummary:
    """The data set, and how it was divided in the first seed; `n_offered` rows make its first super-batch."""

    name: str
    n_rows: int
    n_inputs: int
    n_train: int
    n_reference: int
    n_test: int
    n_offered: int
    n_features: int
    features_computed: bool
    features_given: bool
    missing_values: float
    class_names: tuple[str, ...]
    image_shape: tuple[int, ...] | None
    wrong_labels: int
    copied_rows: int
    rare_classes: tuple[str, ...]


@dataclass(frozen=True)
class Stage:
    """One stage of a staged roll-out.

    Attributes
    ----------
    share : float
        Of the training rows.
    ran : bool
    reason : str
        Why it ran, or why not.
    n_train : int
        0 where it did not run.
    methods : tuple of str
        Uniform first; those that passed all gates of the stage before.
    passed : tuple of str
        Methods that passed all gates of this one.
    kpis : tuple of Kpis
    verdicts : tuple of Verdict
    gates : tuple of GateVerdict
    """

    share: float
    ran: bool
    reason: str
    n_train: int
    methods: tuple[str, ...]
    passed: tuple[str, ...]
    kpis: tuple[Kpis, ...]
    verdicts: tuple[Verdict, ...]
    gates: tuple[GateVerdict, ...]


@dataclass(frozen=True)
class PilotResult:
    """Everything found. Methods stand in the same order everywhere, uniform first.

    Attributes
    ----------
    config : PilotConfig
    data : DataSummary
    target : float
        Accuracy that the figures ending in `to_accuracy` are about.
    runs : tuple of Run
        Their `chosen` are places in `pools[seed].rows`; `chosen_rows` looks them up.
    kpis : tuple of Kpis
    verdicts : tuple of Verdict
        One for each method but uniform.
    selections : tuple of Selection
    notes : tuple of str
        What a reader must know before believing the verdicts.
    versions, machine : dict
    longer : tuple of LongerUniform
        By seed; empty where uniform was run alone.
    pools : tuple of Pool
        By seed.
    by_group : tuple of ByGroup
        One for each group column of the data set.
    gates : tuple of GateVerdict
        Of this stage, every method with every gate.
    stages : tuple of Stage
        All that were asked for, this one among them: the result itself is of the last that ran. Empty without stages.
    costs : Costs or None
    pilot_seconds : float
        All that the pilot took, of every session and stage.
    """

    config: PilotConfig
    data: DataSummary
    target: float
    runs: tuple[Run, ...]
    kpis: tuple[Kpis, ...]
    verdicts: tuple[Verdict, ...]
    selections: tuple[Selection, ...]
    notes: tuple[str, ...]
    versions: dict[str, str]
    machine: dict[str, str]
    longer: tuple[LongerUniform, ...]
    pools: tuple[Pool, ...]
    by_group: tuple[ByGroup, ...]
    gates: tuple[GateVerdict, ...]
    stages: tuple[Stage, ...]
    costs: Costs | None
    pilot_seconds: float

    @property
    def methods(self) -> tuple[str, ...]:
        return tuple(kpis.method for kpis in self.kpis)

    @property
    def metric(self) -> Metric:
        """What runs are judged by; a `score` is its value, with the other sign where less is better."""
        return Metric.named(self.config.metric)

    @property
    def gate_outcome(self) -> GateOutcome | None:
        """Of all stages: failed where one gate failed, else undecided where one is, else passed; None without gates."""
        stages = [gate.outcome for stage in self.stages for gate in stage.gates]
        outcomes = stages or [gate.outcome for gate in self.gates]
        worst: list[GateOutcome] = ["failed", "undecided", "passed"]
        return next((each for each in worst if each in outcomes), None)

    @property
    def decision(self) -> Decision:
        """Adopt a method, extend the pilot, or stop."""
        return decide(self)

    def chosen_rows(self, run: Run) -> torch.Tensor:
        """Rows of the data set that a run trained on, `[steps, batch_size]` int64."""
        return self.pools[run.seed].rows[run.chosen]

    def runs_of(self, method: str) -> list[Run]:
        """Runs of one method in the order of seeds."""
        return sorted((run for run in self.runs if run.method == method), key=lambda run: run.seed)

    def as_dict(self) -> dict[str, Any]:
        """The JSON document: numbers, strings, lists and dicts by the names used here, without tensors and pools."""
        document: dict[str, Any] = _plain(self)
        decided = {"gate_outcome": self.gate_outcome, "decision": _plain(self.decision)}
        return {"schema": SCHEMA, **decided, **document, "config": self.config.as_dict()}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        parts = {each.name: getattr(value, each.name) for each in fields(value) if each.name != "pools"}
        return {name: _plain(part) for name, part in parts.items() if not isinstance(part, torch.Tensor)}
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    # JSON has no NaN and no infinity.
    return None if isinstance(value, float) and not math.isfinite(value) else value


def summarise_data(dataset: Dataset, task: Task) -> DataSummary:
    """The data set in figures, divided as for this task's seed."""
    pool = task.pool
    return DataSummary(
        name=dataset.name,
        n_rows=dataset.x.shape[0],
        n_inputs=dataset.x.shape[1],
        n_train=pool.rows.shape[0],
        n_reference=pool.reference_rows.shape[0],
        n_test=pool.test_rows.shape[0],
        n_offered=len(task.order.super_batch(0, 0)),
        n_features=task.features.shape[1],
        features_computed=task.features_computed,
        features_given=dataset.features_given,
        missing_values=float(dataset.x.isnan().float().mean()),
        class_names=dataset.class_names,
        image_shape=tuple(task.x_train.shape[1:]) if task.x_train.dim() == 4 else None,
        wrong_labels=int(pool.wrong.sum()),
        copied_rows=int(pool.copies.sum()),
        rare_classes=tuple(dataset.class_names[int(value)] for value in pool.rare),
    )


def versions(packages: Sequence[str] = ("saln-kernels", "torch", "numpy", "scikit-learn")) -> dict[str, str]:
    """Versions of Python and of what the figures depend on."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def machine(device: str = "cpu") -> dict[str, str]:
    """Where the seconds were measured."""
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "torch threads": str(torch.get_num_threads()),
        "system": platform.platform(terse=True),
        "device": torch.cuda.get_device_name(device) if torch.device(device).type == "cuda" else device,
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
