"""Equal wall clock, both ways: a method stopped when uniform was over, and uniform given as long as the method took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from saln.pilot.training.point import Point
from saln.pilot.training.run import Run

ALIKE = 1.02
"""Runs whose lengths differ by so little are one."""


@dataclass(frozen=True)
class Longer:
    """A run of uniform that was longer than usual: how it went, and what it took, evaluations and all."""

    curve: tuple[Point, ...]
    wall_seconds: float


@dataclass(frozen=True)
class LongerUniform:
    """Uniform, given as long as each method took.

    Attributes
    ----------
    seed : int
    budgets : tuple of float
        Seconds, ascending.
    curve : tuple of Point
        Of each budget, how uniform stands after as many seconds; a training that anneals is run anew for each.
    wall_seconds : float
        What finding this out took.
    """

    seed: int
    budgets: tuple[float, ...]
    curve: tuple[Point, ...]
    wall_seconds: float

    def at(self, seconds: float) -> Point:
        """Uniform after so many seconds; that of the longest budget where it was never given as long."""
        return next(
            (point for budget, point in zip(self.budgets, self.curve, strict=True) if budget >= seconds), self.curve[-1]
        )


def time_budgets(runs: Sequence[Run]) -> tuple[float, ...]:
    """Seconds that the methods of one seed took, without and with what came before the first step."""
    taken = {run.final.seconds for run in runs if run.method != "uniform"}
    with_setup = {run.total_seconds for run in runs if run.method != "uniform"}
    return tuple(sorted(taken | with_setup))


def stretches(
    budgets: Sequence[float], uniform: Run, *, anneals: bool, there: Iterable[float] = ()
) -> dict[float, float]:
    """How many times as long as usual to train uniform for each budget that asks for more; one length serves those
    that differ by little, and the longest serves all of a training that does not anneal. What is there already is used.

    >>> import torch
    >>> from saln.pilot.judging.equal_time import stretches
    >>> from saln.pilot.training.point import Point
    >>> from saln.pilot.training.run import Run
    >>> run = Run("uniform", 0, (Point(100, 0.5, None, 0.0, 10.0),), 0.0, torch.zeros(0), torch.zeros(0), None)
    >>> stretches((9.0, 14.9, 15.0, 20.0), run, anneals=True)
    {14.9: 1.5, 15.0: 1.5, 20.0: 2.0}
    >>> stretches((9.0, 14.9, 15.0, 20.0), run, anneals=True, there=(1.51, 3.0))
    {14.9: 1.51, 15.0: 1.51, 20.0: 2.0}
    """
    longer = [each for each in budgets if each > ALIKE * uniform.final.seconds]
    found: dict[float, float] = {}
    lengths = set(there)
    for budget in reversed(longer):
        times = budget / uniform.final.seconds
        fit = [each for each in lengths if times <= each and (not anneals or each <= ALIKE * times)]
        found[budget] = min(fit, default=times)
        lengths.add(found[budget])
    return dict(sorted(found.items()))


def longer_uniform(
    seed: int, budgets: Sequence[float], uniform: Run, runs: Mapping[float, Longer], *, anneals: bool
) -> LongerUniform | None:
    """How uniform stands after each budget, by its longer runs; None where one is missing."""
    wanted = stretches(budgets, uniform, anneals=anneals, there=runs)
    if not set(wanted.values()) <= set(runs):
        return None
    points = []
    for budget in budgets:
        if budget not in wanted:
            points.append(uniform.final)
        elif anneals:
            points.append(runs[wanted[budget]].curve[-1])
        else:
            points.append(point_at(runs[wanted[budget]].curve, budget))
    taken = sum(runs[each].wall_seconds for each in set(wanted.values()))
    return LongerUniform(seed, tuple(budgets), tuple(points), taken)


def point_at(curve: Sequence[Point], seconds: float) -> Point:
    """A run after so many seconds: between evaluations on the straight line, at its end what it was last."""
    later = next((i for i, point in enumerate(curve) if point.seconds >= seconds), None)
    if later is None or later == 0:
        return curve[-1 if later is None else 0]
    step = np.interp(seconds, [point.seconds for point in curve], [float(point.step) for point in curve])
    return Point(int(step), accuracy_at(curve, seconds), None, 0.0, seconds)


def accuracy_at(curve: Sequence[Point], seconds: float) -> float:
    """Score after so many seconds, on the straight line between the evaluations around; the ends go on level."""
    return float(np.interp(seconds, [point.seconds for point in curve], [point.score for point in curve]))


def accuracy_in_uniforms_time(run: Run, uniform: Run, *, with_setup: bool) -> float:
    """A method's score at the moment when uniform's run is over by the clock."""
    budget = uniform.final.seconds - (run.setup_seconds - uniform.setup_seconds if with_setup else 0.0)
    return accuracy_at(run.curve, budget)


def lead_in_own_time(run: Run, uniform: Run, longer: LongerUniform, *, with_setup: bool) -> float:
    """A method's final score less uniform's when that may train for as many seconds.

    Uniform's is the better of what it has after as many seconds and after as many steps: with more time than it needs
    it may grow worse, on wrong labels above all, and nobody would let it.
    """
    after = longer.at(run.total_seconds if with_setup else run.final.seconds).score
    return run.final.score - max(after, uniform.final.score)
