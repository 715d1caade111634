"""Columns that alone give the label away: copies of it, and what was written down once it was known."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from saln.catalogue import message
from saln.datasets.errors import Array
from saln.needs import extra_pilot

NEAR_PERFECT = 0.995
"""Balanced accuracy out of fold, or rank correlation with a target, from which a column gives the label away."""
ROWS = 2000
"""Rows that are looked at, at most."""
FOLDS = 3
FEWEST = 10
"""Rows that every class must have: with fewer, a perfect column says nothing."""
MOST_CHANGES = 0.2
"""Changes of class along the sorted column, a row outside the largest class, above which no cut of it predicts well."""


def leaks(columns: Mapping[str, Array], codes: Array | None, targets: Array | None) -> dict[str, str]:
    """The columns that give the label away, with how well, unless they are half of all: then it is an easy problem.

    Parameters
    ----------
    columns : mapping of str to ndarray
        `[N]` numbers, or numbers of categories.
    codes : ndarray or None
        `[N]` int64, class numbers.
    targets : ndarray or None
        `[N]` float32.

    Returns
    -------
    dict
        Of names, each with the reason in words.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> labels = np.repeat([0, 1], 100)
    >>> leaks({"age": rng.normal(size=200), "length": rng.normal(size=200), "paid": labels * 9.5}, labels, None)
    {'paid': 'alone predicts the label, 100 % right'}
    """
    if codes is not None:
        found = _of_classes(columns, codes)
    elif targets is not None:
        found = _of_targets(columns, targets)
    else:
        return {}
    return found if 2 * len(found) < len(columns) else {}


def _of_classes(columns: Mapping[str, Array], codes: Array) -> dict[str, str]:
    if np.bincount(codes).min() < FEWEST:
        return {}
    rows = _some(len(codes))
    codes = codes[rows]
    found: dict[str, str] = {}
    if np.bincount(codes).min() < FOLDS or len(np.unique(codes)) < 2:
        return {}
    most = MOST_CHANGES * (len(rows) - np.bincount(codes).max())
    for name, column in columns.items():
        numbers = _numbers(column[rows])
        if _changes(numbers, codes) <= most:
            share = _predicted(numbers, codes)
            if share > NEAR_PERFECT:
                found[name] = message("data.why.predicts", share=100 * share)
    return found


def _of_targets(columns: Mapping[str, Array], targets: Array) -> dict[str, str]:
    with extra_pilot():
        from scipy.stats import spearmanr

    rows = _some(len(targets))
    found: dict[str, str] = {}
    if len(rows) < FEWEST:
        return {}
    for name, column in columns.items():
        numbers = _numbers(column[rows])
        if np.ptp(numbers) > 0:
            correlation = abs(float(spearmanr(numbers, targets[rows]).statistic))
            if correlation > NEAR_PERFECT:
                found[name] = f"orders the rows as the target does, rank correlation {correlation:.4f}"
    return found


def _some(n: int) -> npt.NDArray[np.int64]:
    """Rows to look at, always the same."""
    return np.sort(np.random.default_rng(0).permutation(n)[:ROWS])


def _numbers(column: Array) -> npt.NDArray[np.float64]:
    """What is missing stands below all numbers, so that gaps may tell, too."""
    numbers = column.astype(np.float64)
    finite = numbers[np.isfinite(numbers)]
    return np.where(np.isfinite(numbers), numbers, (finite.min() - 1) if len(finite) else 0.0)


def _changes(numbers: Array, codes: Array) -> int:
    """How often the class changes from row to row, sorted by the column, and by class among equals."""
    return int(np.count_nonzero(np.diff(codes[np.lexsort((codes, numbers))])))


def _predicted(numbers: Array, codes: Any) -> float:
    """Balanced accuracy of a tree on one column, out of fold."""
    with extra_pilot():
        from sklearn.model_selection import StratifiedKFold, cross_val_score
        from sklearn.tree import DecisionTreeClassifier

    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class of which a fold has no row
        scores = cross_val_score(
            DecisionTreeClassifier(random_state=0), numbers[:, None], codes, cv=folds, scoring="balanced_accuracy"
        )
    return float(scores.mean())
