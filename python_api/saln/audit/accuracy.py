"""Accuracy by group, of predictions made after training on a selection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from saln.datasets import DataError, Groups


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
    gap, ratio : float
        Highest minus lowest, and lowest over highest.
    """

    column: str
    overall: float
    groups: tuple[GroupAccuracy, ...]
    gap: float
    ratio: float


def accuracy_gaps(groups: Groups, labels: npt.NDArray[np.generic], predictions: npt.NDArray[np.generic]) -> Gaps:
    """Accuracy by group, by fairlearn's `MetricFrame`.

    Parameters
    ----------
    groups : Groups
        Of the rows predicted, `[M]`.
    labels, predictions : ndarray
        `[M]` each.

    Raises
    ------
    DataError
        fairlearn is not installed.
    """
    try:
        from fairlearn.metrics import MetricFrame, count
    except ImportError as error:
        raise DataError(
            "accuracy by group needs fairlearn, which is not installed: pip install 'saln-kernels[audit]'"
        ) from error
    from sklearn.metrics import accuracy_score

    frame = MetricFrame(
        metrics={"accuracy": accuracy_score, "rows": count},
        y_true=labels,
        y_pred=predictions,
        sensitive_features=groups.codes,
    )
    found = []
    for code, row in frame.by_group.iterrows():
        low, high = wilson(float(row["accuracy"]), int(row["rows"]))
        found.append(GroupAccuracy(groups.names[int(code)], int(row["rows"]), float(row["accuracy"]), low, high))
    return Gaps(
        groups.column,
        overall=float(frame.overall["accuracy"]),
        groups=tuple(found),
        gap=float(frame.difference(method="between_groups")["accuracy"]),
        ratio=float(np.nan_to_num(frame.ratio(method="between_groups")["accuracy"], nan=1.0)),
    )


def wilson(share: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """An interval of a share of `n` that stays within 0 and 1 and means something at both ends (Wilson 1927).

    Examples
    --------
    >>> low, high = wilson(1.0, 20)
    >>> round(low, 3), high
    (0.839, 1.0)
    """
    z = float(ndtri((1 + confidence) / 2))
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    margin = z / (1 + z**2 / n) * float(np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)))
    return max(0.0, middle - margin), min(1.0, middle + margin)
