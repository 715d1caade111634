"""What the rank correlations of bench.usefulness say, with intervals over trained models."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Callable, Mapping

import numpy as np
from scipy.special import stdtrit

from bench.study.predictors import PREDICTORS
from bench.usefulness import PROPOSALS, Key
from saln.pilot.judging.intervals import Interval, interval

Lines = Mapping[Key, dict[str, float]]
TESTS = len(PREDICTORS) * len(PROPOSALS)
"""Intervals looked at, to correct for."""


@dataclasses.dataclass(frozen=True)
class Correlation:
    """A predictor's mean rank correlation with the fall of the held-out loss.

    Attributes
    ----------
    found : Interval
        Over models: a model is a set, condition and seed, and its value the mean over its stages.
    certain : bool
        The t interval stays clear of 0 when corrected for all `TESTS` (Bonferroni).
    """

    found: Interval
    certain: bool


def model_means(lines: Lines, predictor: str, chosen: Callable[[Key], bool]) -> list[float]:
    """A value a model over the lines chosen; a predictor has none where it was the same for all batches."""
    models: dict[tuple[str, str, int], list[float]] = {}
    for key, values in lines.items():
        if chosen(key) and not math.isnan(values[predictor]):
            models.setdefault(key[:3], []).append(values[predictor])
    return [statistics.fmean(values) for values in models.values()]


def mean(lines: Lines, predictor: str, chosen: Callable[[Key], bool]) -> float:
    """Over models; NaN without any."""
    means = model_means(lines, predictor, chosen)
    return statistics.fmean(means) if means else math.nan


def correlation(lines: Lines, predictor: str, kind: str) -> Correlation | None:
    """Over all models, for a kind of proposals."""
    means = model_means(lines, predictor, lambda key: key.proposals == kind)
    if not means:
        return None
    return Correlation(interval(means), _certain(means))


def _certain(means: list[float]) -> bool:
    n = len(means)
    if n < 2:
        return False
    margin = float(stdtrit(n - 1, 1 - 0.05 / TESTS / 2)) * float(np.std(means, ddof=1)) / n**0.5
    return bool(abs(statistics.fmean(means)) > margin)


def agreement(lines: Lines, predictor: str, kind: str) -> tuple[int, int]:
    """In how many sets and conditions the mean correlation has the sign it has over all, and of how many."""
    overall = mean(lines, predictor, lambda key: key.proposals == kind)
    found = [
        mean(lines, predictor, lambda key, at=problem: (*key[:2], key.proposals) == (*at, kind))  # type: ignore[misc]
        for problem in dict.fromkeys(key[:2] for key in lines)
    ]
    return sum(value * overall > 0 for value in found), sum(value == value for value in found)
