"""Key figures of every method beside uniform, from the runs of both, seed by seed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from saln.pilot.judging.equal_time import LongerUniform
from saln.pilot.judging.intervals import Comparison, Interval, compare, interval
from saln.pilot.judging.measures import AT_MOST, Measure, Yardstick, measures, reaches_uniform
from saln.pilot.training.run import Run

TARGET_SHARE = 0.99
"""Of uniform's mean final accuracy: the target accuracy unless one is given."""

CLAIMS = ("speed_up", "lead_in_own_time")
"""Figures from either of which a gain may be claimed: their intervals hold together."""

Values = tuple[float | None, ...]
Table = dict[str, Values]


@dataclass(frozen=True)
class Kpis:
    """Every figure of `saln.pilot.judging.measures.measures`, of one method.

    Attributes
    ----------
    method : str
    values : dict of str to tuple
        One value per seed; None where a target was never reached.
    intervals : dict of str to Interval or None
        Of those values, of the seeds that have one; None where none has.
    against_uniform : dict of str to Comparison or None
        Ratio to uniform's value where the measure is compared so (`as_ratio`), else difference, paired by seed; of the
        seeds in which both have one. Empty for uniform itself.
    """

    method: str
    values: Table
    intervals: dict[str, Interval | None]
    against_uniform: dict[str, Comparison | None]

    def mean(self, name: str) -> float | None:
        """Mean over the seeds that have the figure."""
        found = self.intervals[name]
        return None if found is None else found.mean

    def known(self, name: str) -> float:
        """The mean of a figure that every run has."""
        found = self.intervals[name]
        if found is None:
            raise ValueError(f"{self.method} has no {name}")
        return found.mean

    def against(self, name: str) -> Comparison | None:
        """The comparison with uniform where every seed has one; None for uniform itself, and where one is missing."""
        found = self.against_uniform.get(name)
        return found if found is not None and found.n == len(self.values[name]) else None


def target_accuracy(uniform: Sequence[Run]) -> float:
    """The default target: a little below uniform's mean final score."""
    mean = statistics.fmean(run.final.score for run in uniform)
    return mean - (1.0 - TARGET_SHARE) * abs(mean)


def compute_kpis(
    runs: Mapping[str, Sequence[Run]],
    target: float,
    batch_size: int,
    longer: Mapping[int, LongerUniform] | None = None,
    price_per_hour: float | None = None,
) -> tuple[Kpis, ...]:
    """Figures of every method.

    Parameters
    ----------
    runs : dict of str to sequence of Run
        By method, `uniform` among them; all of the same seeds in the same order.
    target : float
        Accuracy whose cost is asked for.
    batch_size : int
        Samples per step.
    longer : dict of int to LongerUniform, optional
        By seed.
    price_per_hour : float, optional
    """
    uniform = {run.seed: run for run in runs["uniform"]}
    if any([run.seed for run in each] != list(uniform) for each in runs.values()):
        raise ValueError("all methods must have runs of the same seeds in the same order")
    by_name = measures(next(iter(uniform.values())).final.metrics)
    values = {}
    for method, each in runs.items():
        median = statistics.median(run.final.score for run in each)
        yardstick = Yardstick(target, batch_size, price_per_hour, uniform, longer or {}, median)
        values[method] = {name: tuple(by.of(run, yardstick) for run in each) for name, by in by_name.items()}
    return tuple(
        _of_method(method, found, values["uniform"], by_name, len(runs) - 1, _missed(runs[method], uniform))
        for method, found in values.items()
    )


def _missed(runs: Sequence[Run], uniform: Mapping[int, Run]) -> dict[str, int]:
    """Of each figure, in how many seeds it is only an upper bound."""
    never = sum(not reaches_uniform(run, uniform[run.seed]) for run in runs)
    return dict.fromkeys(AT_MOST, never)


def _of_method(
    method: str, values: Table, base: Table, by_name: Mapping[str, Measure], n_compared: int, missed: Mapping[str, int]
) -> Kpis:
    compared = by_name if method != "uniform" else {}
    return Kpis(
        method,
        values,
        {name: _interval(of_seeds, missed.get(name, 0)) for name, of_seeds in values.items()},
        {
            name: _compare(
                values[name],
                base[name],
                as_ratio=by.as_ratio,
                comparisons=n_compared * (len(CLAIMS) if name in CLAIMS else 1),
                missed=missed.get(name, 0),
            )
            for name, by in compared.items()
        },
    )


def _interval(values: Values, missed: int) -> Interval | None:
    known = [value for value in values if value is not None]
    return interval(known, missed=missed) if known else None


def _compare(values: Values, base: Values, *, as_ratio: bool, comparisons: int, missed: int) -> Comparison | None:
    both = [(a, b) for a, b in zip(values, base, strict=True) if a is not None and b is not None]
    if not both:
        return None
    # What was there before the first step took no time on either side.
    differences = [math.log(max(a, 1e-9) / max(b, 1e-9)) if as_ratio else a - b for a, b in both]
    found = compare(differences, comparisons=comparisons, missed=missed, tested=len(both) == len(values))
    return found.exp() if as_ratio else found
