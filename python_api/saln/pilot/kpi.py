"""Key figures of a method beside uniform, from the runs of both, seed by seed."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from saln.pilot.intervals import Interval, geometric_interval, interval
from saln.pilot.trainer import Point, Run

TARGET_SHARE = 0.99
"""Of uniform's mean final accuracy: the target accuracy unless one is given."""


@dataclass(frozen=True)
class Reached:
    """Cost of getting to the target: mean over the seeds that got there, or None where none did.

    The first evaluation at or above the target counts; between evaluations nothing is interpolated.
    """

    seeds: int
    steps: float | None
    samples: float | None
    seconds: float | None
    seconds_with_setup: float | None


@dataclass(frozen=True)
class SpeedUp:
    """Uniform's seconds over the method's, each to uniform's final accuracy of the same seed.

    Attributes
    ----------
    ratio : Interval
        Above 1 is faster. Geometric mean over seeds.
    missed : int
        Seeds where the method never got there. They enter with the seconds of the whole run, so that `ratio` is then
        the most it can have been.
    """

    ratio: Interval
    missed: int


@dataclass(frozen=True)
class Kpis:
    """All figures of one method. Accuracies are shares of 1, times are seconds, `with_setup` counts features and
    reference network.

    Attributes
    ----------
    method : str
    final_accuracy, final_accuracy_sd : float
        Mean and standard deviation over seeds.
    difference : Interval or None
        Final accuracy minus uniform's, paired by seed; None for uniform itself.
    difference_equal_time, difference_equal_time_with_setup : Interval or None
        The same at the moment when uniform's run is over by the clock.
    target : Reached
    speed_up, speed_up_with_setup : SpeedUp or None
    worst_class : float
        Final accuracy of the worst class, mean over seeds.
    largest_drop : float
        Largest fall of accuracy between two evaluations, mean over seeds.
    step_seconds : float
        Selection and training of one step, mean.
    overhead : float
        Share of the step spent selecting.
    setup_seconds : float
        Mean over seeds.
    """

    method: str
    final_accuracy: float
    final_accuracy_sd: float
    difference: Interval | None
    difference_equal_time: Interval | None
    difference_equal_time_with_setup: Interval | None
    target: Reached
    speed_up: SpeedUp | None
    speed_up_with_setup: SpeedUp | None
    worst_class: float
    largest_drop: float
    step_seconds: float
    overhead: float
    setup_seconds: float


def first_reaching(curve: Sequence[Point], accuracy: float) -> Point | None:
    """The first evaluation at or above an accuracy."""
    return next((point for point in curve if point.accuracy >= accuracy), None)


def accuracy_at(curve: Sequence[Point], seconds: float) -> float:
    """Accuracy after so many seconds, on the straight line between the evaluations around; the ends go on level."""
    return float(np.interp(seconds, [point.seconds for point in curve], [point.accuracy for point in curve]))


def largest_drop(curve: Sequence[Point]) -> float:
    """Largest fall of accuracy from one evaluation to the next; 0 where it never fell."""
    falls = [before.accuracy - after.accuracy for before, after in pairwise(curve)]
    return max([0.0, *falls])


def speed_up(runs: Sequence[Run], uniform: Sequence[Run], *, with_setup: bool) -> SpeedUp:
    """Seconds to uniform's final accuracy, uniform's over the method's, paired by seed."""
    ratios, missed = [], 0
    for run, base in zip(runs, uniform, strict=True):
        goal = base.final.accuracy
        base_point = first_reaching(base.curve, goal) or base.final
        point = first_reaching(run.curve, goal)
        missed += point is None
        seconds = (point or run.final).seconds + (run.setup_seconds if with_setup else 0.0)
        base_seconds = base_point.seconds + (base.setup_seconds if with_setup else 0.0)
        # A goal met before the first step costs nothing on either side.
        ratios.append(max(base_seconds, 1e-9) / max(seconds, 1e-9))
    return SpeedUp(geometric_interval(ratios), missed)


def target_accuracy(uniform: Sequence[Run]) -> float:
    """The default target: a little below uniform's mean final accuracy."""
    return TARGET_SHARE * statistics.fmean(run.final.accuracy for run in uniform)


def compute_kpis(runs: Sequence[Run], uniform: Sequence[Run], target: float, batch_size: int) -> Kpis:
    """Figures of one method; `runs` and `uniform` hold the same seeds in the same order.

    Parameters
    ----------
    runs, uniform : sequence of Run
        For uniform itself, the same object twice: it is then not compared.
    target : float
        Accuracy whose cost `Kpis.target` gives.
    batch_size : int
        Samples a step.
    """
    if [run.seed for run in runs] != [run.seed for run in uniform]:
        raise ValueError("runs and uniform must hold the same seeds in the same order")
    finals = [run.final.accuracy for run in runs]
    selection = sum(run.final.selection_seconds for run in runs)
    total = sum(run.final.seconds for run in runs)
    compared = runs is not uniform
    return Kpis(
        method=runs[0].method,
        final_accuracy=statistics.fmean(finals),
        final_accuracy_sd=statistics.stdev(finals) if len(finals) > 1 else 0.0,
        difference=_difference(runs, uniform) if compared else None,
        difference_equal_time=_equal_time(runs, uniform, with_setup=False) if compared else None,
        difference_equal_time_with_setup=_equal_time(runs, uniform, with_setup=True) if compared else None,
        target=_reached(runs, target, batch_size),
        speed_up=speed_up(runs, uniform, with_setup=False) if compared else None,
        speed_up_with_setup=speed_up(runs, uniform, with_setup=True) if compared else None,
        worst_class=statistics.fmean(run.final.worst_class for run in runs),
        largest_drop=statistics.fmean(largest_drop(run.curve) for run in runs),
        step_seconds=total / sum(run.final.step for run in runs),
        overhead=selection / total if total > 0 else 0.0,
        setup_seconds=statistics.fmean(run.setup_seconds for run in runs),
    )


def _difference(runs: Sequence[Run], uniform: Sequence[Run]) -> Interval:
    return interval([run.final.accuracy - base.final.accuracy for run, base in zip(runs, uniform, strict=True)])


def _equal_time(runs: Sequence[Run], uniform: Sequence[Run], *, with_setup: bool) -> Interval:
    differences = []
    for run, base in zip(runs, uniform, strict=True):
        budget = base.final.seconds - (run.setup_seconds - base.setup_seconds if with_setup else 0.0)
        differences.append(accuracy_at(run.curve, budget) - base.final.accuracy)
    return interval(differences)


def _reached(runs: Sequence[Run], target: float, batch_size: int) -> Reached:
    found = [(run, point) for run in runs if (point := first_reaching(run.curve, target)) is not None]
    if not found:
        return Reached(0, None, None, None, None)
    steps = statistics.fmean(point.step for _, point in found)
    return Reached(
        seeds=len(found),
        steps=steps,
        samples=steps * batch_size,
        seconds=statistics.fmean(point.seconds for _, point in found),
        seconds_with_setup=statistics.fmean(point.seconds + run.setup_seconds for run, point in found),
    )
