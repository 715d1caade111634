"""The outcome of a pilot, complete enough to draw the report from and to check every figure in it."""

from __future__ import annotations

import io
import math
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import torch

from saln.pilot.config import PilotConfig
from saln.pilot.job import DataSummary, Pool
from saln.pilot.judging.by_group import ByGroup
from saln.pilot.judging.costs import Costs
from saln.pilot.judging.equal_time import LongerUniform
from saln.pilot.judging.gates import GateOutcome, GateVerdict
from saln.pilot.judging.intervals import Interval
from saln.pilot.judging.kpi import Kpis
from saln.pilot.judging.selection import Selection
from saln.pilot.judging.verdict import Verdict
from saln.pilot.metric import Metric
from saln.pilot.output.decision import Decision, decide
from saln.pilot.training.run import Run

SCHEMA = "saln.pilot/4"


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


@dataclass(frozen=True, repr=False)
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
        return Metric.named(self.config.metric or "accuracy", self.config.higher_is_better)

    @property
    def steps(self) -> int:
        """Batches of every run."""
        return self.runs[0].final.step

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
        """Rows of the data set that a run trained on, `[steps, batch_size]` int64; -1 where a batch was short."""
        return torch.where(run.chosen >= 0, self.pools[run.seed].rows[run.chosen.clamp_min(0)], -1)

    def runs_of(self, method: str) -> list[Run]:
        """Runs of one method in the order of seeds."""
        return sorted((run for run in self.runs if run.method == method), key=lambda run: run.seed)

    def __repr__(self) -> str:
        size = f"{self.config.seeds} × {self.steps} steps"
        return f"PilotResult({', '.join(self.methods)}: {size}; {self.decision.outcome})"

    def __str__(self) -> str:
        """What `saln pilot` prints."""
        plain = {"force_jupyter": False, "force_terminal": False, "width": 100}
        console = import_module("rich.console").Console(file=io.StringIO(), **plain)
        import_module("saln.pilot.output.screen").print_result(self, console)  # which stands above this module
        text: str = console.file.getvalue()
        return text

    def to_frame(self) -> Any:
        """A pandas DataFrame, a row for each method and figure: its mean, its interval, and both against uniform.

        Values of the metric are as the training reports them. An ImportError that says so where pandas is not
        installed: `print(result)` and `as_dict` need nothing.
        """
        try:
            pandas = import_module("pandas")
        except ImportError as error:
            raise ImportError("a frame needs pandas: pip install pandas; print(result) needs nothing more") from error
        rows = []
        for kpis in self.kpis:
            for name, found in kpis.intervals.items():
                against = kpis.against_uniform.get(name)
                rows.append(
                    {
                        "method": kpis.method,
                        "figure": name,
                        **_ends("", found),
                        **_ends("against_uniform_", against),
                        "p_value": None if against is None else against.p_value,
                    }
                )
        return pandas.DataFrame(rows)

    def report(self, path: str | Path, lang: str = "en") -> Path:
        """Write the page, one HTML file that needs no other and no network.

        Parameters
        ----------
        path : str or Path
        lang : {"en", "ja"}
        """
        pages = import_module("saln.pages")  # which stands above the pilot
        written: Path = pages.render_report(self, Path(path), lang=lang)
        return written

    def _repr_html_(self) -> str:
        """For notebooks: what to do, and why."""
        html: str = import_module("saln.pages").summary_html(self)
        return html

    def as_dict(self) -> dict[str, Any]:
        """The JSON document: numbers, strings, lists and dicts by the names used here, without tensors and pools."""
        document: dict[str, Any] = _plain(self)
        decided = {"gate_outcome": self.gate_outcome, "decision": _plain(self.decision)}
        return {"schema": SCHEMA, **decided, **document, "config": self.config.as_dict()}


def _ends(prefix: str, found: Interval | None) -> dict[str, float | None]:
    values = (None, None, None) if found is None else (found.mean, found.low, found.high)
    return {f"{prefix}{name}": value for name, value in zip(("mean", "low", "high"), values, strict=True)}


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
