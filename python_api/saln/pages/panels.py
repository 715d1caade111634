"""Pictures that stand alone on a page, or all in one file."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saln.datasets import DataError
from saln.pages.page import Drawn
from saln.pages.style import WIDTH, drawing, system_fonts, wide_font
from saln.writing import write_bytes, write_text

PICTURES = (".svg", ".png", ".pdf")
TITLE = 0.3
"""Inches."""


@dataclass(frozen=True)
class Panel:
    """One picture, not yet drawn; `height` is in inches."""

    name: str
    title: str
    caption: str
    alt: str
    height: float
    draw: Callable[[Axes], None]


def drawn(panels: Iterable[Panel]) -> Iterator[Drawn]:
    """A figure a panel, for a page."""
    for panel in panels:
        figure = Figure(figsize=(WIDTH, panel.height), layout="constrained")
        panel.draw(figure.subplots())
        yield Drawn(panel.name, figure, panel.title, panel.caption, panel.alt)


def write_picture(panels: Iterable[Panel], path: Path) -> Path:
    """All panels under each other, as svg, png or pdf by the ending of `path`.

    Raises
    ------
    DataError
        Another ending.
    """
    suffix = path.suffix.lower()
    if suffix not in PICTURES:
        raise DataError(f"{path}: unknown ending '{path.suffix}'; wanted .html, {', '.join(PICTURES)}")
    found = list(panels)
    fonts = () if suffix == ".svg" else wide_font()  # the other two show letters in fonts of this machine
    with drawing("panels", fonts):
        heights = [panel.height + TITLE for panel in found]
        figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
        places = np.asarray(figure.subplots(len(found), 1, height_ratios=heights, squeeze=False)).ravel()
        for axes, panel in zip(places, found, strict=True):
            panel.draw(axes)
            axes.set_title(panel.title)
        content = io.BytesIO()
        figure.savefig(content, format=suffix[1:], dpi=160, metadata={"Date": None} if suffix == ".svg" else None)
    if suffix == ".svg":
        write_text(path, system_fonts(content.getvalue().decode("utf-8")))
    else:
        write_bytes(path, content.getvalue())
    return path
