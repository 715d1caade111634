"""Key figures of a method beside uniform, from the runs of both, seed by seed."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from saln.pilot.judging.equal_time import LongerUniform
from saln.pilot.judging.intervals import Interval, geometric_interval, interval
from saln.pilot.judging.measures import (
    MEASURES,
    Measure,
    Yardstick,
    first_reaching,
    measure,
    median_accuracy,
    times_as_fast,
)
from saln.pilot.judging.significance import PairedTest, holm, paired_test
from saln.pilot.training.trainer import Run

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
    difference_longer_uniform, difference_longer_uniform_with_setup : Interval or None
        Final accuracy minus that of uniform when it may train for as many seconds as the method took: the better of
        its accuracy then and after as many steps.
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
    values : dict of str to tuple
        Every figure of `saln.pilot.judging.measures.MEASURES`, one value a seed; None where a target was never reached.
    intervals : dict of str to Interval or None
        Of those values; None where there are none.
    against_uniform : dict of str to Interval or None
        Ratio to uniform's value where `MEASURES[name].as_ratio`, else difference, paired by seed; of the seeds in which
        both have one. Empty for uniform itself.
    tests : dict of str to PairedTest or None
        Of those; None with fewer than two seeds, or where a seed has no value.
    """

    method: str
    final_accuracy: float
    final_accuracy_sd: float
    difference: Interval | None
    difference_equal_time: Interval | None
    difference_equal_time_with_setup: Interval | None
    difference_longer_uniform: Interval | None
    difference_longer_uniform_with_setup: Interval | None
    target: Reached
    speed_up: SpeedUp | None
    speed_up_with_setup: SpeedUp | None
    worst_class: float
    largest_drop: float
    step_seconds: float
    overhead: float
    setup_seconds: float
    values: dict[str, tuple[float | None, ...]]
    intervals: dict[str, Interval | None]
    against_uniform: dict[str, Interval | None]
    tests: dict[str, PairedTest | None]


def speed_up(runs: Sequence[Run], uniform: Sequence[Run], *, with_setup: bool) -> SpeedUp:
    """Seconds to uniform's final accuracy, uniform's over the method's, paired by seed."""
    found = [times_as_fast(run, base, with_setup=with_setup) for run, base in zip(runs, uniform, strict=True)]
    return SpeedUp(geometric_interval([ratio for ratio, _ in found]), sum(not reached for _, reached in found))


def target_accuracy(uniform: Sequence[Run]) -> float:
    """The default target: a little below uniform's mean final accuracy."""
    return TARGET_SHARE * statistics.fmean(run.final.accuracy for run in uniform)


def compute_all_kpis(
    runs: Mapping[str, Sequence[Run]],
    longer: Mapping[int, LongerUniform],
    target: float,
    batch_size: int,
    price_per_hour: float | None = None,
) -> tuple[Kpis, ...]:
    """Figures of every method, uniform among them; p-values are corrected over the methods, figure by figure."""
    uniform = runs["uniform"]
    found = [compute_kpis(each, uniform, target, batch_size, longer, price_per_hour) for each in runs.values()]
    for name in MEASURES:
        tested = [place for place, kpis in enumerate(found) if kpis.tests.get(name) is not None]
        tests = [test for place in tested if (test := found[place].tests[name]) is not None]
        corrected = holm([test.p_value for test in tests])
        for place, test, p_holm in zip(tested, tests, corrected, strict=True):
            all_tests = {**found[place].tests, name: replace(test, p_holm=p_holm)}
            found[place] = replace(found[place], tests=all_tests)
    return tuple(found)


def compute_kpis(
    runs: Sequence[Run],
    uniform: Sequence[Run],
    target: float,
    batch_size: int,
    longer: Mapping[int, LongerUniform] | None = None,
    price_per_hour: float | None = None,
) -> Kpis:
    """Figures of one method; `runs` and `uniform` hold the same seeds in the same order.

    Parameters
    ----------
    runs, uniform : sequence of Run
        For uniform itself, the same object twice: it is then not compared.
    target : float
        Accuracy whose cost `Kpis.target` gives.
    batch_size : int
        Samples a step.
    longer : dict of int to LongerUniform, optional
        By seed.
    price_per_hour : float, optional
    """
    if [run.seed for run in runs] != [run.seed for run in uniform]:
        raise ValueError("runs and uniform must hold the same seeds in the same order")
    longer = longer or {}
    of_seed = {run.seed: run for run in uniform}
    values, base = (
        measure(each, Yardstick(target, batch_size, price_per_hour, of_seed, longer, median_accuracy(each)))
        for each in (runs, uniform)
    )
    compared = runs is not uniform
    paired = {name: _paired(values[name], base[name], each) for name, each in MEASURES.items()} if compared else {}
    against = {name: _against(paired[name], each) for name, each in MEASURES.items()} if compared else {}
    whole = {name: paired[name] if len(paired[name]) == len(runs) else [] for name in paired}
    known = compared and len(longer) == len(runs)
    final = _mean(values["final_accuracy"])
    finals = [run.final.accuracy for run in runs]
    total = sum(run.final.seconds for run in runs)
    return Kpis(
        method=runs[0].method,
        final_accuracy=final,
        final_accuracy_sd=statistics.stdev(finals) if len(finals) > 1 else 0.0,
        difference=against.get("final_accuracy"),
        difference_equal_time=against.get("accuracy_in_uniforms_training_time"),
        difference_equal_time_with_setup=against.get("accuracy_in_uniforms_time"),
        difference_longer_uniform=against["lead_in_own_training_time"] if known else None,
        difference_longer_uniform_with_setup=against["lead_in_own_time"] if known else None,
        target=_reached(runs, target, batch_size),
        speed_up=speed_up(runs, uniform, with_setup=False) if compared else None,
        speed_up_with_setup=speed_up(runs, uniform, with_setup=True) if compared else None,
        worst_class=_mean(values["worst_class"]),
        largest_drop=_mean(values["largest_drop"]),
        step_seconds=total / sum(run.final.step for run in runs),
        overhead=sum(run.final.selection_seconds for run in runs) / total if total > 0 else 0.0,
        setup_seconds=_mean(values["setup_seconds"]),
        values=values,
        intervals={name: _interval(of_seeds) for name, of_seeds in values.items()},
        against_uniform=against,
        tests={name: paired_test(each) for name, each in whole.items()},
    )


def _mean(values: Sequence[float | None]) -> float:
    return statistics.fmean(value for value in values if value is not None)


def _interval(values: Sequence[float | None]) -> Interval | None:
    known = [value for value in values if value is not None]
    return interval(known) if known else None


def _paired(values: Sequence[float | None], base: Sequence[float | None], of: Measure) -> list[float]:
    """Differences, or logarithms of ratios, of the seeds in which both are known."""
    both = [(a, b) for a, b in zip(values, base, strict=True) if a is not None and b is not None]
    if of.as_ratio:
        # What was there before the first step took no time on either side.
        return [float(np.log(max(a, 1e-9) / max(b, 1e-9))) for a, b in both]
    return [a - b for a, b in both]


def _against(paired: Sequence[float], of: Measure) -> Interval | None:
    if not paired:
        return None
    return geometric_interval(np.exp(paired).tolist()) if of.as_ratio else interval(paired)


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
