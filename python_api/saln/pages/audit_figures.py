"""The pictures of an audit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes

from saln.audit.accuracy import Gaps
from saln.audit.audit import Audit
from saln.audit.coverage import Coverage
from saln.audit.drift import Drift
from saln.audit.findings import Check, p_text
from saln.audit.rates import Rates
from saln.pages.panels import Panel
from saln.pages.style import COLOURS, INK, short_rows

GROUPS_SHOWN = 20
ROW = 0.27
"""Inches a group."""
SHOWN_COLOUR, CHANCE_COLOUR = COLOURS[2], "#d9d9d9"


def panels(audit: Audit) -> Iterator[Panel]:
    """What there is to draw of an audit."""
    adjusted = {(each.check, each.column, each.group): each.adjusted for each in audit.tests}

    def is_shown(check: Check, column: str, group: str) -> bool:
        return adjusted.get((check, column, group), adjusted[check, column, None]) < audit.limits.alpha

    for i, rates in enumerate(audit.rates):
        yield _rates_panel(f"rates-{i}", rates, [is_shown("rate", rates.column, g.group) for g in rates.groups])
    for i, coverage in enumerate(audit.coverage):
        if len(coverage.ends) > 1:
            yield _coverage_panel(f"coverage-{i}", coverage)
    for i, gaps in enumerate(audit.gaps):
        yield _gaps_panel(f"gaps-{i}", gaps, [is_shown("accuracy", gaps.column, g.group) for g in gaps.groups])
    if audit.drift is not None:
        yield _drift_panel(audit.drift)


def _rates_panel(name: str, rates: Rates, shown: list[bool]) -> Panel:
    kept = _most([abs(each.relative - 1) for each in rates.groups])
    groups = [rates.groups[i] for i in kept]

    def draw(axes: Axes) -> None:
        for row, (place, each) in enumerate(zip(kept, groups, strict=True)):
            axes.barh(row, each.chance_high - each.chance_low, left=each.chance_low, height=0.6, color=CHANCE_COLOUR)
            colour = SHOWN_COLOUR if shown[place] else INK
            axes.plot([each.relative], [row], "D" if shown[place] else "o", color=colour, markersize=6.5)
        axes.axvline(1.0, color=INK, linewidth=1)
        short_rows(axes, [each.group for each in groups])
        axes.set_xlim(0.0, 1.08 * max([1.2, *(max(each.relative, each.chance_high) for each in groups)]))
        axes.set_xlabel("share of draws / share of pool")

    return Panel(
        name,
        f"How often: {rates.column}",
        "1 is as often as the group is large. Grey: where chance alone leaves 95 of 100; ◆ more than chance, corrected "
        f"for all tests. Lowest rate over highest: {rates.lowest_draw_ratio:.2f} by draws, "
        f"{rates.lowest_row_ratio:.2f} by rows ever drawn.{_left_out(len(rates.groups), len(kept))}",
        "; ".join(f"{each.group}: {each.relative:.2f}" for each in groups),
        0.75 + ROW * len(groups),
        draw,
    )


def _coverage_panel(name: str, coverage: Coverage) -> Panel:
    relative = np.asarray([each.relative for each in coverage.groups])  # [G, W]
    kept = _most(np.ptp(relative, axis=1).tolist())

    def draw(axes: Axes) -> None:
        ends = np.asarray(coverage.ends)
        edges = np.concatenate([[0], ends])
        logs = np.log2(np.maximum(relative[kept], 1e-3))
        image = axes.pcolormesh(edges, np.arange(len(kept) + 1) - 0.5, logs, cmap="PuOr_r", vmin=-2, vmax=2)
        short_rows(axes, [coverage.groups[i].group for i in kept])
        axes.grid(visible=False)
        axes.set_xlabel("step")
        bar = axes.figure.colorbar(image, ax=axes, ticks=[-2, -1, 0, 1, 2], extend="both", aspect=12)
        bar.ax.set_yticklabels(["¼", "½", "1", "2", "4"])
        bar.ax.grid(visible=False)

    change = "" if coverage.p_value is None else f" That it changes at all: {p_text(coverage.p_value)}, uncorrected."
    return Panel(
        name,
        f"Over time: {coverage.column}",
        "Share of draws over share of pool, from the first step to the last; white is 1, violet less, orange more."
        + change
        + _left_out(len(coverage.groups), len(kept)),
        "; ".join(
            f"{coverage.groups[i].group}: {relative[i, 0]:.2f} at first, {relative[i, -1]:.2f} at last" for i in kept
        ),
        0.75 + ROW * max(3, len(kept)),
        draw,
    )


def _gaps_panel(name: str, gaps: Gaps, shown: list[bool]) -> Panel:
    kept = _most([abs(each.accuracy - gaps.overall) for each in gaps.groups])
    groups = [gaps.groups[i] for i in kept]

    def draw(axes: Axes) -> None:
        for row, (place, each) in enumerate(zip(kept, groups, strict=True)):
            colour = SHOWN_COLOUR if shown[place] else INK
            axes.plot([100 * each.low, 100 * each.high], [row, row], color=colour, linewidth=2)
            axes.plot([100 * each.accuracy], [row], "D" if shown[place] else "o", color=colour, markersize=6.5)
        axes.axvline(100 * gaps.overall, color=INK, linewidth=1, linestyle=":")
        short_rows(axes, [each.group for each in groups])
        axes.set_xlabel("accuracy, %")

    return Panel(
        name,
        f"Accuracy: {gaps.column}",
        f"95\u00a0% intervals (Wilson); dotted: all rows. Highest less lowest: {100 * gaps.gap:.1f} points. ◆ differs "
        f"from the others by more than chance, corrected for all tests.{_left_out(len(gaps.groups), len(kept))}",
        "; ".join(f"{each.group}: {100 * each.accuracy:.1f} percent" for each in groups),
        0.75 + ROW * len(groups),
        draw,
    )


def _drift_panel(drift: Drift) -> Panel:
    def draw(axes: Axes) -> None:
        values = [each.deviations for each in drift.shifts]
        axes.barh(range(len(values)), values, color=COLOURS[1], height=0.6)
        axes.axvline(0.0, color=INK, linewidth=1)
        short_rows(axes, [f"feature {each.feature}" for each in drift.shifts])
        axes.set_xlabel("mean of draws − mean of pool, deviations")

    return Panel(
        "drift",
        "Features: what moved most",
        f"In standard deviations of the pool. Energy coefficient over all features {drift.energy:.3f} (0 alike, 1 "
        f"apart), {p_text(drift.p_value)}, uncorrected.",
        "; ".join(f"feature {each.feature}: {each.deviations:+.2f}" for each in drift.shifts),
        0.75 + ROW * max(2, len(drift.shifts)),
        draw,
    )


def _most(departures: list[float]) -> list[int]:
    """The groups that depart most, in their own order."""
    order = np.argsort(-np.asarray(departures), kind="stable")[:GROUPS_SHOWN]
    return sorted(int(i) for i in order)


def _left_out(n: int, kept: int) -> str:
    return f" The {kept} groups that depart most; {n - kept} others are not shown." if n > kept else ""
