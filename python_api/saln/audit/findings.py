"""What an audit found, in plain words, the weightiest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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

    A ratio fails only where both of its sides are shown to depart, or one against all others together; otherwise a
    group of three rows would fail by chance.
    """
    found = []
    rows, draws = sum(each.rows for each in rates.groups), sum(each.draws for each in rates.groups)
    shown = _shown("rate", rates.column, rates.groups, p_values, limits)
    high = [each.draw_rate for each in shown if each.relative > 1]
    if len(rates.groups) == 2:  # what is said of one says the same of the other
        shown, high = [each for each in shown if each.relative < 1], []
    for each in shown:
        rest = (draws - each.draws) / (rows - each.rows)
        p_value = _p_value(p_values, "rate", rates.column, each.group)
        if each.relative < 1:
            ratio = each.draw_rate / max(rest, *high, rest)
            against = "those of the group drawn most" if high else "the other groups' rows"
            times = f"{ratio:.2f} × as often as {against}"
        else:
            ratio = rest / each.draw_rate
            times = f"{each.draw_rate / rest:.2f} × as often as the other groups' rows" if rest else "alone of all"
        how = f"drawn {times}" if each.draws else "never drawn"
        level: Level = "fails" if ratio < limits.min_rate_ratio else "shown"
        text = (
            f"{rates.column} = {each.group}: its {_count(each.rows, 'row')} were {how} "
            f"({_percent(each.draws / draws)} of the draws, {_percent(each.rows / rows)} of the pool; {_p(p_value)})."
        )
        found.append(Finding(level, "rate", rates.column, each.group, _excess(ratio, limits.min_rate_ratio), text))
    if found:
        return found
    lowest = min(rates.groups, key=lambda each: each.draw_rate)
    p_value = p_values["rate", rates.column, None]
    if p_value < limits.alpha:
        text = (
            f"{rates.column}: draws depend on the group ({_p(p_value)}), though no single group stands out; "
            f"{_percent(rates.moved)} of them would have to move to match the pool."
        )
        return [Finding("shown", "rate", rates.column, None, rates.moved, text)]
    if rates.lowest_draw_ratio < limits.min_rate_ratio:
        text = (
            f"{rates.column}: rows of {lowest.group} were drawn {lowest.draw_ratio:.2f} × as often as those of the "
            f"group drawn most, but with {_count(lowest.rows, 'row')} chance alone may do that ({_p(p_value)})."
        )
        return [Finding("unclear", "rate", rates.column, lowest.group, 1 - lowest.draw_ratio, text)]
    text = (
        f"{rates.column}: no group was drawn more or less often than chance allows; the lowest rate is "
        f"{rates.lowest_draw_ratio:.2f} of the highest."
    )
    return [Finding("fine", "rate", rates.column, None, rates.moved, text)]


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
        f"{coverage.column}: what is drawn changes over the run ({_p(p_value)}); most of all {most.group}, from "
        f"{first:.2f} × its share of the pool in the first steps to {last:.2f} × in the last."
    )
    return [Finding("shown", "change", coverage.column, most.group, abs(last - first), text)]


def accuracy_findings(gaps: Gaps, p_values: Mapping[Key, float], limits: Limits) -> list[Finding]:
    """Groups that the trained model serves worse or better, by the same rule as rates."""
    found = []
    rows = sum(each.rows for each in gaps.groups)
    shown = _shown("accuracy", gaps.column, gaps.groups, p_values, limits)
    high = [each.accuracy for each in shown if each.accuracy > gaps.overall]
    if len(gaps.groups) == 2:
        shown, high = [each for each in shown if each.accuracy < gaps.overall], []
    for each in shown:
        rest = (gaps.overall * rows - each.accuracy * each.rows) / (rows - each.rows)
        worse = each.accuracy < rest
        gap = max(rest, *high, rest) - each.accuracy if worse else each.accuracy - rest
        level: Level = "fails" if limits.max_gap is not None and gap > limits.max_gap else "shown"
        text = (
            f"{gaps.column} = {each.group}: accuracy {_percent(each.accuracy)} [{100 * each.low:.1f}, "
            f"{100 * each.high:.1f}] on {_count(each.rows, 'row')}, {100 * gap:.1f} points "
            f"{'below' if worse else 'above'} {'the best group shown' if worse and high else 'the others'} "
            f"({_p(_p_value(p_values, 'accuracy', gaps.column, each.group))})."
        )
        found.append(Finding(level, "accuracy", gaps.column, each.group, gap / (limits.max_gap or 1.0), text))
    if found:
        return found
    p_value = p_values["accuracy", gaps.column, None]
    if p_value < limits.alpha:
        text = (
            f"{gaps.column}: accuracy depends on the group ({_p(p_value)}), though no single group stands out; highest "
            f"and lowest are {100 * gaps.gap:.1f} points apart."
        )
        return [Finding("shown", "accuracy", gaps.column, None, gaps.gap, text)]
    if limits.max_gap is not None and gaps.gap > limits.max_gap:
        lowest = min(gaps.groups, key=lambda each: each.accuracy)
        text = (
            f"{gaps.column}: accuracies are {100 * gaps.gap:.1f} points apart, lowest for {lowest.group}, but on "
            f"{_count(lowest.rows, 'row')} chance alone may do that ({_p(p_value)})."
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
        f"alike and 1 apart ({_p(p_value)}). Means moved most in features {shifts} of the pool's standard deviations."
    )
    return [Finding("shown", "features", None, None, drift.energy, text)]


def _shown(
    check: Check, column: str, groups: Sequence[Group], p_values: Mapping[Key, float], limits: Limits
) -> list[Group]:
    return [each for each in groups if _p_value(p_values, check, column, each.group) < limits.alpha]


def _p_value(p_values: Mapping[Key, float], check: Check, column: str, group: str) -> float:
    """A group's corrected p-value; of two groups there is one test, the column's."""
    return p_values.get((check, column, group), p_values[check, column, None])


def _excess(ratio: float, limit: float) -> float:
    """How far below 1 a ratio lies, in units of how far it may."""
    return (1 - ratio) / max(1e-9, 1 - limit)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _p(p_value: float) -> str:
    return f"p < {0.001}" if p_value < 0.001 else f"p = {p_value:.3f}"
