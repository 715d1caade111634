"""Figures about who was chosen, and when: classes, and the groups of a column."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from saln.catalogue import Message, Words, message
from saln.pages.page import Datum, Drawn
from saln.pages.style import (
    INK,
    WIDTH,
    colour_bar,
    heat_map,
    left_out,
    legend_above,
    looks,
    most_departing,
    short,
    short_rows,
)
from saln.pilot.judging.by_group import ByGroup, MethodByGroup
from saln.pilot.output.result import PilotResult


def by_class(result: PilotResult, words: Words) -> ByGroup:
    """Samples divided by class, as methods were told it."""
    methods = tuple(
        MethodByGroup(each.method, each.class_share, each.class_share_over_time, (), None) for each in result.selections
    )
    return ByGroup(words("class"), result.data.class_names, result.selections[0].pool_share, (), methods)


def coverage(result: PilotResult, words: Words, found: ByGroup, name: str, title: Message) -> Drawn:
    """Share of each group among chosen samples over its share among those offered."""
    names = [found.groups[i] for i in found.offered]
    ratios = {each.method: np.asarray(found.relative(each.share)) for each in found.methods}
    shown = most_departing([np.abs(ratio - 1) for ratio in ratios.values()])
    figure = Figure(figsize=(WIDTH, 1.1 + 0.27 * len(shown)), layout="constrained")
    axes = figure.subplots()
    for method, look in looks(result.methods).items():
        axes.plot(
            ratios[method][shown], range(len(shown)), linestyle="none", marker=look.marker, markersize=6.5,
            color=look.colour, mec="white", mew=0.5, label=method,
        )  # fmt: skip
    axes.axvline(1.0, color=INK, linewidth=1)
    short_rows(axes, [names[i] for i in shown])
    axes.set_ylabel(short([found.column], 30)[0])
    axes.set_xlim(left=0.0, right=max(1.2, axes.get_xlim()[1]))
    axes.set_xlabel(words("coverage.axis"))
    legend_above(figure, axes, handlelength=1.2)
    return Drawn(
        f"coverage{name}",
        figure,
        words.say(title),
        " ".join(map(words.say, [message("coverage.caption"), *left_out(len(names), len(shown))])),
        "; ".join(
            words("coverage.alt", method=method, low=float(ratio.min()), high=float(ratio.max()))
            for method, ratio in ratios.items()
        ),
        tuple(
            Datum(method, *each) for method, ratio in ratios.items() for each in zip(names, ratio.tolist(), strict=True)
        ),
    )


def coverage_over_time(result: PilotResult, words: Words, found: ByGroup, name: str, title: Message) -> Drawn:
    """The same in successive parts of training, one panel per method."""
    names = [found.groups[i] for i in found.offered]
    ratios = {
        each.method: np.asarray([found.relative(part) for part in each.share_over_time]).T for each in found.methods
    }
    shown = most_departing([np.abs(ratio.max(axis=1) - 1) for ratio in ratios.values()])
    rows = -(-len(ratios) // 2)
    figure = Figure(figsize=(WIDTH, 0.5 + rows * (0.55 + 0.2 * len(shown))), layout="constrained")
    panels = np.asarray(figure.subplots(rows, min(2, len(ratios)), sharex=True, sharey=True, squeeze=False)).ravel()
    for axes, heading, ratio in zip(panels, short(list(ratios), 17), ratios.values(), strict=False):
        edges = np.linspace(0, result.steps, ratio.shape[1] + 1)
        image = heat_map(axes, edges, ratio[shown], [names[i] for i in shown], 12)
        axes.set_title(heading)
        axes.xaxis.set_major_locator(MaxNLocator(3, prune="upper"))
    for axes in panels[len(ratios) :]:
        axes.set_visible(False)
    colour_bar(image, panels.tolist(), 1 / rows)
    figure.supxlabel(words("steps.axis"), fontsize=10)
    return Drawn(
        f"coverage-time{name}",
        figure,
        words("coverage.over_time", title=title),
        " ".join(map(words.say, [message("coverage.time_caption"), *left_out(len(names), len(shown))])),
        "; ".join(
            words(
                "coverage.time_alt",
                method=method,
                low=float(ratio[:, 0].min()),
                high=float(ratio[:, 0].max()),
                last_low=float(ratio[:, -1].min()),
                last_high=float(ratio[:, -1].max()),
            )
            for method, ratio in ratios.items()
        ),
        tuple(
            Datum(f"{method}: {each}", (part + 1) / len(of_parts), float(value))
            for method, ratio in ratios.items()
            for each, of_parts in zip(names, ratio, strict=True)
            for part, value in enumerate(of_parts)
        ),
    )
