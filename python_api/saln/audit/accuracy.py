"""Accuracy by group, of predictions made after training on a selection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from saln.datasets import Groups


@dataclass(frozen=True)
class GroupAccuracy:
    """One group's accuracy, with its 95 % interval (Wilson 1927)."""

    group: str
    rows: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class Gaps:
    """Accuracy over the groups of one column.

    Attributes
    ----------
    column : str
    overall : float
    groups : tuple of GroupAccuracy
        Groups with rows to predict.
    gap : float
        Highest minus lowest.
    """

    column: str
    overall: float
    groups: tuple[GroupAccuracy, ...]
    gap: float


def accuracy_gaps(groups: Groups, labels: npt.NDArray[np.generic], predictions: npt.NDArray[np.generic]) -> Gaps:
    """Accuracy by group.

    Parameters
    ----------
    groups : Groups
        Of the rows predicted, `[M]`.
    labels, predictions : ndarray
        `[M]` each.

    Examples
    --------
    >>> from saln.datasets import make_groups
    >>> site = make_groups("site", ["a", "a", "b", "b"])
    >>> found = accuracy_gaps(site, np.array([1, 0, 1, 0]), np.array([1, 0, 1, 1]))
    >>> found.overall, found.gap
    (0.75, 0.5)
    """
    right = labels == predictions
    rows = np.bincount(groups.codes, minlength=len(groups.names))
    hits = np.bincount(groups.codes[right], minlength=len(groups.names))
    found = tuple(_of_group(groups.names[i], int(hits[i]), int(rows[i])) for i in np.flatnonzero(rows))
    accuracies = [each.accuracy for each in found]
    return Gaps(groups.column, float(right.mean()), found, max(accuracies) - min(accuracies))


def _of_group(name: str, hits: int, rows: int) -> GroupAccuracy:
    interval = binomtest(hits, rows).proportion_ci(0.95, method="wilson")
    return GroupAccuracy(name, rows, hits / rows, float(interval.low), float(interval.high))
