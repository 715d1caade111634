"""The pictures of an audit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes

from saln.audit.audit import Audit
from saln.audit.coverage import Coverage
from saln.audit.drift import Drift
from saln.audit.findings import Check, p_text
from saln.catalogue import Words
from saln.pages.panels import Panel
from saln.pages.style import COLOURS, INK, colour_bar, heat_map, left_out, most_departing, short_rows

ROW = 0.27
"""Inches per group."""
SHOWN_COLOUR, CHANCE_COLOUR = COLOURS[2], "#d9d9d9"


Row = tuple[str, float, float, float]
"""A group, its figure, and an interval's ends."""


def panels(audit: Audit, words: Words) -> Iterator[Panel]:
    """What there is to draw of an audit."""
    for i, rates in enumerate(audit.rates):
        rows: list[Row] = [(each.group, each.relative, each.chance_low, each.chance_high) for each in rates.groups]
        caption = words("audit.figure.rates.caption", draws=rates.lowest_draw_ratio, rows=rates.lowest_row_ratio)
        yield _groups_panel(audit, words, f"rates-{i}", "rate", rates.column, caption, rows, 1.0)
    for i, coverage in enumerate(audit.coverage):
        if len(coverage.ends) > 1:
            yield _coverage_panel(audit, words, f"coverage-{i}", coverage)
    for i, gaps in enumerate(audit.gaps):
        rows = [(each.group, 100 * each.accuracy, 100 * each.low, 100 * each.high) for each in gaps.groups]
        caption = words("audit.figure.gaps.caption", gap=100 * gaps.gap)
        yield _groups_panel(audit, words, f"gaps-{i}", "accuracy", gaps.column, caption, rows, 100 * gaps.overall)
    if audit.drift is not None:
        yield _drift_panel(audit, words, audit.drift)


def _groups_panel(
    audit: Audit, words: Words, name: str, check: Check, column: str, caption: str, rows: list[Row], neutral: float
) -> Panel:
    """One figure of each group with an interval: of chance around neutral, or of the figure."""
    kept = most_departing([np.asarray([abs(value - neutral) for _, value, _, _ in rows])])
    shown = [rows[i] for i in kept]
    of_chance = check == "rate"
    figure = "audit.figure.rates" if of_chance else "audit.figure.gaps"

    def draw(axes: Axes) -> None:
        for at, (group, value, low, high) in enumerate(shown):
            differs = audit.adjusted(check, column, group) < audit.limits.alpha
            colour = SHOWN_COLOUR if differs else INK
            if of_chance:
                axes.barh(at, high - low, left=low, height=0.6, color=CHANCE_COLOUR)
            else:
                axes.plot([low, high], [at, at], color=colour, linewidth=2)
            axes.plot([value], [at], "D" if differs else "o", color=colour, markersize=6.5)
        axes.axvline(neutral, color=INK, linewidth=1, linestyle="-" if of_chance else ":")
        short_rows(axes, [group for group, *_ in shown])
        axes.set_xlabel(words(f"{figure}.axis"))
        if of_chance:
            axes.set_xlim(0.0, 1.08 * max([1.2, *(max(value, high) for _, value, _, high in shown)]))

    return Panel(
        name,
        words(figure, column=column),
        " ".join([caption, *map(words.say, left_out(len(rows), len(kept)))]),
        "; ".join(f"{group}: {value:.2f}" if of_chance else f"{group}: {value:.1f} %" for group, value, _, _ in shown),
        0.75 + ROW * len(shown),
        draw,
    )


def _coverage_panel(audit: Audit, words: Words, name: str, coverage: Coverage) -> Panel:
    relative = np.asarray([each.relative for each in coverage.groups])  # [G, W]
    kept = most_departing([np.ptp(relative, axis=1)])
    names = [coverage.groups[i].group for i in kept]

    def draw(axes: Axes) -> None:
        image = heat_map(axes, np.asarray([0.0, *coverage.ends]), relative[kept], names)
        axes.set_xlabel(words("audit.figure.coverage.axis"))
        colour_bar(image, [axes])

    caption = [words("audit.figure.coverage.caption")]
    if coverage.p_value is not None:
        caption.append(words("audit.figure.coverage.tested", p=p_text(audit.adjusted("change", coverage.column))))
    return Panel(
        name,
        words("audit.figure.coverage", column=coverage.column),
        " ".join([*caption, *map(words.say, left_out(len(coverage.groups), len(kept)))]),
        "; ".join(
            words("audit.figure.coverage.alt", group=each, first=relative[i, 0], last=relative[i, -1])
            for each, i in zip(names, kept, strict=True)
        ),
        0.75 + ROW * max(3, len(kept)),
        draw,
    )


def _drift_panel(audit: Audit, words: Words, drift: Drift) -> Panel:
    names = [words("audit.figure.drift.feature", n=each.feature) for each in drift.shifts]

    def draw(axes: Axes) -> None:
        values = [each.deviations for each in drift.shifts]
        axes.barh(range(len(values)), values, color=COLOURS[1], height=0.6)
        axes.axvline(0.0, color=INK, linewidth=1)
        short_rows(axes, names)
        axes.set_xlabel(words("audit.figure.drift.axis"))

    return Panel(
        "drift",
        words("audit.figure.drift"),
        words("audit.figure.drift.caption", energy=drift.energy, p=p_text(audit.adjusted("features", None))),
        "; ".join(f"{name}: {each.deviations:+.2f}" for name, each in zip(names, drift.shifts, strict=True)),
        0.75 + ROW * max(2, len(drift.shifts)),
        draw,
    )
