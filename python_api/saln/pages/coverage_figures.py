"""Figures about who was chosen, and when: classes, and the groups of a column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from saln.pages.page import Datum, Drawn
from saln.pages.style import INK, WIDTH, legend_above, looks, short, short_rows
from saln.pilot.judging.by_group import ByGroup
from saln.pilot.output.result import PilotResult

Floats = npt.NDArray[np.float64]
KINDS_SHOWN = 20
SMALLEST = 1e-3


@dataclass(frozen=True)
class Division:
    """Samples divided into parts, by class or by group.

    Attributes
    ----------
    name : str
        Ends the figures' names.
    title : str
    column : str
        What the samples are divided by.
    part, parts : str
        What a part is called, and several are.
    names : tuple of str
        Of the parts of which some sample was offered.
    ratios : dict of str to ndarray
        By method: each part's share among the chosen over its share among the offered, `[parts]`.
    over_time : dict of str to ndarray
        The same in successive stretches of training, `[parts, stretches]`.
    """

    name: str
    title: str
    column: str
    part: str
    parts: str
    names: tuple[str, ...]
    ratios: dict[str, Floats]
    over_time: dict[str, Floats]


def by_class(result: PilotResult) -> Division:
    """Samples divided by class."""
    pool = np.asarray(result.selections[0].pool_share)
    return Division(
        "",
        "Which classes were chosen",
        "class",
        "class",
        "classes",
        _offered(result.data.class_names, pool),
        {each.method: _over([each.class_share], pool)[:, 0] for each in result.selections},
        {each.method: _over(each.class_share_over_time, pool) for each in result.selections},
    )


def by_column(found: ByGroup, name: str) -> Division:
    """Samples divided by the groups of a column."""
    pool = np.asarray(found.pool_share)
    return Division(
        name,
        f"Which groups were chosen: {found.column}",
        found.column,
        "group",
        "groups",
        _offered(found.groups, pool),
        {each.method: _over([each.share], pool)[:, 0] for each in found.methods},
        {each.method: _over(each.share_over_time, pool) for each in found.methods},
    )


def coverage(result: PilotResult, division: Division) -> Drawn:
    """Share of each part among chosen samples over its share among those offered."""
    ratios, names = division.ratios, division.names
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
    axes.set_ylabel(short([division.column], 30)[0])
    axes.set_xlim(left=0.0, right=max(1.2, axes.get_xlim()[1]))
    axes.set_xlabel("share among chosen / share among offered")
    legend_above(figure, axes, handlelength=1.2)
    extremes = [
        f"{method}: from {ratio.min():.2f} to {ratio.max():.2f} times its share" for method, ratio in ratios.items()
    ]
    return Drawn(
        f"coverage{division.name}",
        figure,
        division.title,
        f"1 is as often as offered; below 1 a {division.part} is starved."
        + left_out(division.parts, len(names), len(shown)),
        "; ".join(extremes),
        tuple(Datum(method, names[i], float(ratio[i])) for method, ratio in ratios.items() for i in range(len(names))),
    )


def coverage_over_time(result: PilotResult, division: Division) -> Drawn:
    """The same in successive parts of training, one panel per method."""
    ratios, names = division.over_time, division.names
    shown = most_departing([np.abs(ratio.max(axis=1) - 1) for ratio in ratios.values()])
    rows = -(-len(ratios) // 2)
    figure = Figure(figsize=(WIDTH, 0.5 + rows * (0.55 + 0.2 * len(shown))), layout="constrained")
    panels = np.asarray(figure.subplots(rows, min(2, len(ratios)), sharex=True, sharey=True, squeeze=False)).ravel()
    image = None
    for axes, title, ratio in zip(panels, short(list(ratios), 17), ratios.values(), strict=False):
        edges = np.linspace(0, result.config.steps, ratio.shape[1] + 1)
        logs = np.log2(np.maximum(ratio[shown], SMALLEST))
        image = axes.pcolormesh(edges, np.arange(len(shown) + 1) - 0.5, logs, cmap="PuOr_r", vmin=-2, vmax=2)
        axes.set_title(title)
        axes.grid(visible=False)
        axes.tick_params(axis="y", labelsize=8)
        axes.xaxis.set_major_locator(MaxNLocator(3, prune="upper"))
        short_rows(axes, [names[i] for i in shown], 12)
    for axes in panels[len(ratios) :]:
        axes.set_visible(False)
    if image is not None:
        bar = figure.colorbar(
            image, ax=panels.tolist(), ticks=[-2, -1, 0, 1, 2], extend="both", aspect=16, shrink=1 / rows
        )
        bar.ax.set_yticklabels(["¼", "½", "1", "2", "4"])
        bar.ax.grid(visible=False)
    figure.supxlabel("training steps", fontsize=9.5)
    return Drawn(
        f"coverage-time{division.name}",
        figure,
        f"{division.title}, over time",
        "Share among chosen over share among offered; violet is less, orange more."
        + left_out(division.parts, len(names), len(shown)),
        "; ".join(
            f"{method}: {ratio[:, 0].min():.2f} to {ratio[:, 0].max():.2f} times their share at first, "
            f"{ratio[:, -1].min():.2f} to {ratio[:, -1].max():.2f} at last"
            for method, ratio in ratios.items()
        ),
        tuple(
            Datum(f"{method}: {names[i]}", (part + 1) / ratio.shape[1], float(ratio[i, part]))
            for method, ratio in ratios.items()
            for i in range(len(names))
            for part in range(ratio.shape[1])
        ),
    )


def most_departing(departures: Sequence[Floats]) -> npt.NDArray[np.int64]:
    """The parts that depart most for some method, in their own order; each `[parts]`."""
    return np.sort(np.argsort(-np.max(departures, axis=0), kind="stable")[:KINDS_SHOWN])


def left_out(kinds: str, n: int, shown: int) -> str:
    """That not all are shown, where it is so."""
    return f" The {shown} {kinds} that depart most; {n - shown} others are not shown." if n > shown else ""


def _offered(names: Sequence[str], pool: Floats) -> tuple[str, ...]:
    return tuple(name for name, share in zip(names, pool, strict=True) if share > 0)


def _over(shares: Sequence[tuple[float, ...]], pool: Floats) -> Floats:
    """Shares over the pool's, `[parts, len(shares)]`, of the parts of which some sample was offered."""
    return np.asarray(np.asarray(shares).T[pool > 0] / pool[pool > 0, None])
