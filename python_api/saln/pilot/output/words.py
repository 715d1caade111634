"""Figures as short text, for tables on screen and on paper; what has words in it is a message of the catalogue."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from saln.catalogue import Message, message
from saln.catalogue.en import MESSAGES
from saln.pilot.judging.by_group import ByGroup, MethodByGroup
from saln.pilot.judging.costs import Costs
from saln.pilot.judging.gates import GateVerdict
from saln.pilot.judging.intervals import Interval
from saln.pilot.judging.kpi import Kpis
from saln.pilot.judging.measures import FINAL, MEASURES
from saln.pilot.judging.verdict import Answer
from saln.pilot.metric import Metric

BASELINE = message("baseline")
NEVER = message("never")
ACCURACY = Metric()
BEYOND = 100
"""A ratio that is so large or larger says no more than that."""


def metric_words(metric: Metric) -> str:
    """The metric's name in a sentence: the catalogue's, where it has one."""
    key = f"metric.{metric.name}"
    return message(key) if key in MESSAGES else metric.words


def value(score: float, metric: Metric = ACCURACY, digits: int = 3) -> str:
    """A score as the metric's value, as the user knows it.

    >>> from saln.pilot.metric import Metric
    >>> value(0.91234), value(-31.4159, Metric.named("rmse"))
    ('0.912', '31.42')
    """
    shown = metric.score(score)
    return f"{shown:.{digits}f}" if metric.is_share else f"{shown:.{digits + 1}g}"


def difference(found: Interval | None, metric: Metric = ACCURACY, *, bounds: bool = True) -> str:
    """A difference of scores, with or without its interval: in points of a share, else as the metric differs.

    >>> from saln.pilot.judging.intervals import interval
    >>> from saln.pilot.metric import Metric
    >>> found = interval([0.01, 0.02, 0.03])
    >>> difference(found), difference(found, Metric.named("rmse"))
    ('+2.00 [-0.48, +4.48]', '-0.0200 [-0.0448, +0.0048]')
    >>> difference(interval([-0.9, 0.9])), difference(interval([1200.0, 2000.0]), Metric.named("rmse"))
    ('+0.00 [-100.00, +100.00]', '-1600 [-6682, +3482]')
    """
    if found is None:
        return BASELINE
    if metric.is_share:  # no two shares are farther apart than 1
        scale, digits, farthest = 100.0, 2, 1.0
    else:
        scale, digits, farthest = 1.0, _digits(found), math.inf
    shown = found if metric.higher_is_better else -found

    def at(end: float) -> float:
        return scale * max(-farthest, min(farthest, end))

    ends = _bounds(shown, lambda end: _end(at(end), 0.0, "+", digits)) if bounds else ""
    return f"{at(shown.mean):+.{digits}f}{ends}"


def times(found: Interval | None, *, bounds: bool = True) -> str:
    """A ratio of times with its interval; an upper bound where some seeds never got there.

    >>> from saln.pilot.judging.intervals import Interval
    >>> times(Interval(1.2, 0.9, 1.6, n=5, missed=0)), times(Interval(0.5, None, 0.8, n=5, missed=1))
    ('1.20 [0.90, 1.60]', '≤0.50 [≤0.80]')
    """
    if found is None:
        return BASELINE
    most = "≤" if found.missed else ""
    return f"{most}{found.mean:.2f}" + (_bounds(found, _ratio) if bounds else "")


def gap(found: Interval | None, *, bounds: bool = True) -> str:
    """Points between the highest accuracy and the lowest, with or without the interval.

    >>> from saln.pilot.judging.intervals import interval
    >>> gap(interval([0.01, 0.02, 0.03])), gap(None)
    ('2.0 [-0.5, 4.5]', 'one group')
    """
    if found is None:
        return message("one group")
    return f"{100 * found.mean:.1f}" + (_bounds(found, lambda end: f"{100 * end:.1f}") if bounds else "")


def answer(found: Answer, metric: Metric = ACCURACY) -> Message:
    """The figures behind an answer of a verdict, with their unit."""
    if MEASURES[found.figure].as_ratio:
        said = message("times as fast", figures=times(found.found))
    elif metric.is_share:
        said = message("points", figures=difference(found.found))
    else:
        said = message("in metric", figures=difference(found.found, metric), metric=metric_words(metric))
    if found.found.n == 1:
        said = message("in one seed", figures=said)
    if found.found.missed:
        said = message("not reached", figures=said, missed=found.found.missed, n=found.found.n)
    return said


def gate_figures(found: GateVerdict, metric: Metric = ACCURACY) -> tuple[str, str, str]:
    """What was found, what it was held against, and what is left, each with its unit.

    >>> from saln.pilot.judging.intervals import Interval
    >>> margin = Interval(0.25, 0.1, 0.4, n=3, missed=0)
    >>> gate_figures(GateVerdict("step_seconds < 1", "jest", "step_seconds", "s", "passed", 0.75, 1.0, margin, 0))
    ('0.75 s', '1 s', '+0.25 [+0.1, +0.4] s')
    """
    reported = found.figure not in MEASURES  # the value of a metric as the training gives it
    metric = Metric.named(found.figure.removeprefix(FINAL)) if reported else metric
    scale, with_unit, left_unit = _unit(found, metric)
    sign = 1.0 if metric.higher_is_better or reported or not _of_metric(found.figure) else -1.0
    shown, bound = (
        message("never reached") if each is None else with_unit(f"{scale * sign * each:.4g}")
        for each in (found.value, found.bound)
    )
    if found.missed and found.value is not None:
        shown = message("missed", value=shown, missed=found.missed)
    if found.margin is None:
        return shown, bound, message("none")
    ends = _bounds(found.margin, lambda end: f"{scale * end:+.3g}")
    return shown, bound, left_unit(f"{scale * found.margin.mean:+.3g}{ends}")


Unit = Callable[[str], str]


def _of_metric(figure: str) -> bool:
    """The figure is a value or a difference of the metric."""
    by = MEASURES.get(figure)
    return by is None or (not by.unit and not by.as_ratio and figure != "overhead")


def _unit(found: GateVerdict, metric: Metric) -> tuple[float, Unit, Unit]:
    """What a figure is multiplied by, its unit, and that of a difference."""

    def of(key: str) -> Unit:
        return lambda text: message(key, value=text)

    if found.unit == "s":
        return 1.0, of("seconds"), of("seconds")
    if found.unit:
        money: Unit = lambda text: message("money", value=text, currency=found.unit)  # noqa: E731
        return 1.0, money, money
    if found.figure == "overhead" or (_of_metric(found.figure) and metric.is_share):
        return 100.0, of("percent"), lambda text: message("points", figures=text)
    if _of_metric(found.figure):
        own: Unit = lambda text: message("in metric", figures=text, metric=metric_words(metric))  # noqa: E731
        return 1.0, own, own
    for key in ("steps", "samples"):
        if found.figure.startswith(key):
            return 1.0, of(f"unit.{key}"), of(f"unit.{key}")
    return 1.0, of("times"), of("times")


def extremes(found: ByGroup, method: MethodByGroup, length: int = 40) -> tuple[str, str]:
    """The groups that a method chose least and most of, and how many times their share of the offered."""
    ratios = sorted(zip(found.relative(method.share), found.offered, strict=True))
    return _of_share(found, *ratios[0], length), _of_share(found, *ratios[-1], length)


def final(kpis: Kpis, metric: Metric = ACCURACY, digits: int = 3) -> str:
    """The final value of the metric, and its standard deviation over seeds."""
    scores = np.asarray(kpis.values["final_accuracy"], dtype=np.float64)
    spread = scores.std(ddof=1) if len(scores) > 1 else 0.0
    return f"{value(float(scores.mean()), metric, digits)} ± {spread:{f'.{digits}f' if metric.is_share else '.2g'}}"


def number(value: float | None, form: str) -> str:
    """A cost in this format, or that it was never reached."""
    return NEVER if value is None else format(value, form)


def amount(value: float, sign: str = "") -> str:
    """Money and ratios of it: three digits at least, all before the point, and never an exponent for large ones.

    >>> amount(0.0123456), amount(1123.4), amount(-1902560.0, "+")
    ('0.0123', '1 123', '-1 902 560')
    """
    if 1e-4 <= abs(value) < 1000 or not value:
        return format(value, f"{sign}.3g")
    if abs(value) < 1e-4:
        return format(0.0, f"{sign}.0f")
    return format(value, f"{sign},.0f").replace(",", " ")


def span(found: Interval, sign: str = "") -> str:
    """The ends of an interval of hours or money, or what is known of them.

    >>> from saln.pilot.judging.intervals import Interval
    >>> span(Interval(5.0, -1023.0, 2430.0, 3, 0)), span(Interval(5.0, None, 8.0, 3, 1))
    ('-1 023 to 2 430', 'at most 8')
    """
    if found.high is None:
        return message("at most", high=amount(found.mean, sign)) if found.missed else amount(found.mean, sign)
    if found.low is None:
        return message("at most", high=amount(found.high, sign))
    low, high = amount(found.low, sign), amount(found.high, sign)
    return low if low == high else message("from to", low=low, high=high)


def until_paid(years: float | None) -> Message:
    """How long it takes until what is spent once is paid.

    >>> until_paid(0.25), until_paid(3.0), until_paid(None)
    ('3 months', '3 years', 'never')
    """
    if years is None:
        return message("never pays")
    return message("years", value=amount(years)) if years >= 2 else message("months", value=amount(12 * years))


def spent_once(costs: Costs) -> list[Message]:
    """What introduction and pilot take, in hours and, where there are prices, in money."""
    spent = [
        (message("once.people", hours=f"{costs.people_hours:g}"), costs.people_cost),
        (message("once.pilot", hours=amount(costs.pilot_seconds / 3600)), costs.pilot_cost),
    ]
    return [
        what if money is None else message("priced", what=what, value=amount(money), currency=costs.currency)
        for what, money in spent
    ]


def short_time(seconds: float) -> Message:
    """Seconds, minutes' worth or not, in three digits."""
    return message("seconds", value=f"{seconds:.2g}" if seconds < 1 else f"{seconds:.0f}")


def _digits(found: Interval) -> int:
    """Digits after the point that leave three of the largest."""
    largest = max(abs(each) for each in (found.mean, found.low or 0.0, found.high or 0.0))
    return max(0, 2 - math.floor(math.log10(largest))) if largest > 0 else 2


def _bounds(found: Interval, shown: Callable[[float], str]) -> str:
    if found.low is not None and found.high is not None:
        return f" [{shown(found.low)}, {shown(found.high)}]"
    if found.high is not None:
        end = shown(found.high)
        return "" if end.startswith(">") else f" [≤{end}]"
    return "" if found.low is None else f" [≥{shown(found.low)}]"


def _ratio(value: float) -> str:
    return f">{BEYOND}" if value > BEYOND else _end(value, 1.0)


def _end(value: float, neutral: float, sign: str = "", digits: int = 2) -> str:
    """So many digits after the point, and more where they would hide on which side of no difference the end lies."""
    for more in range(digits, digits + 5):
        if value == neutral or round(value, more) != neutral:
            return f"{value:{sign}.{more}f}"
    return f"{value:{sign}}"


def _of_share(found: ByGroup, ratio: float, group: int, length: int) -> str:
    name = found.groups[group]
    return f"{name if len(name) <= length else name[: length - 1] + '…'}: {ratio:.2f}"
