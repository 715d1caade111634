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
    text : str
    """

    level: Level
    check: Check
    column: str | None
    group: str | None
    weight: float
    text: str


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
    text = (
        f"{_count(draws_outside, 'draw')} of {draws} fell on rows that are not in the pool, such as test rows: either "
        "the model trained on what it is tested on, or the row numbers are not those of the group columns."
    )
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
            text = (
                f"{rates.column}: rows of {bottom.group} were drawn {ratio:.2f} × as often as those of {top.group} "
                f"({p_text(p_value_of(p_values, 'rate', rates.column, bottom.group))})."
            )
            weight = _excess(ratio, limits.min_rate_ratio)
            failing = [Finding("fails", "rate", rates.column, bottom.group, weight, text)]
    if found:
        return failing or found
    lowest = min(rates.groups, key=lambda each: each.draw_rate)
    p_value = p_values["rate", rates.column, None]
    if p_value < limits.alpha:
        text = (
            f"{rates.column}: draws depend on the group ({p_text(p_value)}), though no single group stands out; "
            f"{_percent(rates.moved)} of them would have to move to match the pool."
        )
        return [Finding("shown", "rate", rates.column, None, rates.moved, text)]
    if rates.lowest_draw_ratio < limits.min_rate_ratio:
        text = (
            f"{rates.column}: rows of {lowest.group} were drawn {lowest.draw_ratio:.2f} × as often as those of the "
            f"group drawn most, but with {_count(lowest.rows, 'row')} chance alone may do that ({p_text(p_value)})."
        )
        return [Finding("unclear", "rate", rates.column, lowest.group, 1 - lowest.draw_ratio, text)]
    text = (
        f"{rates.column}: no group was drawn more or less often than chance allows; the lowest rate is "
        f"{rates.lowest_draw_ratio:.2f} of the highest."
    )
    return [Finding("fine", "rate", rates.column, None, rates.moved, text)]


def _rate_finding(
    rates: Rates, each: GroupRate, middle: float, p_values: Mapping[Key, float], limits: Limits
) -> Finding:
    """One group shown to differ."""
    rows, draws = sum(group.rows for group in rates.groups), sum(group.draws for group in rates.groups)
    against = "the other group's" if len(rates.groups) == 2 else "the median row"
    how = f"drawn {each.draw_rate / middle:.2f} × as often as {against}" if middle else "alone drawn"
    ratio = min(each.draw_rate, middle) / max(each.draw_rate, middle)
    text = (
        f"{rates.column} = {each.group}: its {_count(each.rows, 'row')} were {how if each.draws else 'never drawn'} "
        f"({_percent(each.draws / draws)} of the draws, {_percent(each.rows / rows)} of the pool; "
        f"{p_text(p_value_of(p_values, 'rate', rates.column, each.group))})."
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
    text = (
        f"{coverage.column}: what is drawn changes over the run ({p_text(p_value)}); most of all {most.group}, from "
        f"{first:.2f} × its share of the pool in the first steps to {last:.2f} × in the last."
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
        text = (
            f"{gaps.column} = {each.group}: accuracy {_percent(each.accuracy)} [{100 * each.low:.1f}, "
            f"{100 * each.high:.1f}] on {_count(each.rows, 'row')}, {100 * gap:.1f} points "
            f"{'below' if worse else 'above'} {'the best group shown' if worse and high else 'the others'} "
            f"({p_text(p_value_of(p_values, 'accuracy', gaps.column, each.group))})."
        )
        found.append(Finding(level, "accuracy", gaps.column, each.group, gap / (limits.max_gap or 1.0), text))
    if found:
        return found
    p_value = p_values["accuracy", gaps.column, None]
    if p_value < limits.alpha:
        text = (
            f"{gaps.column}: accuracy depends on the group ({p_text(p_value)}), though no single group stands out; "
            f"highest and lowest are {100 * gaps.gap:.1f} points apart."
        )
        return [Finding("shown", "accuracy", gaps.column, None, gaps.gap, text)]
    if limits.max_gap is not None and gaps.gap > limits.max_gap:
        lowest = min(gaps.groups, key=lambda each: each.accuracy)
        text = (
            f"{gaps.column}: accuracies are {100 * gaps.gap:.1f} points apart, lowest for {lowest.group}, but on "
            f"{_count(lowest.rows, 'row')} chance alone may do that ({p_text(p_value)})."
        )
        return [Finding("unclear", "accuracy", gaps.column, lowest.group, gaps.gap / limits.max_gap, text)]
    text = f"{gaps.column}: no gap in accuracy beyond chance; highest and lowest are {100 * gaps.gap:.1f} points apart."
    return [Finding("fine", "accuracy", gaps.column, None, gaps.gap, text)]


def drift_findings(drift: Drift, p_values: Mapping[Key, float], limits: Limits) -> list[Finding]:
    """What was chosen against the pool in the features."""
    p_value = p_values["features", None, None]
    if p_value >= limits.alpha:
        text = (
            f"The features of what was drawn are distributed as in the pool, as far as {drift.rows_compared} rows show."
        )
        return [Finding("fine", "features", None, None, drift.energy, text)]
    shifts = ", ".join(f"{each.feature} by {each.deviations:+.2f}" for each in drift.shifts[:3])
    text = (
        f"The features of what was drawn differ from the pool's: energy coefficient {drift.energy:.3f}, where 0 is "
        f"alike and 1 apart ({p_text(p_value)}). Means moved most in features {shifts} of the pool's standard "
        "deviations."
    )
    return [Finding("shown", "features", None, None, drift.energy, text)]


def _shown(
    check: Check, column: str, groups: Sequence[Group], p_values: Mapping[Key, float], limits: Limits
) -> list[Group]:
    return [each for each in groups if p_value_of(p_values, check, column, each.group) < limits.alpha]


def _excess(ratio: float, limit: float) -> float:
    """How far below 1 a ratio lies, in units of how far it may."""
    return (1 - ratio) / max(1e-9, 1 - limit)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def p_text(p_value: float) -> str:
    """A p-value for people."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"
