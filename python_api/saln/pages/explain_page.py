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
from saln.writing import write_text

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


def repeated_words(found: Explanation) -> Message | None:
    """Which rows the batch holds more than once."""
    often = [(row, times) for row, times in Counter(found.rows).most_common() if times > 1]
    if not often:
        return None
    named = [message("explain.repeated.row", row=row, times=times) for row, times in often[:REPEATED_NAMED]]
    if len(often) > REPEATED_NAMED:
        named.append(message("explain.repeated.more", n=len(often) - REPEATED_NAMED))
    return message("explain.repeated", rows=named)


def percent(share: float, digits: int = 0) -> str:
    r"""A share in percent, without the sign of a zero, on one line.

    >>> from saln.pages.explain_page import percent
    >>> percent(-1e-9, 1), percent(0.123)
    ('0.0\xa0%', '12\xa0%')
    """
    return f"{round(100 * share, digits) + 0.0:.{digits}f}\u00a0%"


def direction_words(direction: Direction) -> Message:
    """What a direction holds, and who carries it."""
    ends = [", ".join(_carrier_words(each) for each in end) for end in _ends(direction) if end]
    who = message("explain.against", one=ends[0], other=ends[1]) if len(ends) == 2 else "".join(ends)
    return message("explain.carried", share=percent(direction.share, 1), samples=direction.carried_by, who=who)


def _ends(direction: Direction) -> tuple[list[Carrier], list[Carrier]]:
    """Carriers of positive loading, and the others."""
    positive = [each for each in direction.carriers if each.loading > 0]
    return positive, [each for each in direction.carriers if each.loading <= 0]


def _carrier_words(carrier: Carrier) -> str:
    label = "" if carrier.label is None else f" ({carrier.label})"
    return f"{carrier.row}{label} {percent(carrier.share)}"


def split_words(found: Explanation) -> Message | None:
    """Where the batch hangs together least."""
    split = found.split
    if split is None:
        return None
    apart = split.value <= 1e-6
    hangs = message("explain.split.apart") if apart else message("explain.split.together", value=split.value)
    one, other = map(len, split.sides)
    return message(
        "explain.split",
        hangs=hangs,
        laplacian=split.laplacian,
        sizes=message("explain.split.sizes", one=one, other=other),
        within=split.within,
        across=split.across,
    )


def mix(found: Explanation, rows: Sequence[int]) -> str:
    """Labels of some rows of the batch, the most frequent first."""
    if found.labels is None:
        return ""
    label = dict(zip(found.rows, found.labels, strict=True))
    return ", ".join(f"{name} ({times}\u00a0×)" for name, times in Counter(label[row] for row in rows).most_common())


def panels(found: Explanation, words: Words) -> Iterator[Panel]:
    """What there is to draw."""
    low, _, high = found.reference_rank
    yield Panel(
        "spectrum",
        words("explain.figure.spectrum"),
        words("explain.figure.spectrum.caption", rank=found.effective_rank, low=low, high=high, smallest=SMALLEST),
        words("explain.figure.spectrum.alt", rank=found.effective_rank, low=low, high=high),
        2.9,
        lambda axes: _draw_spectrum(axes, found, words),
    )
    yield Panel(
        "carriers",
        words("explain.figure.carriers"),
        words("explain.figure.carriers.caption"),
        "; ".join(words.say(direction_words(each)) for each in found.directions),
        2.9,
        lambda axes: _draw_carriers(axes, found, words),
    )
    split = split_words(found)
    yield Panel(
        "matrix",
        words("explain.figure.matrix"),
        words("explain.figure.matrix.direction" if split is None else "explain.figure.matrix.fiedler"),
        words("explain.figure.matrix.alt") if split is None else words.say(split),
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

    Raises
    ------
    DataError
        Another ending.
    """
    words = Words(lang)
    if path.suffix.lower() != ".html":
        return write_picture(panels(found, words), path)
    rows = [[carrier.row for end in _ends(each) for carrier in end] for each in found.directions]
    shown = [
        (each, direction_words(each), None if images is None else thumbnails(images[carriers]))
        for each, carriers in zip(found.directions, rows, strict=True)
    ]
    sides = [] if found.split is None else [(side, mix(found, side)) for side in found.split.sides]
    page = render(
        "pages/explain.html.j2",
        words,
        found=found,
        headline=headline(found),
        mix=mix(found, found.rows),
        repeated=repeated_words(found),
        split=split_words(found),
        sides=[(*each, None if images is None else thumbnails(images[list(each[0])])) for each in sides],
        directions=shown,
        pictures=inline(drawn(panels(found, words))),
        command=command,
    )
    write_text(path, page)
    return path


def _draw_spectrum(axes: Axes, found: Explanation, words: Words) -> None:
    numbers = np.arange(1, len(found.spectrum) + 1)
    low, middle, high = (np.maximum(np.asarray(each), SMALLEST) for each in found.reference)
    axes.fill_between(numbers, low, high, color="#c8c8c8", linewidth=0, label=words("explain.figure.spectrum.random"))
    axes.plot(numbers, middle, color=COLOURS[0], linewidth=1)
    axes.plot(
        numbers,
        np.maximum(found.spectrum, SMALLEST),
        color=COLOURS[2],
        linewidth=1.8,
        label=words("explain.figure.spectrum.this"),
    )
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(words("explain.figure.spectrum.number"))
    axes.set_ylabel(words("explain.figure.spectrum.value"))
    axes.legend(loc="upper right")


def _draw_carriers(axes: Axes, found: Explanation, words: Words) -> None:
    for place, each in enumerate(found.directions):
        shares = [carrier.share for carrier in each.carriers]
        axes.plot(
            range(1, len(shares) + 1), shares, marker="o", markersize=4, color=COLOURS[1 + place % (len(COLOURS) - 1)],
            linewidth=1.6, label=words("explain.figure.carriers.direction", n=place + 1, share=percent(each.share)),
        )  # fmt: skip
    axes.axhline(1 / len(found.rows), color=INK, linewidth=0.8, linestyle=":")
    highest = max((carrier.share for each in found.directions for carrier in each.carriers), default=1.0)
    axes.set_ylim(0.0, 1.3 * highest)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(words("explain.figure.carriers.sample"))
    axes.set_ylabel(words("explain.figure.carriers.loading"))
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
