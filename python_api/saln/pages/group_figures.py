"""The figure about how well the trained models serve the groups of a column."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from saln.catalogue import Words, message
from saln.pages.page import Datum, Drawn
from saln.pages.style import GRID, INK, WIDTH, left_out, legend_above, looks, most_departing, short_rows
from saln.pilot.judging.by_group import ByGroup
from saln.pilot.output.result import PilotResult
from saln.pilot.output.words import gap

ROW, BAR = 0.14, 0.1
"""Inches of a group, and more for each method in it."""


def accuracy_by_group(result: PilotResult, words: Words, found: ByGroup, name: str) -> Drawn:
    """Test accuracy in each group that has test rows, with its interval over seeds, and the number of those rows."""
    rows = np.asarray(found.test_rows)
    means = {
        each.method: np.asarray([np.nan if one is None else one.mean for one in each.accuracy])
        for each in found.methods
    }
    overall = {method: float(np.nansum(mean * rows) / rows.sum()) for method, mean in means.items()}
    tested = np.flatnonzero(rows)
    shown = tested[most_departing([np.abs(mean[tested] - overall[method]) for method, mean in means.items()])]
    n_methods = len(found.methods)
    figure = Figure(figsize=(WIDTH, 0.8 + len(shown) * (ROW + BAR * n_methods)), layout="constrained")
    axes = figure.subplots()
    look = looks(result.methods)
    for place, each in enumerate(found.methods):
        style = look[each.method]
        at = np.arange(len(shown)) + (place - (n_methods - 1) / 2) * BAR / (ROW + BAR * n_methods)
        for row, i in zip(at, shown, strict=True):
            one = each.accuracy[i]
            if one is not None and one.low is not None and one.high is not None:
                ends = [100 * max(0.0, one.low), 100 * min(1.0, one.high)]
                axes.plot(ends, [row, row], color=style.colour, linewidth=1.6)
        axes.plot(
            100 * means[each.method][shown], at, linestyle="none", marker=style.marker, markersize=5,
            color=style.colour, mec="white", mew=0.5, label=each.method,
        )  # fmt: skip
    for row, i in enumerate(shown):
        axes.annotate(f" {rows[i]}", (1, row), xycoords=("axes fraction", "data"), va="center", fontsize=9.5)
        axes.axhline(row + 0.5, color=GRID, linewidth=0.6)
    axes.axvline(100 * overall[result.methods[0]], color=INK, linewidth=1, linestyle=":")
    short_rows(axes, [found.groups[i] for i in shown])
    axes.set_xlabel(words("served.axis"))
    legend_above(figure, axes, handlelength=1.2)
    gaps = "; ".join(f"{each.method} {gap(each.gap)}" for each in found.methods if each.gap)
    caption = [message("served.caption"), *([message("served.gaps", gaps=gaps)] if gaps else [])]
    caption += left_out(len(tested), len(shown))
    return Drawn(
        f"accuracy{name}",
        figure,
        words("served", column=found.column),
        " ".join(map(words.say, caption)),
        "; ".join(
            words("served.alt", method=method, low=float(100 * np.nanmin(mean)), high=float(100 * np.nanmax(mean)))
            for method, mean in means.items()
        ),
        tuple(
            Datum(each.method, group, one.mean, one.low, one.high)
            for each in found.methods
            for group, one in zip(found.groups, each.accuracy, strict=True)
            if one is not None
        ),
    )
