"""What an audit found, in plain words, the weightiest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, TypeVar

from saln.audit.accuracy import Gaps, GroupAccuracy
from saln.audit.coverage import Coverage
from saln.audit.drift import Drift
from saln.audit.rates import GroupRate, Rates
from saln.catalogue import Message, message

Level = Literal["fails", "shown", "unclear", "fine"]
LEVELS: tuple[Level, ...] = ("fails", "shown", "unclear", "fine")
Check = Literal["leak", "rate", "change", "accuracy", "features"]
Key = tuple[Check, str | None, str | None]
"""A test: what was checked, of which column, of which group; None for the column as a whole."""

Group = TypeVar("Group", GroupRate, GroupAccuracy)


@dataclass(frozen=True)
class Limits:
    """What counts as too much.

    Attributes
    ----------
    min_rate_ratio : float
        Draws per row of a group over those of others; 0.8 is the four-fifths rule.
    max_gap : float or None
        Of accuracies, as a share of 1; None judges none.
    alpha : float
        Corrected p-values below it count as shown.
    """

    min_rate_ratio: float = 0.8
    max_gap: float | None = None
    alpha: float = 0.05

    def __post_init__(self) -> None:
        for name, value in (("min_rate_ratio", self.min_rate_ratio), ("max_gap", self.max_gap), ("alpha", self.alpha)):
            if value is not None and not 0.0 < value < 1.0:
                raise ValueError(f"{name} must be between 0 and 1, not {value}")


@dataclass(frozen=True)
class Finding:
    """One sentence, and how much it matters.

    Attributes
    ----------
    level : {"fails", "shown", "unclear", "fine"}
        Beyond a limit and more than chance; more than chance; beyond a limit, which chance alone may do; neither.
    check : {"leak", "rate", "change", "accuracy", "features"}
    column, group : str or None
    weight : float
        Orders the findings of one level; 1 is at the limit.
    text : Message
    """

    level: Level
    check: Check
    column: str | None
    group: str | None
    weight: float
    text: Message


def p_value_of(p_values: Mapping[Key, float], check: Check, column: str | None, group: str | None = None) -> float:
    """A corrected p-value; of two groups there is one test, the column's."""
    return p_values.get((check, column, group), p_values[check, column, None])


def sorted_findings(found: Sequence[Finding]) -> tuple[Finding, ...]:
    """By level, then by weight."""
    return tuple(sorted(found, key=lambda each: (LEVELS.index(each.level), -each.weight)))


def leak_findings(draws_outside: int, draws: int) -> list[Finding]:
    """Draws of rows that were not there to be drawn, such as test rows."""
    if not draws_outside:
        return []
    text = message("audit.leak.found", outside=draws_outside, draws=draws)
    return [Finding("fails", "leak", None, None, draws_outside / draws, text)]


def rate_findings(rates: Rates, p_values: Mapping[Key, float], limits: Limits) -> list[Finding]:
    """Groups drawn more or less often than the others.

    A group fails where it is shown to differ from the rest, and its draws per row are beyond the limit against the
    median row's: against the rest's, one starved group would make every other one look overfed. Two groups shown, one
    low and one high, fail where they are too far from each other. What is not shown never fails; otherwise a group of
    three rows would, by chance.
    """
    shown = _shown("rate", rates.column, rates.groups, p_values, limits)
    middle = _median_rate(rates)
    low = [each for each in shown if each.relative < 1]
    high = [each for each in shown if each.relative > 1]
    if len(rates.groups) == 2 and shown:  # what is said of one says the same of the other
        middle, low, high = max(each.draw_rate for each in rates.groups), low[:1], []
    found = [_rate_finding(rates, each, middle, p_values, limits) for each in (*low, *high)]
    failing = [each for each in found if each.level == "fails"]
    if found and not failing and low and high:
        bottom, top = min(low, key=lambda each: each.draw_rate), max(high, key=lambda each: each.draw_rate)
        ratio = bottom.draw_rate / top.draw_rate
        if ratio < limits.min_rate_ratio:
            text = message(
                "audit.rate.apart",
                column=rates.column,
                low=bottom.group,
                high=top.group,
                ratio=ratio,
                p=p_text(p_value_of(p_values, "rate", rates.column, bottom.group)),
            )
            weight = _excess(ratio, limits.min_rate_ratio)
            failing = [Finding("fails", "rate", rates.column, bottom.group, weight, text)]
    if found:
        return failing or found
    lowest = min(rates.groups, key=lambda each: each.draw_rate)
    p_value = p_values["rate", rates.column, None]
    if p_value < limits.alpha:
        text = message("audit.rate.depends", column=rates.column, p=p_text(p_value), moved=100 * rates.moved)
        return [Finding("shown", "rate", rates.column, None, rates.moved, text)]
    if rates.lowest_draw_ratio < limits.min_rate_ratio:
        text = message(
            "audit.rate.unclear",
            column=rates.column,
            group=lowest.group,
            ratio=lowest.draw_ratio,
            rows=lowest.rows,
            p=p_text(p_value),
        )
        return [Finding("unclear", "rate", rates.column, lowest.group, 1 - lowest.draw_ratio, text)]
    text = message("audit.rate.fine", column=rates.column, ratio=rates.lowest_draw_ratio)
    return [Finding("fine", "rate", rates.column, None, rates.moved, text)]


def _rate_finding(
    rates: Rates, each: GroupRate, middle: float, p_values: Mapping[Key, float], limits: Limits
) -> Finding:
    """One group shown to differ."""
    rows, draws = sum(group.rows for group in rates.groups), sum(group.draws for group in rates.groups)
    how = message("audit.rate.never" if not each.draws else "audit.rate.alone")
    if each.draws and middle:
        beside = "audit.rate.beside_other" if len(rates.groups) == 2 else "audit.rate.beside_median"
        how = message(beside, ratio=each.draw_rate / middle)
    ratio = min(each.draw_rate, middle) / max(each.draw_rate, middle)
    text = message(
        "audit.rate.group",
        column=rates.column,
        group=each.group,
        rows=each.rows,
        how=how,
        drawn=100 * each.draws / draws,
        pool=100 * each.rows / rows,
        p=p_text(p_value_of(p_values, "rate", rates.column, each.group)),
    )
    level: Level = "fails" if ratio < limits.min_rate_ratio else "shown"
    return Finding(level, "rate", rates.column, each.group, _excess(ratio, limits.min_rate_ratio), text)


def _median_rate(rates: Rates) -> float:
    """The draw rate of the group that the median row of the pool is in; the higher of two middle ones."""
    groups = sorted(rates.groups, key=lambda each: each.draw_rate)
    rows = list(accumulate(each.rows for each in groups))
    return next(each.draw_rate for each, upto in zip(groups, rows, strict=True) if 2 * upto > rows[-1])


def change_findings(coverage: Coverage, p_values: Mapping[Key, float], limits: Limits) -> list[Finding]:
    """Shares that rise or fall over the run."""
    p_value = p_values.get(("change", coverage.column, None), 1.0)
    if p_value >= limits.alpha:
        return []
    quarter = max(1, len(coverage.ends) // 4)

    def change(relative: Sequence[float]) -> tuple[float, float]:
        return sum(relative[:quarter]) / quarter, sum(relative[-quarter:]) / quarter

    most = max(coverage.groups, key=lambda each: abs(change(each.relative)[1] - change(each.relative)[0]))
    first, last = change(most.relative)
    text = message(
        "audit.change.found",
        column=coverage.column,
        p=p_text(p_value),
        group=most.group,
        first=first,
        last=last,
    )
    return [Finding("shown", "change", coverage.column, most.group, abs(last - first), text)]


def accuracy_findings(gaps: Gaps, p_values: Mapping[Key, float], limits: Limits) -> list[Finding]:
    """Groups that the trained model serves worse than the others or, where none is, better.

    A group shown to differ fails where the gap to the others, or to a better group that is shown too, is too wide.
    """
    found = []
    rows = sum(each.rows for each in gaps.groups)
    shown = _shown("accuracy", gaps.column, gaps.groups, p_values, limits)
    high = [each.accuracy for each in shown if each.accuracy > gaps.overall]
    low = [each for each in shown if each.accuracy < gaps.overall]
    for each in low or shown:
        rest = (gaps.overall * rows - each.accuracy * each.rows) / (rows - each.rows)
        worse = each.accuracy < rest
        gap = max(rest, *high, rest) - each.accuracy if worse else each.accuracy - rest
        level: Level = "fails" if limits.max_gap is not None and gap > limits.max_gap else "shown"
        beside_best = worse and high
        text = message(
            "audit.accuracy.group",
            column=gaps.column,
            group=each.group,
            accuracy=100 * each.accuracy,
            low=100 * each.low,
            high=100 * each.high,
            rows=each.rows,
            gap=100 * gap,
            side=message(f"audit.accuracy.{'below_best' if beside_best else 'below' if worse else 'above'}"),
            p=p_text(p_value_of(p_values, "accuracy", gaps.column, each.group)),
        )
        found.append(Finding(level, "accuracy", gaps.column, each.group, gap / (limits.max_gap or 1.0), text))
    if found:
        return found
    p_value = p_values["accuracy", gaps.column, None]
    if p_value < limits.alpha:
        text = message("audit.accuracy.depends", column=gaps.column, p=p_text(p_value), gap=100 * gaps.gap)
        return [Finding("shown", "accuracy", gaps.column, None, gaps.gap, text)]
    if limits.max_gap is not None and gaps.gap > limits.max_gap:
        lowest = min(gaps.groups, key=lambda each: each.accuracy)
        text = message(
            "audit.accuracy.unclear",
            column=gaps.column,
            gap=100 * gaps.gap,
            group=lowest.group,
            rows=lowest.rows,
            p=p_text(p_value),
        )
        return [Finding("unclear", "accuracy", gaps.column, lowest.group, gaps.gap / limits.max_gap, text)]
    text = message("audit.accuracy.fine", column=gaps.column, gap=100 * gaps.gap)
    return [Finding("fine", "accuracy", gaps.column, None, gaps.gap, text)]


def drift_findings(drift: Drift, p_values: Mapping[Key, float], limits: Limits) -> list[Finding]:
    """What was chosen against the pool in the features."""
    p_value = p_values["features", None, None]
    if p_value >= limits.alpha:
        text = message("audit.features.fine", n=drift.rows_compared)
        return [Finding("fine", "features", None, None, drift.energy, text)]
    shifts = ", ".join(f"{each.feature} ({each.deviations:+.2f})" for each in drift.shifts[:3])
    text = message("audit.features.differ", energy=drift.energy, p=p_text(p_value), shifts=shifts)
    return [Finding("shown", "features", None, None, drift.energy, text)]


def _shown(
    check: Check, column: str, groups: Sequence[Group], p_values: Mapping[Key, float], limits: Limits
) -> list[Group]:
    return [each for each in groups if p_value_of(p_values, check, column, each.group) < limits.alpha]


def _excess(ratio: float, limit: float) -> float:
    """How far below 1 a ratio lies, in units of how far it may."""
    return (1 - ratio) / max(1e-9, 1 - limit)


def p_text(p_value: float) -> str:
    """A p-value for people."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"
