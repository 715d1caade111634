"""The outcome of a pilot, complete enough to draw the report from and to check every figure in it."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

import torch

from saln.datasets import Dataset
from saln.pilot.config import PilotConfig
from saln.pilot.kpi import Kpis
from saln.pilot.selection import Selection
from saln.pilot.trainer import Run
from saln.pilot.verdict import Verdict

SCHEMA = "saln.pilot/1"


@dataclass(frozen=True)
class DataSummary:
    """The data set, and how it was divided in the first seed."""

    name: str
    n_rows: int
    n_inputs: int
    n_train: int
    n_reference: int
    n_test: int
    n_features: int
    features_computed: bool
    missing_values: float
    class_names: tuple[str, ...]


@dataclass(frozen=True)
class PilotResult:
    """Everything found. Methods stand in the same order everywhere, uniform first.

    Attributes
    ----------
    config : PilotConfig
    data : DataSummary
    target : float
        Accuracy that `Kpis.target` refers to.
    runs : tuple of Run
    kpis : tuple of Kpis
    verdicts : tuple of Verdict
        One for each method but uniform.
    selections : tuple of Selection
    notes : tuple of str
        What a reader must know before believing the verdicts.
    versions, machine : dict
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

    @property
    def methods(self) -> tuple[str, ...]:
        return tuple(kpis.method for kpis in self.kpis)

    def runs_of(self, method: str) -> list[Run]:
        """Runs of one method in the order of seeds."""
        return sorted((run for run in self.runs if run.method == method), key=lambda run: run.seed)

    def as_dict(self) -> dict[str, Any]:
        """The JSON document: numbers, strings, lists and dicts only; what is not known is None."""
        document = {
            "schema": SCHEMA,
            "versions": self.versions,
            "machine": self.machine,
            "config": self.config.as_dict(),
            "data": asdict(self.data),
            "target_accuracy": self.target,
            "kpis": [asdict(each) for each in self.kpis],
            "verdicts": [asdict(each) for each in self.verdicts],
            "selections": [asdict(each) for each in self.selections],
            "runs": [_run_as_dict(run) for run in self.runs],
            "notes": list(self.notes),
        }
        cleaned: dict[str, Any] = _finite(document)
        return cleaned


def _run_as_dict(run: Run) -> dict[str, Any]:
    return {
        "method": run.method,
        "seed": run.seed,
        "setup_seconds": run.setup_seconds,
        "kept_samples": int(run.chosen.numel()),
        "curve": [asdict(point) for point in run.curve],
    }


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def summarise_data(dataset: Dataset, n_train: int, n_test: int, n_features: int, computed: bool) -> DataSummary:
    """The data set in figures."""
    return DataSummary(
        name=dataset.name,
        n_rows=dataset.x.shape[0],
        n_inputs=dataset.x.shape[1],
        n_train=n_train,
        n_reference=dataset.x.shape[0] - n_train - n_test,
        n_test=n_test,
        n_features=n_features,
        features_computed=computed,
        missing_values=float(dataset.x.isnan().float().mean()),
        class_names=dataset.class_names,
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


def machine() -> dict[str, str]:
    """Where the seconds were measured."""
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "torch threads": str(torch.get_num_threads()),
        "system": platform.platform(terse=True),
        "device": "cpu",
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
