"""Equal wall clock, both ways: a method stopped when uniform was over, and uniform given as long as the method took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saln.pilot.training.trainer import Point, Run


@dataclass(frozen=True)
class LongerUniform:
    """Uniform, trained on from the same start until it had taken as long as each method.

    Attributes
    ----------
    seed : int
    budgets : tuple of float
        Seconds, ascending.
    curve : tuple of Point
        The first step over at each budget or later.
    wall_seconds : float
        What finding this out took.
    """

    seed: int
    budgets: tuple[float, ...]
    curve: tuple[Point, ...]
    wall_seconds: float

    def at(self, seconds: float) -> Point:
        """Uniform after so many seconds; the last evaluation where it did not train for so long."""
        return next((point for point in self.curve if point.seconds >= seconds), self.curve[-1])


def time_budgets(runs: Sequence[Run]) -> tuple[float, ...]:
    """Seconds that the methods of one seed took, without and with what came before the first step."""
    taken = {run.final.seconds for run in runs if run.method != "uniform"}
    with_setup = {run.total_seconds for run in runs if run.method != "uniform"}
    return tuple(sorted(taken | with_setup))


def accuracy_at(curve: Sequence[Point], seconds: float) -> float:
    """Accuracy after so many seconds, on the straight line between the evaluations around; the ends go on level."""
    return float(np.interp(seconds, [point.seconds for point in curve], [point.score for point in curve]))


def accuracy_in_uniforms_time(run: Run, uniform: Run, *, with_setup: bool) -> float:
    """A method's accuracy at the moment when uniform's run is over by the clock."""
    budget = uniform.final.seconds - (run.setup_seconds - uniform.setup_seconds if with_setup else 0.0)
    return accuracy_at(run.curve, budget)


def lead_in_own_time(run: Run, uniform: Run, longer: LongerUniform, *, with_setup: bool) -> float:
    """A method's final accuracy less uniform's when that may train for as many seconds.

    Uniform's is the better of what it has after as many seconds and after as many steps: with more time than it needs
    it may grow worse, on wrong labels above all, and nobody would let it.
    """
    after = longer.at(run.total_seconds if with_setup else run.final.seconds).score
    return run.final.score - max(after, uniform.final.score)
