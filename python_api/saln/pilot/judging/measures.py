"""The key figures by name: what each is, of one run. Gates, tables and tests go by this list."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from saln.pilot.judging.equal_time import LongerUniform, accuracy_in_uniforms_time, lead_in_own_time
from saln.pilot.training.trainer import Point, Run


@dataclass(frozen=True)
class Yardstick:
    """What a run is measured against.

    Attributes
    ----------
    target : float
        The accuracy to get to.
    batch_size : int
    price_per_hour : float or None
    uniform : dict of int to Run
        By seed.
    longer : dict of int to LongerUniform
        By seed; empty where uniform was run alone.
    median_accuracy : float
        Median over seeds of the final accuracy of the run's method.
    """

    target: float
    batch_size: int
    price_per_hour: float | None
    uniform: Mapping[int, Run]
    longer: Mapping[int, LongerUniform]
    median_accuracy: float


@dataclass(frozen=True)
class Measure:
    """A key figure.

    Attributes
    ----------
    unit : str
        Empty for shares and ratios.
    lower_is_better : bool
    as_ratio : bool
        Compared with uniform by the ratio of both, not by their difference.
    description : str
    of : callable
        The figure of one run; None where a target was never reached or no price is known.
    """

    unit: str
    lower_is_better: bool
    as_ratio: bool
    description: str
    of: Callable[[Run, Yardstick], float | None]


def first_reaching(curve: Sequence[Point], accuracy: float) -> Point | None:
    """The first evaluation at or above an accuracy."""
    return next((point for point in curve if point.accuracy >= accuracy), None)


def largest_drop(curve: Sequence[Point]) -> float:
    """Largest fall of accuracy from one evaluation to the next; 0 where it never fell."""
    falls = [before.accuracy - after.accuracy for before, after in pairwise(curve)]
    return max([0.0, *falls])


def times_as_fast(run: Run, uniform: Run, *, with_setup: bool) -> tuple[float, bool]:
    """Uniform's seconds over the run's, each to uniform's final accuracy, and whether the run got there.

    A run that did not enters with all its seconds: the ratio is then the most it can have been.
    """
    goal = uniform.final.accuracy
    base = first_reaching(uniform.curve, goal) or uniform.final
    point = first_reaching(run.curve, goal)
    seconds = (point or run.final).seconds + (run.setup_seconds if with_setup else 0.0)
    base_seconds = base.seconds + (uniform.setup_seconds if with_setup else 0.0)
    # A goal met before the first step costs nothing on either side.
    return max(base_seconds, 1e-9) / max(seconds, 1e-9), point is not None


def _to_target(figure: Callable[[Point, Run], float]) -> Callable[[Run, Yardstick], float | None]:
    def of(run: Run, yardstick: Yardstick) -> float | None:
        point = first_reaching(run.curve, yardstick.target)
        return None if point is None else figure(point, run)

    return of


def _samples(run: Run, yardstick: Yardstick) -> float | None:
    point = first_reaching(run.curve, yardstick.target)
    return None if point is None else float(point.step * yardstick.batch_size)


def _lead(run: Run, yardstick: Yardstick, *, with_setup: bool) -> float:
    if run.seed not in yardstick.longer or run.method == "uniform":
        return 0.0
    return lead_in_own_time(run, yardstick.uniform[run.seed], yardstick.longer[run.seed], with_setup=with_setup)


def _cost(seconds: float | None, yardstick: Yardstick) -> float | None:
    if seconds is None or yardstick.price_per_hour is None:
        return None
    return seconds / 3600.0 * yardstick.price_per_hour


_seconds_to_target = _to_target(lambda point, run: point.seconds + run.setup_seconds)

MEASURES: dict[str, Measure] = {
    "time_to_accuracy": Measure(
        "s", True, True, "seconds to the target accuracy, features and reference network counted", _seconds_to_target
    ),
    "training_time_to_accuracy": Measure(
        "s", True, True, "the same, selection and training alone", _to_target(lambda point, run: point.seconds)
    ),
    "steps_to_accuracy": Measure(
        "", True, True, "steps to the target accuracy", _to_target(lambda point, run: float(point.step))
    ),
    "samples_to_accuracy": Measure("", True, True, "samples trained on up to the target accuracy", _samples),
    "final_accuracy": Measure("", False, False, "accuracy after the last step", lambda run, _: run.final.accuracy),
    "spread": Measure(
        "",
        True,
        False,
        "distance of the final accuracy from its median over seeds",
        lambda run, yardstick: abs(run.final.accuracy - yardstick.median_accuracy),
    ),
    "worst_class": Measure("", False, False, "final accuracy of the worst class", lambda run, _: run.final.worst_class),
    "largest_drop": Measure(
        "", True, False, "largest fall of accuracy between two evaluations", lambda run, _: largest_drop(run.curve)
    ),
    "speed_up": Measure(
        "",
        False,
        True,
        "times as fast as uniform to uniform's final accuracy, everything counted",
        lambda run, yardstick: times_as_fast(run, yardstick.uniform[run.seed], with_setup=True)[0],
    ),
    "training_speed_up": Measure(
        "",
        False,
        True,
        "the same, selection and training alone",
        lambda run, yardstick: times_as_fast(run, yardstick.uniform[run.seed], with_setup=False)[0],
    ),
    "accuracy_in_uniforms_time": Measure(
        "",
        False,
        False,
        "accuracy when uniform's run is over by the clock, everything counted",
        lambda run, yardstick: accuracy_in_uniforms_time(run, yardstick.uniform[run.seed], with_setup=True),
    ),
    "accuracy_in_uniforms_training_time": Measure(
        "",
        False,
        False,
        "the same, selection and training alone",
        lambda run, yardstick: accuracy_in_uniforms_time(run, yardstick.uniform[run.seed], with_setup=False),
    ),
    "lead_in_own_time": Measure(
        "",
        False,
        False,
        "final accuracy less uniform's when that may train for as many seconds, everything counted",
        lambda run, yardstick: _lead(run, yardstick, with_setup=True),
    ),
    "lead_in_own_training_time": Measure(
        "",
        False,
        False,
        "the same, selection and training alone",
        lambda run, yardstick: _lead(run, yardstick, with_setup=False),
    ),
    "total_seconds": Measure(
        "s", True, True, "seconds of the whole run, everything counted", lambda run, _: run.total_seconds
    ),
    "training_seconds": Measure(
        "s", True, True, "seconds of selection and training of the whole run", lambda run, _: run.final.seconds
    ),
    "setup_seconds": Measure(
        "s", True, False, "seconds of features and reference network", lambda run, _: run.setup_seconds
    ),
    "step_seconds": Measure(
        "s", True, True, "seconds of a step, selection and training", lambda run, _: run.final.seconds / run.final.step
    ),
    "overhead": Measure(
        "",
        True,
        False,
        "share of a step spent selecting",
        lambda run, _: run.final.selection_seconds / run.final.seconds if run.final.seconds else 0.0,
    ),
    "cost": Measure(
        "currency",
        True,
        True,
        "cost of the whole run, everything counted",
        lambda run, yardstick: _cost(run.total_seconds, yardstick),
    ),
    "cost_to_accuracy": Measure(
        "currency",
        True,
        True,
        "cost of getting to the target accuracy, everything counted",
        lambda run, yardstick: _cost(_seconds_to_target(run, yardstick), yardstick),
    ),
}
"""Name to key figure."""


def measure(runs: Sequence[Run], yardstick: Yardstick) -> dict[str, tuple[float | None, ...]]:
    """Every key figure of the runs of one method, in their order."""
    return {name: tuple(each.of(run, yardstick) for run in runs) for name, each in MEASURES.items()}


def median_accuracy(runs: Sequence[Run]) -> float:
    """Median over seeds of the final accuracy."""
    return statistics.median(run.final.accuracy for run in runs)
