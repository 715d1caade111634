"""A look at a dataset as a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from saln.catalogue import Message, Words, message
from saln.inspection.result import Look
from saln.inspection.table import label_column
from saln.pages import look_figures
from saln.pages.look_rows import Rows, Shown
from saln.pages.page import inline, render
from saln.writing import write_text

SUSPECTS, GROUPS, OUTLIERS, LITTLE, PAIRS = 48, 12, 24, 12, 12
"""Shown of each."""
OF_GROUP = 8
"""Rows of a group of copies that are shown."""
BY_GROUP = 50
CARRIES_LITTLE = 0.8

Ints = npt.NDArray[np.int64]
Lines = list[Message]


@dataclass(frozen=True)
class Card:
    """A row with what is said of it."""

    shown: Shown
    label: str = ""
    suggested: str = ""
    said: Message | None = None


@dataclass(frozen=True)
class Strip:
    """A group of copies: how many, those that are shown, that labels differ if they do, and row numbers."""

    n: int
    cards: list[Card]
    differ: Message | None
    rows: str


def write_look(
    found: Look, path: Path, *, lang: str = "en", data: Any = None, name: str | None = None, command: str | None = None
) -> Path:
    """Write a look as an HTML page.

    Parameters
    ----------
    found : Look
    path : Path
    lang : {"en", "ja"}
    data : sequence, optional
        Pictures, texts or numbers of the rows, such as a source of `saln.datasets.read_source`.
    name : str, optional
        Of the data; that of `data` by default.
    command : str, optional
        What to type to repeat it.

    Raises
    ------
    DataError
        The data have another number of rows.
    """
    write_text(path, look_html(found, Words(lang), data, name, command))
    return path


def look_html(found: Look, words: Words, data: Any = None, name: str | None = None, command: str | None = None) -> str:
    """The page, one document that needs no other file and no network."""
    view = _View(found, Rows(data, len(found)))
    easy = np.flatnonzero(found.little > CARRIES_LITTLE)
    easy = easy[np.argsort(-found.little[easy], kind="stable")]
    return render(
        "pages/look.html.j2",
        words,
        found=found,
        name=name or getattr(data, "name", None) or "data",
        headline=headline(found),
        boxes=list(boxes(found)),
        suspects=[view.suspect(row) for row in found.suspects[:SUSPECTS].tolist()],
        pairs=[(found.class_names[each.true], found.class_names[each.given], each) for each in found.confused[:PAIRS]],
        copies=view.strips(_first_conflicts(found)),
        leaks=view.strips(found.leaks),
        outliers=[view.outlier(row) for row in found.outliers[:OUTLIERS].tolist()],
        little=[view.plain(row) for row in easy[:LITTLE].tolist()],
        n_little=len(easy),
        classes=_classes(found),
        by_group=[(each, each.groups[:BY_GROUP]) for each in found.by_group],
        pictures={
            "labels": inline(look_figures.of_labels(found, words)),
            "copies": inline(look_figures.of_copies(found, words)),
            "outliers": inline(look_figures.of_outliers(found, words)),
            "classes": inline(look_figures.of_classes(found, words)),
        },
        command=command,
    )


def summary_html(found: Look, lang: str = "en") -> str:
    """What was found, for a notebook: the sentences alone."""
    return render("pages/look_summary.html.j2", Words(lang), headline=headline(found), sentences=found.sentences)


def headline(found: Look) -> Message:
    """What weighs most, in one sentence."""
    rows = len(found)
    if len(found.suspects) and found.given is not None:
        key = "look.headline.targets" if found.given.kind == "targets" else "look.headline.labels"
        return message(key, n=len(found.suspects), rows=rows)
    if found.leaks and found.split is not None:
        return message("look.headline.leaks", n=len(found.leaked), of=int((found.split.codes > 0).sum()))
    if found.copy_groups:
        return message("look.headline.copies", n=sum(map(len, found.copy_groups)), rows=rows)
    if len(found.outliers):
        return message("look.headline.outliers", n=len(found.outliers), rows=rows)
    return message("look.headline.nothing", rows=rows)


def boxes(found: Look) -> Iterator[tuple[str, Lines]]:
    """The first screen: titles by their keys, each with its lines."""
    none, not_looked = message("look.box.none"), message("look.box.not_looked")
    of_targets = found.given is not None and found.given.kind == "targets"
    title = "look.box.targets" if of_targets else "look.box.labels"
    yield title, _of_labels(found) or [not_looked, message("look.labels.none_given")]
    yield "look.box.copies", _of_copies(found) or [none]
    if found.split is None:
        yield "look.box.leaks", [not_looked, message("look.leaks.no_split")]
    elif not found.leaks:
        yield "look.box.leaks", [none, message("look.leaks.none_found")]
    else:
        of = int((found.split.codes > 0).sum())
        yield (
            "look.box.leaks",
            [message("look.box.leaks.n", rows=len(found.leaked), of=of), message("look.box.leaks.more")],
        )
    far = len(found.outliers)
    yield (
        "look.box.outliers",
        [message("look.box.outliers.n", n=far), message("look.box.outliers.more")] if far else [none],
    )
    if found.imbalance is not None:
        yield "look.box.classes", _of_classes(found)
    yield "look.box.next", _next(found)


def _of_labels(found: Look) -> Lines:
    n = len(found.suspects)
    if found.given is None or found.noise is None:
        return []
    noise = f"{100 * found.noise:.1f}"
    if found.sure is None:
        return [message("look.box.none"), message("look.box.labels.none", noise=noise)]
    return [
        message("look.box.labels.n", n=n, share=f"{100 * n / len(found):.1f}"),
        message("look.box.labels.sure", sure=f"{100 * found.sure:.0f}", noise=noise),
    ]


def _of_copies(found: Look) -> Lines:
    groups = found.copy_groups
    if not groups:
        return []
    lines = [
        message("look.box.copies.n", rows=sum(map(len, groups)), groups=len(groups)),
        message("look.box.copies.more", exact=int(found.exact.sum()), near=f"{found.near:.3f}"),
    ]
    return [*lines, *([message("look.box.copies.conflicts", n=len(found.conflicts))] if found.conflicts else [])]


def _of_classes(found: Look) -> Lines:
    assert found.imbalance is not None
    lines = [message("look.box.classes.n", n=len(found.class_names), times=f"{found.imbalance:.3g}")]
    if found.confused:
        worst = found.confused[0]
        true, given = found.class_names[worst.true], found.class_names[worst.given]
        lines.append(message("look.box.classes.confused", true=true, given=given, n=worst.suspects))
    return lines


def _next(found: Look) -> Lines:
    lines = []
    if len(found.suspects):
        lines.append(message("look.box.next.correct"))
    if found.leaks:
        lines.append(message("look.box.next.leaks"))
    kept = len(found.keep())
    if kept < len(found):
        lines.append(message("look.box.next.keep", kept=kept, rows=len(found)))
    return lines or [message("look.box.next.none")]


def _first_conflicts(found: Look) -> list[Ints]:
    """Groups of copies whose labels differ, then the others."""
    differ = {int(rows[0]) for rows in found.conflicts}
    return sorted(found.copy_groups, key=lambda rows: int(rows[0]) not in differ)


def _classes(found: Look) -> list[tuple[str, int, float, int]]:
    """Name, rows, share of all rows, and suspects of each class."""
    counts = found.class_counts
    if counts is None or found.given is None:
        return []
    wrong = look_figures.suspects_by_class(found)
    return [
        (name, int(counts[i]), float(counts[i] / len(found)), int(wrong[i])) for i, name in enumerate(found.class_names)
    ]


class _View:
    """Rows as cards, with what is said of them."""

    def __init__(self, found: Look, rows: Rows) -> None:
        self._found, self._rows = found, rows
        given = found.given
        self._labels = None if given is None else label_column(found, given.values)
        self._suggested = None if found.suggested_label is None else label_column(found, found.suggested_label)

    def suspect(self, row: int) -> Card:
        share = 100 * float(self._found.label_quality[row])
        return self._card(row, message("look.card.right", share=f"{share:.1f}" if share >= 0.1 else "<\u00a00.1"))

    def outlier(self, row: int) -> Card:
        return self._card(row, message("look.card.score", score=f"{self._found.outlier_score[row]:.2f}"))

    def plain(self, row: int) -> Card:
        return self._card(row, None)

    def strips(self, groups: Sequence[Ints]) -> list[Strip]:
        return [self._strip(rows) for rows in groups[:GROUPS]]

    def _strip(self, rows: Ints) -> Strip:
        shown, found = rows[:OF_GROUP].tolist(), self._found
        if found.split is not None:  # one of each part
            first = [int(rows[found.split.codes[rows] == part][0]) for part in np.unique(found.split.codes[rows])]
            shown = [*first, *(row for row in shown if row not in first)][:OF_GROUP]
        labels = [] if self._labels is None else sorted({_text(self._labels[row]) for row in rows.tolist()})
        classes = found.given is not None and found.given.kind == "classes"
        differ = message("look.copies.differ", labels=tuple(labels)) if classes and len(labels) > 1 else None
        named = ", ".join(map(str, rows[: 3 * OF_GROUP].tolist())) + (", …" if len(rows) > 3 * OF_GROUP else "")
        return Strip(len(rows), [self.plain(row) for row in shown], differ, named)

    def _card(self, row: int, said: Message | None) -> Card:
        label = "" if self._labels is None else _text(self._labels[row])
        suggested = "" if self._suggested is None else _text(self._suggested[row])
        if self._found.split is not None and said is None:
            part = self._found.split.names[self._found.split.codes[row]]
            label = f"{part}: {label}" if label else part
        return Card(self._rows(row), label, suggested, said)


def _text(value: Any) -> str:
    return f"{float(value):.4g}" if isinstance(value, np.floating | float) else str(value)
