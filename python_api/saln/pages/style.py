"""How figures look: sizes that stay readable on a phone, colours that survive colour blindness and grey printing."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.figure import Figure

WIDTH = 4.7
"""Inches. A phone shows this at about its natural size, so that text keeps its points."""

LONG_NAME = 22
"""Letters of a name of which two fit side by side."""

LEGEND_ROW = 0.19
"""Inches."""

INK = "#222222"
GRID = "#dddddd"

# Okabe & Ito 2008, without the yellow, which is too light on white. Uniform is always the first, dark grey.
COLOURS = ("#555555", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
LINES = ("-", (0, (6, 1.5)), (0, (2, 1)), (0, (6, 1.5, 1.5, 1.5)), (0, (4, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

RC: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "axes.edgecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "svg.fonttype": "path",
}


@dataclass(frozen=True)
class Look:
    """How one method is drawn, in every figure the same."""

    colour: str
    line: Any
    marker: str


def looks(methods: tuple[str, ...]) -> dict[str, Look]:
    """A look for each method; beyond seven, colours return with other lines and markers."""
    return {
        method: Look(
            COLOURS[i % len(COLOURS)],
            LINES[(i + i // len(COLOURS)) % len(LINES)],
            MARKERS[(i + i // len(COLOURS)) % len(MARKERS)],
        )
        for i, method in enumerate(methods)
    }


def legend_above(figure: Figure, axes: Axes, handlelength: float = 3.2) -> None:
    """The methods' names above the axes, where no curve can run through them; the figure grows to make room."""
    handles, labels = axes.get_legend_handles_labels()
    columns = 2 if max(map(len, labels)) <= LONG_NAME else 1
    figure.set_figheight(figure.get_figheight() + LEGEND_ROW * -(-len(labels) // columns))
    figure.legend(handles, labels, loc="outside upper left", ncol=columns, handlelength=handlelength)


def short(name: str, length: int = 18) -> str:
    """A name cut to so many letters, safe from being read as mathematics."""
    return (name if len(name) <= length else name[: length - 1] + "…").replace("$", r"\$")


def short_rows(axes: Axes, names: Sequence[str], length: int = 18) -> None:
    """One row a name, the first at the top."""
    axes.set_yticks(range(len(names)), [short(name, length) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")


def plain_log_ticks(axis: Axis, low: float, high: float) -> None:
    """Ticks at 1, 2, 5 and their tens, as plain numbers, on a logarithmic axis from `low` to `high`."""
    steps = (1, 2, 5) if high / low < 30 else (1,)
    ticks = [step * 10.0**power for power in range(-6, 7) for step in steps if low <= step * 10.0**power <= high]
    if isinstance(axis, XAxis):
        axis.axes.set_xlim(low, high)
    else:
        axis.axes.set_ylim(low, high)
    axis.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    axis.set_ticks([], minor=True)


def to_svg(figure: Figure, name: str) -> str:
    """The figure as an inline `<svg>` element with no reference to anything outside."""
    buffer = io.StringIO()
    # Ids within one HTML file must differ from figure to figure; the salt also makes them reproducible.
    with rc_context({**RC, "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", bbox_inches="tight", pad_inches=0.06, metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", svg)
    svg = svg.replace("xlink:href", "href")
    head, body = svg.split(">", 1)
    # The page sets the size; the viewBox keeps the shape.
    return re.sub(r'\s(width|height)="[^"]*"', "", head) + ">" + body
