"""The figures of a look at a dataset."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from saln.catalogue import Words
from saln.inspection.result import DOUBTFUL, FAR, Look
from saln.pages.page import Datum, Drawn
from saln.pages.style import COLOURS, INK, ROWS_SHOWN, WIDTH, short, short_rows

BINS = 40
FEWEST_SIZES = 4
"""Different sizes of groups of copies that make a figure."""
PALEST = 10.0
"""Per cent of a class at which the colours of a noise matrix end at least, so that little noise looks so."""
MATRIX = 12
"""Classes of a noise matrix that are shown."""
WRONG, RIGHT = COLOURS[2], COLOURS[1]


def of_labels(found: Look, words: Words) -> Iterator[Drawn]:
    """How good labels are, and which classes stand for each other."""
    if found.given is None:
        return
    quality = found.label_quality[np.isfinite(found.label_quality)]
    if len(quality):
        title, axis = words("look.figure.quality"), words("look.figure.quality.axis")
        caption = words("look.figure.quality.caption", n=len(found.suspects))
        yield _histogram("quality", quality, DOUBTFUL, title, caption, axis, words)
    if found.noise_matrix is not None:
        yield _noise_matrix(found, words)


def of_copies(found: Look, words: Words) -> Iterator[Drawn]:
    """How large the groups of copies are."""
    sizes, times = np.unique([len(rows) for rows in found.copy_groups], return_counts=True)
    if len(sizes) < FEWEST_SIZES:
        return
    figure = Figure(figsize=(WIDTH, 2.3), layout="constrained")
    axes = figure.subplots()
    axes.bar(range(len(sizes)), times, color=RIGHT)
    step = -(-len(sizes) // 12)
    axes.set_xticks(range(0, len(sizes), step), [str(size) for size in sizes[::step]])
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.7)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel(words("look.figure.copies.axis"))
    axes.set_ylabel(words("look.figure.copies.groups"))
    data = tuple(Datum("groups", int(size), int(n)) for size, n in zip(sizes, times, strict=True))
    alt = "; ".join(f"{each.x:g}: {each.y:g}" for each in data)
    yield Drawn("copies", figure, words("look.figure.copies"), words("look.figure.copies.caption"), alt, data)


def of_outliers(found: Look, words: Words) -> Iterator[Drawn]:
    """How far rows are from the others."""
    scores = found.outlier_score[np.isfinite(found.outlier_score)]
    if not len(scores):
        return
    title, axis = words("look.figure.outliers"), words("look.figure.outliers.axis")
    caption = words("look.figure.outliers.caption", n=len(found.outliers))
    yield _histogram("outliers", scores, FAR, title, caption, axis, words)


def of_classes(found: Look, words: Words) -> Iterator[Drawn]:
    """How many rows each class has, and how many of them are suspects."""
    counts = found.class_counts
    if counts is None:
        return
    wrong = suspects_by_class(found)
    kept = np.sort(np.argsort(-counts, kind="stable")[:ROWS_SHOWN])
    names = [found.class_names[i] for i in kept]
    figure = Figure(figsize=(WIDTH, 0.6 + 0.27 * len(kept)), layout="constrained")
    axes = figure.subplots()
    axes.barh(range(len(kept)), counts[kept], color=RIGHT, height=0.7)
    axes.barh(range(len(kept)), wrong[kept], color=WRONG, height=0.7)
    short_rows(axes, names)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    title, caption = words("look.figure.classes"), words("look.figure.classes.caption")
    if len(kept) < len(counts):
        caption = f"{caption} {words('left_out', shown=len(kept), hidden=len(counts) - len(kept))}"
    data = tuple(Datum("rows", name, int(n)) for name, n in zip(names, counts[kept], strict=True))
    yield Drawn("classes", figure, title, caption, "; ".join(f"{each.x}: {each.y:g}" for each in data), data)


def suspects_by_class(found: Look) -> npt.NDArray[np.int64]:
    """Suspects that bear the label of each class, `[C]`; zeros for several labels a row."""
    assert found.given is not None
    n = len(found.class_names)
    if found.given.kind != "classes":
        return np.zeros(n, dtype=np.int64)
    return np.bincount(found.given.codes.numpy()[found.suspects], minlength=n)


def _histogram(
    name: str, values: npt.NDArray[np.float32], line: float, title: str, caption: str, axis: str, words: Words
) -> Drawn:
    counts, edges = np.histogram(np.clip(values, 0, 1), BINS, (0.0, 1.0))
    figure = Figure(figsize=(WIDTH, 2.3), layout="constrained")
    axes: Axes = figure.subplots()
    axes.bar(edges[:-1], counts, np.diff(edges), align="edge", color=RIGHT)
    axes.axvline(line, color=INK, linewidth=1)
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.7)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlim(0, 1)
    axes.set_xlabel(axis)
    axes.set_ylabel(words("look.figure.rows"))
    data = tuple(Datum("rows", float(edge), int(n)) for edge, n in zip(edges[:-1], counts, strict=True))
    alt = "; ".join(f"{edge:.1f}: {n}" for edge, n in zip(edges[:-1:4], counts.reshape(-1, 4).sum(axis=1), strict=True))
    return Drawn(name, figure, title, caption, alt, data)


def _noise_matrix(found: Look, words: Words) -> Drawn:
    matrix = found.noise_matrix
    assert matrix is not None
    n = len(matrix)
    wrong = matrix - np.diag(np.diag(matrix))
    kept = np.sort(np.argsort(-(wrong.sum(axis=0) + wrong.sum(axis=1)), kind="stable")[:MATRIX])
    part, names = 100 * matrix[np.ix_(kept, kept)], [found.class_names[i] for i in kept]
    figure = Figure(figsize=(WIDTH, 1.3 + 0.3 * max(len(kept), 4)), layout="constrained")
    axes = figure.subplots()
    off = np.where(np.eye(len(kept), dtype=bool), np.nan, part)
    top = float(np.nanmax(off)) if len(kept) > 1 else 0.0
    axes.pcolormesh(off, cmap="Oranges", vmin=0.0, vmax=max(1.4 * top, PALEST))
    for i in range(len(kept)):
        for j in range(len(kept)):
            if i == j or part[i, j] >= 0.5:
                axes.text(
                    j + 0.5, i + 0.5, f"{part[i, j]:.0f}", ha="center", va="center", fontsize=9,
                    color="#777777" if i == j else INK,
                )  # fmt: skip
    places, shown = np.arange(len(kept)) + 0.5, short(names, 14)
    axes.set_yticks(places, shown)
    axes.set_xticks(places, shown, rotation=90)
    axes.set_ylim(len(kept), 0)
    axes.set_xlabel(words("look.figure.noise.given"))
    axes.set_ylabel(words("look.figure.noise.true"))
    axes.grid(visible=False)
    caption = words("look.figure.noise.caption")
    if n > len(kept):
        caption = f"{words('look.figure.noise.some', shown=len(kept), n=n)} {caption}"
    pairs = sorted(((i, j) for i in kept for j in kept if i != j), key=lambda at: -matrix[at])[:5]
    alt = "; ".join(
        words(
            "look.figure.noise.alt", true=found.class_names[i], given=found.class_names[j],
            share=f"{100 * matrix[i, j]:.1f}",
        )
        for i, j in pairs
    )  # fmt: skip
    data = tuple(Datum(found.class_names[i], found.class_names[j], float(matrix[i, j])) for i in kept for j in kept)
    return Drawn("noise", figure, words("look.figure.noise"), caption, alt, data)
