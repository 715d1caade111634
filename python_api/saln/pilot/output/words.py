"""Figures as short text, for tables on screen and on paper."""

from __future__ import annotations

from saln.pilot.judging.by_group import ByGroup, MethodByGroup
from saln.pilot.judging.intervals import Interval
from saln.pilot.judging.kpi import SpeedUp

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
    return f"{100 * found.mean:+.2f}" + (_bounds(found, 100.0, "+.2f") if bounds else "")


def gap(found: Interval | None, *, bounds: bool = True) -> str:
    """Points between the highest accuracy and the lowest, with or without the interval.

    >>> from saln.pilot.judging.intervals import interval
    >>> gap(interval([0.01, 0.02, 0.03])), gap(None)
    ('2.0 [-0.5, 4.5]', 'one group')
    """
    if found is None:
        return "one group"
    return f"{100 * found.mean:.1f}" + (_bounds(found, 100.0, ".1f") if bounds else "")


def extremes(found: ByGroup, method: MethodByGroup, length: int = 40) -> tuple[str, str]:
    """The groups that a method chose least and most of, and how many times their share of the offered."""
    ratios = sorted(zip(found.relative(method), found.offered, strict=True))
    return _of_share(found, *ratios[0], length), _of_share(found, *ratios[-1], length)


def times(found: SpeedUp | None) -> str:
    """A ratio of times with its interval; an upper bound where some seeds never got there."""
    return BASELINE if found is None else short_times(found) + _bounds(found.ratio, 1.0, ".2f")


def short_times(found: SpeedUp | None) -> str:
    """As `times` without the interval."""
    return BASELINE if found is None else f"{'≤ ' if found.missed else ''}{found.ratio.mean:.2f}"


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


def _bounds(found: Interval, scale: float, form: str) -> str:
    if found.low is None or found.high is None:
        return ""
    return f" [{scale * found.low:{form}}, {scale * found.high:{form}}]"


def _of_share(found: ByGroup, ratio: float, group: int, length: int) -> str:
    name = found.groups[group]
    return f"{name if len(name) <= length else name[: length - 1] + '…'}: {ratio:.2f}"
