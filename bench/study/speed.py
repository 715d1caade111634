"""How good and how fast a method is beside uniform, from finished runs: paired by seed, with intervals."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Sequence

from bench.study.problems import Problem
from bench.study.results import Runs
from saln.pilot.judging.intervals import Interval, interval
from saln.pilot.judging.measures import reaches_uniform, times_as_fast
from saln.pilot.training.trainer import Run

MEASURES = ("steps", "training", "everything")
"""Steps; seconds of selection and training; seconds at total cost: reference network and features counted, too."""


@dataclasses.dataclass(frozen=True)
class Costs:
    """Median milliseconds of a step's selection and training, and of what must be done before, over seeds."""

    selection: float
    training: float
    setup: float


def pairs(runs: Runs, problem: Problem, method: str, beside: str = "uniform") -> tuple[list[Run], list[Run]]:
    """Runs of a method and of another, of the seeds that both have, in order."""
    of = {
        name: {key.seed: run for key, run in runs.items() if key[:3] == (*problem, name)} for name in (method, beside)
    }
    seeds = sorted(of[method].keys() & of[beside].keys())
    return [of[method][seed] for seed in seeds], [of[beside][seed] for seed in seeds]


def final(runs: Runs, problem: Problem, method: str) -> Interval | None:
    """Accuracy after the last step; None without runs."""
    mine, _ = pairs(runs, problem, method, beside=method)
    return interval([run.final.accuracy for run in mine]) if mine else None


def difference(
    runs: Runs, problem: Problem, method: str, beside: str = "uniform", of: str = "accuracy"
) -> Interval | None:
    """A figure of the last evaluation less the other's."""
    both = zip(*pairs(runs, problem, method, beside), strict=True)
    found = [getattr(run.final, of) - getattr(other.final, of) for run, other in both]
    return interval(found) if found else None


def speed(runs: Runs, problem: Problem, method: str, measure: str) -> Interval | None:
    """How many times as fast as uniform to uniform's final accuracy, by one of `MEASURES`."""
    mine, base = pairs(runs, problem, method)
    if not mine:
        return None
    if measure == "steps":
        mine, base = _by_steps(mine), _by_steps(base)
    both = list(zip(mine, base, strict=True))
    logs = [math.log(times_as_fast(run, other, with_setup=measure == "everything")) for run, other in both]
    return interval(logs, missed=sum(not reaches_uniform(run, other) for run, other in both)).exp()


def costs(runs: Runs, problem: Problem, method: str) -> Costs | None:
    """Medians over seeds."""
    mine, _ = pairs(runs, problem, method, beside=method)
    if not mine:
        return None
    return Costs(
        statistics.median(1e3 * run.final.selection_seconds / run.final.step for run in mine),
        statistics.median(1e3 * run.final.training_seconds / run.final.step for run in mine),
        statistics.median(1e3 * run.setup_seconds for run in mine),
    )


def problems_of(runs: Runs) -> list[Problem]:
    """All problems that have runs, in the order of the file."""
    return list(dict.fromkeys(Problem(key.set, key.condition) for key in runs))


def methods_of(runs: Runs, problem: Problem | None = None) -> list[str]:
    """All methods that have runs, of one problem or at all, uniform first."""
    found = dict.fromkeys(key.method for key in runs if problem is None or key[:2] == problem)
    return sorted(found, key=lambda name: name != "uniform")


def _by_steps(runs: Sequence[Run]) -> list[Run]:
    """The same runs on a clock that ticks once a step."""
    return [
        dataclasses.replace(
            run,
            setup_seconds=0.0,
            curve=tuple(
                dataclasses.replace(point, selection_seconds=0.0, training_seconds=float(point.step))
                for point in run.curve
            ),
        )
        for run in runs
    ]
