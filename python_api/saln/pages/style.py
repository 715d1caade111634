"""How figures look: sizes that stay readable on a phone, colours that survive colour blindness and grey printing."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any
from unicodedata import east_asian_width

import numpy as np
import numpy.typing as npt
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.font_manager import findSystemFonts, fontManager
from matplotlib.text import Text

from saln.catalogue import Message, message

Floats = npt.NDArray[np.float64]

WIDTH = 4.5
"""Inches. A phone of `PHONE` shows this a little larger than its natural size."""
PHONE = 390 - 2 * 13
"""CSS pixels that a page leaves to a figure on a phone."""
SMALLEST = 10
"""CSS pixels of the smallest text on a phone."""
LONG_NAME = 22
"""Letters of a name of which two fit side by side."""
LEGEND_ROW = 0.19
"""Inches."""
ROWS_SHOWN = 20
"""Classes or groups of a figure; of more, those that depart most."""

INK = "#222222"
GRID = "#dddddd"
# Okabe & Ito 2008, without the yellow, which is too light on white; then what is far from these and from each other.
# Uniform is always the first, dark grey.
COLOURS = (
    "#555555", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9",
    "#332288", "#771100", "#999933", "#AA88FF", "#DD1155", "#114422", "#88CC44", "#EEAAAA", "#AA4499", "#DDCC77",
)  # fmt: skip
LINES = ("-", (0, (6, 1.5)), (0, (2, 1)), (0, (6, 1.5, 1.5, 1.5)), (0, (4, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

MEASURED = "DejaVu Sans"
"""The font that text is measured by; it is wider than those that a reader has."""
SHOWN = (
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Hiragino Sans', 'Yu Gothic', 'Noto Sans CJK JP', 'Noto Sans JP', "
    "Meiryo, 'DejaVu Sans', sans-serif"
)
WIDE = (
    "Hiragino Sans", "Yu Gothic", "Noto Sans CJK JP", "Noto Sans JP", "Meiryo", "MS Gothic", "Noto Serif CJK JP",
    "IPAexGothic", "Droid Sans Fallback", "WenQuanYi Zen Hei",
)  # fmt: skip
"""Fonts with letters of Japanese, for pictures that bring their letters with them."""
FILL = "\u2002"
"""The measured font has a narrow box for a wide letter of Japanese and the like: with this beside it is wide enough."""

RC: Any = {
    "font.family": MEASURED,
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "axes.edgecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "svg.fonttype": "none",
}


@dataclass(frozen=True)
class Look:
    """How one method is drawn, in every figure the same."""

    colour: str
    line: Any
    marker: str


def looks(methods: Sequence[str]) -> dict[str, Look]:
    """A look for each method; beyond `COLOURS`, colours return with other lines and markers."""
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
    columns = 2 if max(map(_width, labels)) <= LONG_NAME else 1
    figure.set_figheight(figure.get_figheight() + LEGEND_ROW * -(-len(labels) // columns))
    figure.legend(handles, labels, loc="outside upper left", ncol=columns, handlelength=handlelength)


def short(names: Sequence[str], length: int = 18) -> list[str]:
    """Names cut to so many letters, of which wide ones are two; what differs stays different.

    Long names lose their middle, or the part that leaves most of them apart, or what they have in common at the
    beginning; where nothing tells them apart, they are numbered.

    >>> short(["guard:floor=0.5:jest", "guard:floor=0.8:jest", "jest"], 12)
    ['guard…5:jest', 'guard…8:jest', 'jest']
    """
    heads = sorted(range(1, length - 1), key=lambda head: abs(2 * head - length))
    cuts = ([_cut(name, head, length) for name in names] for head in heads)
    found = max(cuts, key=lambda cut: len(set(cut)))
    if len(set(found)) < len(set(names)):
        alike = {cut: {name for name, other in zip(names, found, strict=True) if other == cut} for cut in set(found)}
        found = [
            cut if len(alike[cut]) == 1 else _from_difference(name, _same(alike[cut]), length)
            for name, cut in zip(names, found, strict=True)
        ]
    if len(set(found)) < len(set(names)):
        place = {name: i + 1 for i, name in enumerate(dict.fromkeys(names))}
        found = [
            f"{cut} ({place[name]})" if found.count(cut) > 1 else cut for name, cut in zip(names, found, strict=True)
        ]
    return [_with_room(name.replace("$", r"\$")) for name in found]


def _cut(name: str, head: int, length: int) -> str:
    if _width(name) <= length:
        return name
    start, end = name, name
    while _width(start) > head:
        start = start[:-1]
    while _width(end) > length - head - 1:
        end = end[1:]
    return f"{start}…{end}"


def _same(names: Collection[str]) -> int:
    """Letters at the beginning that all have in common."""
    letters = enumerate(zip(*names, strict=False))
    return next((i for i, of_names in letters if len(set(of_names)) > 1), min(map(len, names)))


def _from_difference(name: str, same: int, length: int) -> str:
    """The first letter, and what comes after so many letters that others have, too."""
    found = f"{name[:1]}…{name[same:]}"
    if _width(found) <= length:
        return found
    while _width(found) >= length:
        found = found[:-1]
    return f"{found}…"


def _with_room(text: str) -> str:
    """Each line with what makes it measured as wide as it will be shown; once is enough."""
    lines = [line.rstrip(FILL) for line in text.split("\n")]
    return "\n".join(line + FILL * (_width(line) - len(line)) for line in lines)


def _width(text: str) -> int:
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def short_rows(axes: Axes, names: Sequence[str], length: int = 18) -> None:
    """One row per name, the first at the top."""
    axes.set_yticks(range(len(names)), short(names, length))
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")


def most_departing(departures: Sequence[Floats]) -> npt.NDArray[np.int64]:
    """Numbers of the `ROWS_SHOWN` rows that depart most in one of the columns `[rows]`, in their own order."""
    return np.sort(np.argsort(-np.max(departures, axis=0), kind="stable")[:ROWS_SHOWN])


def left_out(n: int, shown: int) -> list[Message]:
    """That not all rows are shown, where it is so."""
    return [message("left_out", shown=shown, hidden=n - shown)] if n > shown else []


def heat_map(axes: Axes, edges: Floats, ratios: Floats, names: Sequence[str], length: int = 18) -> QuadMesh:
    """Ratios `[rows, stretches]` between a quarter and four times, one row per name."""
    rows = np.arange(len(names) + 1) - 0.5
    image = axes.pcolormesh(edges, rows, np.log2(np.maximum(ratios, 1e-3)), cmap="PuOr_r", vmin=-2, vmax=2)
    short_rows(axes, names, length)
    axes.grid(visible=False)
    return image


def colour_bar(image: QuadMesh, axes: Sequence[Axes], shrink: float = 1.0) -> None:
    """What the colours of a heat map mean."""
    bar = axes[0].figure.colorbar(image, ax=axes, ticks=[-2, -1, 0, 1, 2], extend="both", aspect=14, shrink=shrink)
    bar.ax.set_yticklabels(["¼", "½", "1", "2", "4"])
    bar.ax.grid(visible=False)


def plain_log_ticks(axis: Axis, low: float, high: float) -> None:
    """Ticks at 1 and its tens, and between them where there is room, as plain numbers, from `low` to `high`."""
    steps = (1, 1.5, 2, 3, 5, 7) if high / low < 4 else (1, 2, 5) if high / low < 30 else (1,)
    ticks = [step * 10.0**power for power in range(-6, 7) for step in steps if low <= step * 10.0**power <= high]
    if isinstance(axis, XAxis):
        axis.axes.set_xlim(low, high)
    else:
        axis.axes.set_ylim(low, high)
    axis.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    axis.set_ticks([], minor=True)


@cache
def wide_font() -> tuple[str, ...]:
    """A font of this machine with letters of Japanese; none where there is none."""
    known = {each.fname for each in fontManager.ttflist}
    if not _known_wide():  # what was installed after matplotlib listed the fonts is not in its list
        for path in sorted(set(findSystemFonts()) - known):
            with suppress(OSError, RuntimeError, ValueError):
                fontManager.addfont(path)
    return _known_wide()


def _known_wide() -> tuple[str, ...]:
    """The first of `WIDE` that matplotlib knows."""
    names = set(fontManager.get_font_names())
    return tuple(name for name in WIDE if name in names)[:1]


@contextmanager
def drawing(name: str, more_fonts: Sequence[str] = ()) -> Iterator[None]:
    """The report's style; ids within one HTML file differ by the figure's name, and are the same each time."""
    style = {**RC, "font.family": [MEASURED, *more_fonts], "svg.hashsalt": name}
    with rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield


def give_room(figure: Figure) -> None:
    """Every title, label and remark is measured as wide as it will be shown; `short` has done so with names."""
    for text in figure.findobj(Text):
        text.set_text(_with_room(text.get_text()))


def system_fonts(svg: str) -> str:
    """Text that can be searched, in the fonts of whoever reads it."""
    svg = svg.replace(f"'{MEASURED}'", SHOWN).replace(FILL, "")
    return re.sub(r"(<text[^>]*>) ", "\\1\u00a0", svg)  # a space at the beginning is not shown


def to_svg(figure: Figure, name: str) -> str:
    """The figure as an inline `<svg>` element with no reference to anything outside."""
    buffer = io.StringIO()
    give_room(figure)
    with drawing(name):
        figure.savefig(buffer, format="svg", bbox_inches="tight", pad_inches=0.06, metadata={"Date": None})
    svg = system_fonts(buffer.getvalue())
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href", "href")
    head, body = svg.split(">", 1)
    # The page sets the size; the viewBox keeps the shape. Where a phone would make text too small, the figure scrolls.
    head = re.sub(r'\s(width|height)="[^"]*"', "", head)
    across = float(re.search(r'viewBox="\S+ \S+ (\S+)', head)[1])  # type: ignore[index]
    smallest = min(map(float, re.findall(r"font(?:-size)?: (?:\S+ )*?([\d.]+)px", body)), default=SMALLEST)
    least = across * SMALLEST / smallest
    return f'{head} style="min-width: {least:.0f}px">{body}' if least > PHONE else f"{head}>{body}"
