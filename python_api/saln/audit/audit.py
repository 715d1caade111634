"""A selection, looked at group by group."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from saln.audit.accuracy import Gaps, accuracy_gaps
from saln.audit.coverage import Coverage, coverage_over_time
from saln.audit.drift import Drift, feature_drift
from saln.audit.findings import (
    Check,
    Finding,
    Key,
    Limits,
    accuracy_findings,
    change_findings,
    drift_findings,
    leak_findings,
    p_value_of,
    rate_findings,
    sorted_findings,
)
from saln.audit.permutation import CORRECTIONS, Correction, PermutationTest, adjust, permutation_test
from saln.audit.rates import Rates, selection_rates
from saln.datasets import DataError, Groups

SCHEMA = "saln.audit/1"
LEAST_PERMUTATIONS = 9_999
MOST_PERMUTATIONS = 99_999


@dataclass(frozen=True)
class Evaluation:
    """Predictions of a model trained on the selection.

    Attributes
    ----------
    labels, predictions : ndarray
        `[M]` each.
    groups : sequence of Groups
        Columns among the audit's, of the rows predicted, `[M]`.
    """

    labels: npt.NDArray[Any]
    predictions: npt.NDArray[Any]
    groups: Sequence[Groups]


@dataclass(frozen=True)
class Test:
    """One test: its p-value, alone and corrected for all tests of the audit."""

    __test__ = False  # it is none of pytest's

    check: Check
    column: str | None
    group: str | None
    p_value: float
    adjusted: float


@dataclass(frozen=True)
class Audit:
    """Everything found.

    Attributes
    ----------
    steps, draws, pool_rows, rows_chosen, draws_outside : int
        Steps of the selection; draws in the pool; its rows; how many of them were chosen; draws of other rows.
    limits : Limits
    correction : {"holm", "bh"}
    permutations : int
    rates : tuple of Rates
        One for each column.
    coverage : tuple of Coverage
        One for each column; empty where the selection has one step.
    gaps : tuple of Gaps
        One for each column; empty where no predictions were given.
    drift : Drift or None
    tests : tuple of Test
    findings : tuple of Finding
        The weightiest first.
    notes : tuple of str
        What was done to the data on the way.
    """

    steps: int
    draws: int
    pool_rows: int
    rows_chosen: int
    draws_outside: int
    limits: Limits
    correction: Correction
    permutations: int
    rates: tuple[Rates, ...]
    coverage: tuple[Coverage, ...]
    gaps: tuple[Gaps, ...]
    drift: Drift | None
    tests: tuple[Test, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    def adjusted(self, check: Check, column: str | None, group: str | None = None) -> float:
        """The corrected p-value that decides."""
        p_values: dict[Key, float] = {(each.check, each.column, each.group): each.adjusted for each in self.tests}
        return p_value_of(p_values, check, column, group)

    @property
    def failed(self) -> bool:
        """A limit was broken by more than chance."""
        return any(each.level == "fails" for each in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """The JSON document."""
        return {"schema": SCHEMA, "failed": self.failed, **asdict(self)}


def audit_selection(
    chosen: Any,
    groups: Sequence[Groups],
    *,
    pool: npt.NDArray[np.bool_] | None = None,
    evaluation: Evaluation | None = None,
    features: npt.NDArray[Any] | None = None,
    limits: Limits = Limits(),  # noqa: B008  (frozen)
    correction: Correction = "holm",
    permutations: int | None = None,
    seed: int = 0,
    notes: Sequence[str] = (),
) -> Audit:
    """Whether a selection treats groups alike, and what that did to accuracy.

    Parameters
    ----------
    chosen : array_like
        `[steps, batch]` or `[n]` row numbers in the order of training; -1 is padding.
    groups : sequence of Groups
        Columns over all N rows.
    pool : ndarray, optional
        `[N]` bool: the rows that could be chosen; all, by default.
    evaluation : Evaluation, optional
        For accuracy by group.
    features : ndarray, optional
        `[N, d]` for drift.
    limits : Limits
    correction : {"holm", "bh"}
    permutations : int, optional
        Random exchanges a test; by default enough for the correction to leave something below alpha.
    seed : int
        Of the exchanges.
    notes : sequence of str
        Handed through.

    Raises
    ------
    DataError
        Naming the argument that does not fit the others.

    Examples
    --------
    >>> from saln.datasets import make_groups
    >>> site = make_groups("site", ["north"] * 50 + ["south"] * 50)
    >>> found = audit_selection([[i, i + 10] for i in range(20)], [site])  # rows 0 to 29, all of them northern
    >>> found.failed
    True
    >>> print(found.findings[0].text)
    site = south: its 50 rows were never drawn (0.0 % of the draws, 50.0 % of the pool; p < 0.001).
    """
    if not groups:
        raise DataError("groups must hold at least one column")
    if correction not in CORRECTIONS:
        raise DataError(f"correction must be one of {', '.join(CORRECTIONS)}, not '{correction}'")
    n_rows = len(groups[0].codes)
    for each in groups:
        if len(each.codes) != n_rows:
            raise DataError(f"groups '{each.column}' has {len(each.codes)} rows, '{groups[0].column}' {n_rows}")
    inside = _pool(pool, n_rows)
    steps = _steps(chosen, n_rows)
    number = np.where(inside, np.cumsum(inside) - 1, -1)  # of a row within the pool
    real = steps >= 0
    within = np.where(real, number[steps], -1)
    draws, draws_outside = int((within >= 0).sum()), int((real & (within < 0)).sum())
    if not draws:
        raise DataError("selection holds no row of the pool")
    counts = np.bincount(within[within >= 0], minlength=int(inside.sum()))
    of_pool = [each.take(inside) for each in groups]
    n_tests = sum(2 * len(each.names) + 3 for each in groups) + 1
    exchanges = permutations or min(MOST_PERMUTATIONS, max(LEAST_PERMUTATIONS, math.ceil(2 * n_tests / limits.alpha)))
    generator = np.random.default_rng(seed)

    p_values: dict[Key, float] = {}
    rates, coverage, gaps = [], [], []
    for each in of_pool:
        tested = permutation_test(counts, each.codes, len(each.names), permutations=exchanges, generator=generator)
        rates.append(selection_rates(each, counts, tested))
        _enter(p_values, "rate", each, [group.group for group in rates[-1].groups], tested)
        if len(within) > 1:
            coverage.append(coverage_over_time(each, within, permutations=exchanges, generator=generator))
            if coverage[-1].p_value is not None:
                p_values["change", each.column, None] = coverage[-1].p_value
    if evaluation is not None:
        _check_evaluation(evaluation)
        right = (evaluation.labels == evaluation.predictions).astype(np.int64)
        for each in evaluation.groups:
            gaps.append(accuracy_gaps(each, evaluation.labels, evaluation.predictions))
            tested = permutation_test(right, each.codes, len(each.names), permutations=exchanges, generator=generator)
            _enter(p_values, "accuracy", each, [group.group for group in gaps[-1].groups], tested)
    drift = None
    if features is not None:
        if features.ndim != 2 or len(features) != n_rows:
            raise DataError(
                f"features are {list(features.shape)}; wanted [{n_rows}, d], as many rows as the groups have"
            )
        drift = feature_drift(features[inside], counts, permutations=exchanges, generator=generator)
        p_values["features", None, None] = drift.p_value

    tests, adjusted = _corrected(p_values, correction)
    findings = [
        *leak_findings(draws_outside, draws + draws_outside),
        *(finding for each in rates for finding in rate_findings(each, adjusted, limits)),
        *(finding for each in coverage for finding in change_findings(each, adjusted, limits)),
        *(finding for each in gaps for finding in accuracy_findings(each, adjusted, limits)),
        *(drift_findings(drift, adjusted, limits) if drift is not None else []),
    ]
    return Audit(
        steps=len(steps),
        draws=draws,
        pool_rows=len(counts),
        rows_chosen=int((counts > 0).sum()),
        draws_outside=draws_outside,
        limits=limits,
        correction=correction,
        permutations=exchanges,
        rates=tuple(rates),
        coverage=tuple(coverage),
        gaps=tuple(gaps),
        drift=drift,
        tests=tests,
        findings=sorted_findings(findings),
        notes=tuple(notes),
    )


def _pool(pool: npt.NDArray[np.bool_] | None, n_rows: int) -> npt.NDArray[np.bool_]:
    if pool is None:
        return np.ones(n_rows, dtype=bool)
    if pool.shape != (n_rows,) or pool.dtype != np.bool_:
        raise DataError(f"pool is {pool.dtype} {list(pool.shape)}; wanted bool [{n_rows}], as many as the groups have")
    return pool


def _check_evaluation(evaluation: Evaluation) -> None:
    shape = evaluation.labels.shape
    for name, found in [
        ("predictions", evaluation.predictions.shape),
        *((f"groups '{each.column}'", each.codes.shape) for each in evaluation.groups),
    ]:
        if found != shape or len(shape) != 1 or not shape[0]:
            raise DataError(f"evaluation has labels {list(shape)} and {name} {list(found)}; wanted [M] each, M > 0")


def _steps(chosen: Any, n_rows: int) -> npt.NDArray[np.int64]:
    """Row numbers `[steps, batch]`."""
    array = np.asarray(chosen)
    if array.ndim not in (1, 2) or array.dtype.kind not in "iu" or not array.size:
        raise DataError(f"selection is {array.dtype} {list(array.shape)}; wanted row numbers [steps, batch] or [n]")
    steps = np.atleast_2d(array).astype(np.int64)
    wrong = np.argwhere((steps >= n_rows) | (steps < -1))
    if len(wrong):
        row = steps[tuple(wrong[0])]
        raise DataError(f"selection has row {row} at {wrong[0].tolist()}, but the groups have {n_rows} rows")
    return steps


def _enter(
    p_values: dict[Key, float], check: Check, groups: Groups, present: Sequence[str], tested: PermutationTest
) -> None:
    """Enter a column's tests; of two groups, one differs from the rest exactly when both do, which is one test."""
    p_values[check, groups.column, None] = tested.p_value
    if len(present) > 2:
        for name in present:
            p_values[check, groups.column, name] = float(tested.group_p_values[groups.names.index(name)])


def _corrected(p_values: dict[Key, float], correction: Correction) -> tuple[tuple[Test, ...], dict[Key, float]]:
    corrected = adjust(list(p_values.values()), correction).tolist()
    tests = tuple(
        Test(*key, p_value, adjusted) for (key, p_value), adjusted in zip(p_values.items(), corrected, strict=True)
    )
    return tests, {(each.check, each.column, each.group): each.adjusted for each in tests}
