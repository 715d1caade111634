"""Intervals for a handful of paired seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

CONFIDENCE = 0.95
BOOTSTRAP_DRAWS = 10_000


@dataclass(frozen=True)
class Interval:
    """A mean over seeds and two 95 % intervals of it; bounds are None where one seed cannot give any.

    Attributes
    ----------
    mean : float
    low, high : float or None
        Student's t. With 3 to 5 seeds it is the honest one: the percentile bootstrap of so few covers too little.
    bootstrap_low, bootstrap_high : float or None
        Percentile bootstrap over seeds.
    n : int
        Seeds.
    """

    mean: float
    low: float | None
    high: float | None
    bootstrap_low: float | None
    bootstrap_high: float | None
    n: int

    def above(self, value: float) -> bool:
        """Both intervals lie above `value`."""
        lows = (self.low, self.bootstrap_low)
        return all(low is not None and low > value for low in lows)

    def below(self, value: float) -> bool:
        """Both intervals lie below `value`."""
        highs = (self.high, self.bootstrap_high)
        return all(high is not None and high < value for high in highs)


def interval(values: Sequence[float], *, seed: int = 0) -> Interval:
    """Mean of one value a seed, with intervals.

    Examples
    --------
    >>> interval([0.01, 0.02, 0.03]).mean
    0.02
    """
    array = np.asarray(values, dtype=np.float64)
    n = array.shape[0]
    if n == 0:
        raise ValueError("an interval needs at least one value")
    mean = float(array.mean())
    if n == 1:
        return Interval(mean, None, None, None, None, 1)
    margin = float(stdtrit(n - 1, (1.0 + CONFIDENCE) / 2.0)) * float(array.std(ddof=1)) / n**0.5
    means = _bootstrap_means(array, seed)
    low, high = np.quantile(means, [(1.0 - CONFIDENCE) / 2.0, (1.0 + CONFIDENCE) / 2.0])
    return Interval(mean, mean - margin, mean + margin, float(low), float(high), n)


def geometric_interval(ratios: Sequence[float], *, seed: int = 0) -> Interval:
    """Geometric mean of positive ratios, with intervals found on the logarithms."""
    logs = interval(np.log(np.asarray(ratios, dtype=np.float64)).tolist(), seed=seed)

    def back(value: float | None) -> float | None:
        return None if value is None else float(np.exp(value))

    return Interval(
        float(np.exp(logs.mean)),
        back(logs.low),
        back(logs.high),
        back(logs.bootstrap_low),
        back(logs.bootstrap_high),
        logs.n,
    )


def _bootstrap_means(values: npt.NDArray[np.float64], seed: int) -> npt.NDArray[np.float64]:
    draws = np.random.default_rng(seed).integers(0, values.shape[0], size=(BOOTSTRAP_DRAWS, values.shape[0]))
    return np.asarray(values[draws].mean(axis=1))
