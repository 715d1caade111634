"""An explained batch in words, as a page or a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from saln.catalogue import Message, Words, message
from saln.explain import Carrier, Direction, Explanation
from saln.pages.page import inline, render
from saln.pages.panels import Panel, drawn, write_picture
from saln.pages.samples import thumbnails
from saln.pages.style import COLOURS, INK

SMALLEST = 1e-4
ROWS_NAMED = 24
"""Samples of which the matrix still names every one."""
REPEATED_NAMED = 5
"""Rows that are named where some come more than once."""


def headline(found: Explanation) -> Message:
    """One sentence: how varied the batch is, beside random ones."""
    of_hundred = round(100 * found.above)
    place = message("explain.alike", of_hundred=of_hundred)
    if of_hundred >= 95:
        place = message("explain.more", of_hundred=min(of_hundred, 99))
    elif of_hundred <= 5:
        place = message("explain.less", of_hundred=100 - max(of_hundred, 1))
    return message("explain.worth", n=len(found.rows), rank=found.effective_rank, place=place)


def repeated_words(found: Explanation) -> str | None:
    """Which rows the batch holds more than once."""
    often = [(row, times) for row, times in Counter(found.rows).most_common() if times > 1]
    if not often:
        return None
    named = ", ".join(f"row {row} ({times} times)" for row, times in often[:REPEATED_NAMED])
    more = f", and {len(often) - REPEATED_NAMED} more rows repeatedly" if len(often) > REPEATED_NAMED else ""
    return f"The batch holds {named}{more}; each time counts as a sample of its own."


def percent(share: float, digits: int = 0) -> str:
    r"""A share in percent, without the sign of a zero, on one line.

    >>> from saln.pages.explain_page import percent
    >>> percent(-1e-9, 1), percent(0.123)
    ('0.0\xa0%', '12\xa0%')
    """
    return f"{round(100 * share, digits) + 0.0:.{digits}f}\u00a0%"


def direction_words(direction: Direction) -> str:
    """What a direction holds, and who carries it."""
    who = "; against ".join(", ".join(_carrier_words(each) for each in end) for end in _ends(direction) if end)
    return f"{percent(direction.share, 1)} of the batch, carried by about {direction.carried_by:.1f} samples: {who}"


def _ends(direction: Direction) -> tuple[list[Carrier], list[Carrier]]:
    """Carriers of positive loading, and the others."""
    positive = [each for each in direction.carriers if each.loading > 0]
    return positive, [each for each in direction.carriers if each.loading <= 0]


def _carrier_words(carrier: Carrier) -> str:
    label = "" if carrier.label is None else f" ({carrier.label})"
    return f"{carrier.row}{label} {percent(carrier.share)}"


def split_words(found: Explanation) -> str | None:
    """Where the batch hangs together least."""
    split = found.split
    if split is None:
        return None
    sizes = " and ".join(str(len(side)) for side in split.sides)
    apart = "falls apart" if split.value <= 1e-6 else f"hangs together by {split.value:.4g}"
    return (
        f"The batch {apart} ({split.laplacian} Laplacian) and splits into {sizes} samples: mean similarity "
        f"{split.within:.3f} within a side, {split.across:.3f} across."
    )


def mix(found: Explanation, rows: Sequence[int]) -> str:
    """Labels of some rows of the batch, the most frequent first."""
    if found.labels is None:
        return ""
    label = dict(zip(found.rows, found.labels, strict=True))
    return ", ".join(f"{name} ({times}\u00a0×)" for name, times in Counter(label[row] for row in rows).most_common())


def panels(found: Explanation) -> Iterator[Panel]:
    """What there is to draw."""
    low, _, high = found.reference_rank
    yield Panel(
        "spectrum",
        "Spectrum",
        "Grey: 90 of 100 random batches of the same size, and their median. Effective rank "
        f"{found.effective_rank:.1f}; random batches {low:.1f} to {high:.1f}. Values below {SMALLEST:g} "
        "are drawn there.",
        f"Effective rank {found.effective_rank:.1f}, random batches {low:.1f} to {high:.1f}",
        2.9,
        lambda axes: _draw_spectrum(axes, found),
    )
    yield Panel(
        "carriers",
        "Who carries each direction",
        "Squared loadings of the samples, the largest first; they sum to 1. A steep line is a direction of few "
        "samples.",
        "; ".join(direction_words(each) for each in found.directions),
        2.9,
        lambda axes: _draw_carriers(axes, found),
    )
    ordered = "Fiedler vector" if found.split else "first direction"
    yield Panel(
        "matrix",
        "Similarities in the batch",
        f"Samples ordered by the {ordered}.",
        split_words(found) or "Similarities of all pairs",
        4.2,
        lambda axes: _draw_matrix(axes, found),
    )


def write_explanation(
    found: Explanation,
    path: Path,
    command: str | None = None,
    images: torch.Tensor | None = None,
    lang: str = "en",
) -> Path:
    """Write an HTML page, or the figures alone as svg, png or pdf, by the ending of `path`.

    Parameters
    ----------
    found : Explanation
    path : Path
    command : str, optional
        What to type to repeat it.
    images : Tensor, optional
        `[N, C, H, W]` of all rows of the features, to show samples by.
    lang : {"en", "ja"}
        Of the first sentence and headings; the rest and figures are in English.

    Raises
    ------
    DataError
        Another ending.
    """
    if path.suffix.lower() != ".html":
        return write_picture(panels(found), path)
    rows = [[carrier.row for end in _ends(each) for carrier in end] for each in found.directions]
    shown = [
        (each, direction_words(each), None if images is None else thumbnails(images[carriers]))
        for each, carriers in zip(found.directions, rows, strict=True)
    ]
    sides = [] if found.split is None else [(side, mix(found, side)) for side in found.split.sides]
    page = render(
        "pages/explain.html.j2",
        Words(lang),
        found=found,
        headline=headline(found),
        mix=mix(found, found.rows),
        repeated=repeated_words(found),
        split=split_words(found),
        sides=[(*each, None if images is None else thumbnails(images[list(each[0])])) for each in sides],
        directions=shown,
        pictures=inline(drawn(panels(found))),
        command=command,
    )
    path.write_text(page, encoding="utf-8")
    return path


def _draw_spectrum(axes: Axes, found: Explanation) -> None:
    numbers = np.arange(1, len(found.spectrum) + 1)
    low, middle, high = (np.maximum(np.asarray(each), SMALLEST) for each in found.reference)
    axes.fill_between(numbers, low, high, color="#c8c8c8", linewidth=0, label="random batches")
    axes.plot(numbers, middle, color=COLOURS[0], linewidth=1)
    axes.plot(numbers, np.maximum(found.spectrum, SMALLEST), color=COLOURS[2], linewidth=1.8, label="this batch")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("eigenvalue number")
    axes.set_ylabel("eigenvalue (log)")
    axes.legend(loc="upper right")


def _draw_carriers(axes: Axes, found: Explanation) -> None:
    for place, each in enumerate(found.directions):
        shares = [carrier.share for carrier in each.carriers]
        axes.plot(
            range(1, len(shares) + 1), shares, marker="o", markersize=4, color=COLOURS[1 + place % (len(COLOURS) - 1)],
            linewidth=1.6, label=f"direction {place + 1}, {percent(each.share)}",
        )  # fmt: skip
    axes.axhline(1 / len(found.rows), color=INK, linewidth=0.8, linestyle=":")
    highest = max((carrier.share for each in found.directions for carrier in each.carriers), default=1.0)
    axes.set_ylim(0.0, 1.3 * highest)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("sample of the direction; dotted: all alike")
    axes.set_ylabel("squared loading")
    axes.legend(loc="upper right")


def _draw_matrix(axes: Axes, found: Explanation) -> None:
    matrix = np.asarray(found.matrix)
    largest = float(np.abs(matrix).max()) or 1.0
    image = axes.pcolormesh(matrix, cmap="PuOr_r", vmin=-largest, vmax=largest)
    axes.set_aspect("equal")
    axes.grid(visible=False)
    if len(found.rows) <= ROWS_NAMED:
        axes.set_yticks(np.arange(len(found.rows)) + 0.5, [str(row) for row in found.rows], fontsize=9.5)
    else:
        axes.set_yticks([])
    axes.set_xticks([])
    axes.set_ylim(len(found.rows), 0)
    if found.split is not None:
        first = set(found.split.sides[0])
        boundary = len(first) if found.rows[0] in first else len(found.rows) - len(first)
        axes.axhline(boundary, color=INK, linewidth=1)
        axes.axvline(boundary, color=INK, linewidth=1)
    bar = axes.figure.colorbar(image, ax=axes, aspect=20, shrink=0.9)
    bar.ax.grid(visible=False)
