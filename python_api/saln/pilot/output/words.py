"""Figures as short text, for tables on screen and on paper, and the sentences made of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from saln.pilot.judging.by_group import ByGroup, MethodByGroup
from saln.pilot.judging.gates import GateVerdict
from saln.pilot.judging.intervals import Interval
from saln.pilot.judging.kpi import Kpis
from saln.pilot.judging.measures import MEASURES
from saln.pilot.judging.verdict import Answer

BASELINE = "baseline"
NEVER = "never"


def points(found: Interval | None, *, bounds: bool = True) -> str:
    """A difference of accuracies in points, with or without its interval.

    >>> from saln.pilot.judging.intervals import interval
    >>> points(interval([0.01, 0.02, 0.03]))
    '+2.00 [-0.48, +4.48]'
    """
    if found is None:
        return BASELINE
    return f"{100 * found.mean:+.2f}" + (_bounds(found, lambda end: _end(100 * end, 0.0, "+")) if bounds else "")


def times(found: Interval | None, *, bounds: bool = True) -> str:
    """A ratio of times with its interval; an upper bound where some seeds never got there.

    >>> from saln.pilot.judging.intervals import Interval
    >>> times(Interval(1.2, 0.9, 1.6, n=5, missed=0)), times(Interval(0.5, None, 0.8, n=5, missed=1))
    ('1.20 [0.90, 1.60]', '≤0.50 [≤0.80]')
    """
    if found is None:
        return BASELINE
    most = "≤" if found.missed else ""
    return f"{most}{found.mean:.2f}" + (_bounds(found, lambda end: _end(end, 1.0)) if bounds else "")


def gap(found: Interval | None, *, bounds: bool = True) -> str:
    """Points between the highest accuracy and the lowest, with or without the interval.

    >>> from saln.pilot.judging.intervals import interval
    >>> gap(interval([0.01, 0.02, 0.03])), gap(None)
    ('2.0 [-0.5, 4.5]', 'one group')
    """
    if found is None:
        return "one group"
    return f"{100 * found.mean:.1f}" + (_bounds(found, lambda end: f"{100 * end:.1f}") if bounds else "")


def answer(found: Answer) -> str:
    """The figures behind an answer of a verdict."""
    seeds = "" if found.found.n > 1 else " in the one seed run"
    if not MEASURES[found.figure].as_ratio:
        return f"{points(found.found)} points{seeds}"
    missed = f" (not reached in {found.found.missed} of {found.found.n} seeds)" if found.found.missed else ""
    return f"{times(found.found)} × as fast{seeds}{missed}"


def gate_figures(found: GateVerdict) -> tuple[str, str, str]:
    """What was found, what it was held against, and what is left, each with its unit.

    >>> from saln.pilot.judging.intervals import Interval
    >>> margin = Interval(0.25, 0.1, 0.4, n=3, missed=0)
    >>> gate_figures(GateVerdict("step_seconds < 1", "jest", "step_seconds", "s", "passed", 0.75, 1.0, margin, 0))
    ('0.75 s', '1 s', '+0.25 [+0.1, +0.4] s')
    """
    unit = f" {found.unit}" if found.unit else ""
    value, bound = (f"{NEVER} reached" if each is None else f"{each:.4g}{unit}" for each in (found.value, found.bound))
    if found.missed and found.value is not None:
        value += f" (not reached in {found.missed} seed{'' if found.missed == 1 else 's'})"
    left = "none"
    if found.margin is not None:
        left = f"{found.margin.mean:+.3g}{_bounds(found.margin, '{:+.3g}'.format)}{unit}"
    return value, bound, left


def extremes(found: ByGroup, method: MethodByGroup, length: int = 40) -> tuple[str, str]:
    """The groups that a method chose least and most of, and how many times their share of the offered."""
    ratios = sorted(zip(found.relative(method.share), found.offered, strict=True))
    return _of_share(found, *ratios[0], length), _of_share(found, *ratios[-1], length)


def final(kpis: Kpis, digits: int = 3) -> str:
    """Final accuracy, and its standard deviation over seeds."""
    values = np.asarray(kpis.values["final_accuracy"], dtype=np.float64)
    return f"{values.mean():.{digits}f} ± {values.std(ddof=1) if len(values) > 1 else 0.0:.{digits}f}"


def number(value: float | None, form: str) -> str:
    """A cost in this format, or that it was never reached."""
    return NEVER if value is None else format(value, form)


def amount(value: float, sign: str = "") -> str:
    """Money and ratios of it: three digits at least, all before the point, and never an exponent for large ones.

    >>> amount(0.0123456), amount(1123.4), amount(-1902560.0, "+")
    ('0.0123', '1 123', '-1 902 560')
    """
    if abs(value) < 1000:
        return format(value, f"{sign}.3g")
    return format(value, f"{sign},.0f").replace(",", " ")


def amounts(value: float, low: float | None, high: float | None) -> str:
    """A gain or loss with its interval, as `amount`.

    >>> amounts(-1023.0, -2430.0, -398.0), amounts(5.0, None, None)
    ('-1 023 [-2 430, -398]', '+5')
    """
    bounds = "" if low is None or high is None else f" [{amount(low, '+')}, {amount(high, '+')}]"
    return amount(value, "+") + bounds


def _bounds(found: Interval, shown: Callable[[float], str]) -> str:
    if found.low is not None and found.high is not None:
        return f" [{shown(found.low)}, {shown(found.high)}]"
    if found.high is not None:
        return f" [≤{shown(found.high)}]"
    return "" if found.low is None else f" [≥{shown(found.low)}]"


def _end(value: float, neutral: float, sign: str = "") -> str:
    """Two digits after the point, and more where two would hide on which side of no difference the end lies."""
    if abs(value) >= 1e4:
        return f"{value:{sign}.1e}"
    for digits in range(2, 7):
        if value == neutral or round(value, digits) != neutral:
            return f"{value:{sign}.{digits}f}"
    return f"{value:{sign}}"


def _of_share(found: ByGroup, ratio: float, group: int, length: int) -> str:
    name = found.groups[group]
    return f"{name if len(name) <= length else name[: length - 1] + '…'}: {ratio:.2f}"
