"""Means over a handful of paired seeds, each with the one interval that is shown and that decides."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
DIGITS = 12
"""After the point of a difference; what differs by less was rounded otherwise."""
MOST = 700.0
"""Logarithm of what is as good as infinite, and still a number."""

Some = TypeVar("Some", bound="Interval")


@dataclass(frozen=True)
class Interval:
    """A mean over seeds and Student's t interval of it.

    Attributes
    ----------
    mean : float
    low, high : float or None
        None with one seed, which gives no interval; `low` also where seeds were `missed`.
    n : int
        Seeds.
    missed : int
        Seeds whose value is only the most it can have been: the mean and `high` are then upper bounds.
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    missed: int

    def above(self, value: float) -> bool:
        """The interval lies above `value`."""
        return self.low is not None and self.low > value

    def below(self, value: float) -> bool:
        """The interval lies below `value`."""
        return self.high is not None and self.high < value

    def exp(self: Some) -> Some:
        """From the mean of logarithms to the geometric mean."""
        low, high = (None if end is None else math.exp(min(end, MOST)) for end in (self.low, self.high))
        return replace(self, mean=math.exp(self.mean), low=low, high=high)

    def __neg__(self: Some) -> Some:
        low, high = (None if end is None else -end for end in (self.high, self.low))
        return replace(self, mean=-self.mean, low=low, high=high)


@dataclass(frozen=True)
class Comparison(Interval):
    """A difference to uniform, seed by seed, or a ratio.

    Attributes
    ----------
    comparisons : int
        Intervals that hold together with 95 %, this one among them.
    p_value : float or None
        Of the two-sided paired t test, times `comparisons`: below 0.05 where the interval is clear of no difference.
        None with one seed, and where a seed has no value or only a bound.
    p_sign_flip : float or None
        The same of the sign-flip permutation test, which assumes no more than symmetry. Alone it cannot fall below
        2 / 2^n with n seeds, so that with fewer than 6 it never falls below 0.05.
    """

    comparisons: int
    p_value: float | None
    p_sign_flip: float | None


def interval(values: Sequence[float], *, comparisons: int = 1, missed: int = 0) -> Interval:
    """Mean of one value per seed, with its interval.

    Parameters
    ----------
    values : sequence of float
    comparisons : int
        Intervals that are to hold together with 95 %; each is given an equal part of the 5 % (Bonferroni; Dunn 1961).
    missed : int
        As in `Interval`.

    Examples
    --------
    >>> from saln.pilot.judging.intervals import interval
    >>> found = interval([0.01, 0.02, 0.03])
    >>> found.mean, round(found.low, 4), round(found.high, 4)
    (0.02, -0.0048, 0.0448)
    >>> round(interval([0.01, 0.02, 0.03], comparisons=4).low, 4)
    -0.0312
    """
    if not len(values):
        raise ValueError("an interval needs at least one value")
    mean, n = float(np.mean(values)), len(values)
    if n == 1:
        return Interval(mean, None, None, n, missed)
    low, high = _t_test(values).confidence_interval(1.0 - (1.0 - CONFIDENCE) / comparisons)
    return Interval(mean, None if missed else float(low), float(high), n, missed)


def compare(differences: Sequence[float], *, comparisons: int, missed: int = 0, tested: bool = True) -> Comparison:
    """Mean difference with its interval and, where `tested`, p-values.

    >>> from saln.pilot.judging.intervals import compare
    >>> found = compare([1.0, 2.0, 3.0], comparisons=1)
    >>> round(found.p_value, 4), found.p_sign_flip
    (0.0742, 0.25)
    """
    differences = [round(each, DIGITS) for each in differences]
    found = interval(differences, comparisons=comparisons, missed=missed)
    p_values: list[float | None] = [None, None]
    if tested and found.n > 1 and not missed:
        flipped = stats.permutation_test((differences,), np.mean, permutation_type="samples", random_state=0)
        p_values = [
            min(1.0, comparisons * float(np.nan_to_num(p, nan=1.0)))  # nan: every difference is 0
            for p in (_t_test(differences).pvalue, flipped.pvalue)
        ]
    return Comparison(found.mean, found.low, found.high, found.n, missed, comparisons, *p_values)


def _t_test(values: Sequence[float]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # equal values, of which the interval has no width
        return stats.ttest_1samp(values, 0.0)
