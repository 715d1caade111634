"""What a look found, in sentences of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from torch import Tensor

from saln.catalogue import Message, message
from saln.inspection.labels import LEAST_SKILL

if TYPE_CHECKING:
    from saln.inspection.judge import Judged
    from saln.inspection.result import Look

LOPSIDED = 3.0
"""Rows of the largest class over those of the smallest from which classes are called unequal."""


def labels_words(found: Look) -> Message:
    """How many labels are probably wrong, and how sure that is."""
    n = len(found.suspects)
    if found.given is None or found.noise is None:
        return message("look.labels.none_given")
    if n == 0 or found.sure is None:
        return message("look.labels.none_found")
    key = "look.labels.found" if found.given.kind != "targets" else "look.targets.found"
    return message(key, n=n, share=f"{100 * n / len(found):.1f}", sure=f"{100 * found.sure:.0f}")


def copies_words(found: Look) -> Message:
    """How many rows have near copies."""
    groups = found.copy_groups
    if not groups:
        return message("look.copies.none_found")
    return message(
        "look.copies.found", rows=sum(map(len, groups)), groups=len(groups), spare=sum(len(each) - 1 for each in groups)
    )


def leaks_words(found: Look) -> Message:
    """How many rows of a test have a copy in training."""
    if found.split is None:
        return message("look.leaks.no_split")
    if not found.leaks:
        return message("look.leaks.none_found")
    held_out = int((found.split.codes > 0).sum())
    return message("look.leaks.found", rows=len(found.leaked), of=held_out, groups=len(found.leaks))


def outliers_words(found: Look) -> Message:
    """How many rows are far from all others."""
    n = len(found.outliers)
    return message("look.outliers.found", n=n) if n else message("look.outliers.none_found")


def classes_words(found: Look) -> Message | None:
    """How unequal the classes are; None without classes."""
    counts = found.class_counts
    if counts is None or found.imbalance is None:
        return None
    small, large = int(counts.argmin()), int(counts.argmax())
    if found.imbalance < LOPSIDED:
        return message("look.classes.equal", n=len(counts), least=int(counts[small]), most=int(counts[large]))
    return message(
        "look.classes.unequal", times=f"{found.imbalance:.3g}", large=found.class_names[large],
        small=found.class_names[small], least=int(counts[small]), most=int(counts[large]),
    )  # fmt: skip


def sentences(found: Look) -> tuple[Message, ...]:
    """All of these."""
    said = [labels_words(found), copies_words(found), leaks_words(found), outliers_words(found), classes_words(found)]
    return tuple(each for each in said if each is not None)


def notes(outliers: Tensor, judged: Judged | None) -> Iterator[Message]:
    """What to know before believing it."""
    unjudged = int(outliers.isnan().sum())
    if unjudged:
        yield message("look.note.unjudged", n=unjudged)
    few = 0 if judged is None else int((judged.quality.isnan() & ~outliers.isnan()).sum())
    if few:
        yield message("look.note.few", n=few)
    if judged is not None and judged.skill is not None and judged.skill < LEAST_SKILL:
        yield message("look.note.unskilled", share=f"{100 * max(judged.skill, 0):.0f}")
