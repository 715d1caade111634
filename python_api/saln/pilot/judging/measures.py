"""The key figures by name: what each is, of one run. Gates, tables and comparisons go by this list.

In words they are described in docs/pilot.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from saln.pilot.judging.equal_time import LongerUniform, accuracy_in_uniforms_time, lead_in_own_time
from saln.pilot.training.point import Point
from saln.pilot.training.run import Run


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


Figure = Callable[[Run, Yardstick], float | None]


@dataclass(frozen=True)
class Measure:
    """A key figure.

    Attributes
    ----------
    of : callable
        The figure of one run; None where a target was never reached, or what it takes is not known.
    unit : str
        Empty for shares, ratios and counts; `currency` for money.
    as_ratio : bool
        Compared with uniform by the ratio of both, not by their difference.
    """

    of: Figure
    unit: str = ""
    as_ratio: bool = False

    @property
    def neutral(self) -> float:
        """Against uniform: no difference."""
        return 1.0 if self.as_ratio else 0.0


def first_reaching(curve: Sequence[Point], accuracy: float) -> Point | None:
    """The first evaluation at or above an accuracy."""
    return next((point for point in curve if point.score >= accuracy), None)


def largest_drop(curve: Sequence[Point]) -> float:
    """Largest fall of accuracy from one evaluation to the next; 0 where it never fell."""
    return max([0.0, *(before.score - after.score for before, after in pairwise(curve))])


def reaches_uniform(run: Run, uniform: Run) -> bool:
    """Whether a run ever gets to uniform's final accuracy of the same seed."""
    return first_reaching(run.curve, uniform.final.score) is not None


def times_as_fast(run: Run, uniform: Run, *, with_setup: bool) -> float:
    """Uniform's seconds over the run's, each to uniform's final accuracy.

    A run that never gets there enters with all its seconds: the ratio is then the most it can have been.
    """

    def seconds(of: Run) -> float:
        point = first_reaching(of.curve, uniform.final.score) or of.final
        # A goal met before the first step costs nothing.
        return max(point.seconds + (of.setup_seconds if with_setup else 0.0), 1e-9)

    return seconds(uniform) / seconds(run)


def _at_target(figure: Callable[[Point, Run, Yardstick], float | None]) -> Figure:
    def of(run: Run, by: Yardstick) -> float | None:
        point = first_reaching(run.curve, by.target)
        return None if point is None else figure(point, run, by)

    return of


def _cost(seconds: float, by: Yardstick) -> float | None:
    return None if by.price_per_hour is None else seconds / 3600.0 * by.price_per_hour


def _lead(run: Run, by: Yardstick, *, with_setup: bool) -> float | None:
    if run.method == "uniform":
        return 0.0
    if run.seed not in by.longer:
        return None
    return lead_in_own_time(run, by.uniform[run.seed], by.longer[run.seed], with_setup=with_setup)


def _in_time(run: Run, by: Yardstick, *, with_setup: bool) -> float:
    return accuracy_in_uniforms_time(run, by.uniform[run.seed], with_setup=with_setup)


def _speed_up(run: Run, by: Yardstick, *, with_setup: bool) -> float:
    return times_as_fast(run, by.uniform[run.seed], with_setup=with_setup)


MEASURES: dict[str, Measure] = {
    "time_to_accuracy": Measure(_at_target(lambda point, run, _: point.seconds + run.setup_seconds), "s", True),
    "training_time_to_accuracy": Measure(_at_target(lambda point, *_: point.seconds), "s", True),
    "steps_to_accuracy": Measure(_at_target(lambda point, *_: float(point.step)), as_ratio=True),
    "samples_to_accuracy": Measure(_at_target(lambda point, _, by: float(point.step * by.batch_size)), as_ratio=True),
    "final_accuracy": Measure(lambda run, _: run.final.score),
    "spread": Measure(lambda run, by: abs(run.final.score - by.median_accuracy)),
    "worst_class": Measure(lambda run, _: run.final.worst_class),
    "largest_drop": Measure(lambda run, _: largest_drop(run.curve)),
    "speed_up": Measure(lambda run, by: _speed_up(run, by, with_setup=True), as_ratio=True),
    "training_speed_up": Measure(lambda run, by: _speed_up(run, by, with_setup=False), as_ratio=True),
    "accuracy_in_uniforms_time": Measure(lambda run, by: _in_time(run, by, with_setup=True)),
    "accuracy_in_uniforms_training_time": Measure(lambda run, by: _in_time(run, by, with_setup=False)),
    "lead_in_own_time": Measure(lambda run, by: _lead(run, by, with_setup=True)),
    "lead_in_own_training_time": Measure(lambda run, by: _lead(run, by, with_setup=False)),
    "total_seconds": Measure(lambda run, _: run.total_seconds, "s", True),
    "training_seconds": Measure(lambda run, _: run.final.seconds, "s", True),
    "setup_seconds": Measure(lambda run, _: run.setup_seconds, "s"),
    "step_seconds": Measure(lambda run, _: run.final.seconds / run.final.step, "s", True),
    "overhead": Measure(lambda run, _: run.final.selection_seconds / run.final.seconds if run.final.seconds else 0.0),
    "cost": Measure(lambda run, by: _cost(run.total_seconds, by), "currency", True),
    "cost_to_accuracy": Measure(
        _at_target(lambda point, run, by: _cost(point.seconds + run.setup_seconds, by)), "currency", True
    ),
}
"""Name to key figure."""

AT_MOST = ("speed_up", "training_speed_up")
"""Figures that are only upper bounds of a run that never gets to uniform's final accuracy."""

FINAL = "final_"


def measures(metrics: Iterable[str] = ()) -> dict[str, Measure]:
    """Every key figure by name, the final value of each of these metrics as the training reports it among them.

    >>> from saln.pilot.judging.measures import measures
    >>> list(measures(["rmse"]))[-1]
    'final_rmse'
    """
    return {**MEASURES, **{FINAL + name: Measure(_final(name)) for name in metrics if FINAL + name not in MEASURES}}


def _final(name: str) -> Figure:
    return lambda run, _: run.final.metrics.get(name)


def figure_named(name: str, metric: str | None) -> str:
    """The key figure that a user calls so: `time_to_rmse` is `time_to_accuracy` where rmse is what runs are judged by.

    Where that is not known yet, None, it may be any.

    >>> from saln.pilot.judging.measures import figure_named
    >>> figure_named("time_to_rmse", "rmse"), figure_named("final_rmse", "rmse"), figure_named("speed_up", "rmse")
    ('time_to_accuracy', 'final_rmse', 'speed_up')
    """
    before, found_to, after = name.partition("_to_")
    found = f"{before}_to_accuracy"
    return found if found_to and metric in (None, after) and found in MEASURES else name
