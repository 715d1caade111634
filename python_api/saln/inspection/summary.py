"""What a look found, counted: confused classes, copies that lie in several parts, issues by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from saln.datasets import Groups

Ints = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ConfusedPair:
    """Rows of one class that are labelled as another.

    Attributes
    ----------
    true, given : int
        Class numbers.
    suspects : int
        Rows that are probably of the class `true` and bear the label `given`.
    share : float
        Estimated share of the class `true` that is labelled `given`.
    """

    true: int
    given: int
    suspects: int
    share: float


@dataclass(frozen=True)
class GroupIssues:
    """Issues of one group, such as a patient or a camera.

    Attributes
    ----------
    group : str
    rows : int
    suspects : int
    copies : int
        Its rows that have a near copy, in any group.
    outliers : int
    parts : tuple of str
        The parts of the split that it has rows in.
    """

    group: str
    rows: int
    suspects: int
    copies: int
    outliers: int
    parts: tuple[str, ...]


@dataclass(frozen=True)
class GroupColumn:
    """Issues by group of a column.

    Attributes
    ----------
    column : str
    groups : tuple of GroupIssues
    copies_across : int
        Groups of near copies with rows of more than one group of this column.
    in_several_parts : int
        Groups with rows in more than one part of the split: with patients, a leak; with cameras, as it should be.
    """

    column: str
    groups: tuple[GroupIssues, ...]
    copies_across: int
    in_several_parts: int


def confused_pairs(suggested: Ints, given: Ints, suspects: Ints, shares: npt.NDArray[np.float64]) -> list[ConfusedPair]:
    """Pairs of classes, the one with the most suspects first.

    Parameters
    ----------
    suggested, given : ndarray
        `[N]` class numbers.
    suspects : ndarray
        Rows.
    shares : ndarray
        `[C, C]` float64, P(given j | true i).

    Examples
    --------
    >>> import numpy as np
    >>> confused_pairs(np.array([0, 0, 1]), np.array([0, 1, 1]), np.array([1]), np.array([[0.5, 0.5], [0.0, 1.0]]))
    [ConfusedPair(true=0, given=1, suspects=1, share=0.5)]
    """
    pairs = np.stack([suggested[suspects], given[suspects]], axis=1)
    kinds, counts = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [
        ConfusedPair(int(true), int(label), int(count), float(shares[true, label]))
        for (true, label), count in zip(kinds[order].tolist(), counts[order].tolist(), strict=True)
    ]


def copy_groups(groups: Ints) -> list[Ints]:
    """Rows of each group of two or more, the largest group first.

    Examples
    --------
    >>> import numpy as np
    >>> [rows.tolist() for rows in copy_groups(np.array([0, 1, 0, 2, 1, 1]))]
    [[1, 4, 5], [0, 2]]
    """
    counts = np.bincount(groups, minlength=1)
    rows = np.flatnonzero(counts[groups] > 1)
    rows = rows[np.argsort(groups[rows], kind="stable")]
    parts = np.split(rows, np.flatnonzero(np.diff(groups[rows])) + 1) if len(rows) else []
    return sorted(parts, key=lambda part: -len(part))


def is_spread(parts: Sequence[Ints], codes: Ints | Marks) -> list[bool]:
    """Whether each group of rows has more than one code `[N]`."""
    return [bool((codes[rows] != codes[rows[0]]).any()) for rows in parts]


def issues_by_group(
    column: Groups, suspects: Ints, copied: Sequence[Ints], outliers: Ints, split: Groups | None
) -> GroupColumn:
    """Issues of a column's groups, the one with the largest share of suspects first; of equal ones the larger first."""
    n = len(column.names)
    rows, wrong, copies, far = (
        np.bincount(column.codes[some], minlength=n).tolist()
        for some in (slice(None), suspects, np.concatenate([np.empty(0, np.int64), *copied]), outliers)
    )
    parts: list[tuple[str, ...]] = [()] * n
    if split is not None:
        seen = np.zeros((n, len(split.names)), dtype=np.bool_)
        seen[column.codes, split.codes] = True
        parts = [tuple(split.names[part] for part in np.flatnonzero(each)) for each in seen]
    found = [
        GroupIssues(column.names[i], rows[i], wrong[i], copies[i], far[i], parts[i]) for i in range(n) if rows[i] > 0
    ]
    found.sort(key=lambda each: (-each.suspects / each.rows, -each.rows))
    across = sum(is_spread(copied, column.codes))
    return GroupColumn(column.column, tuple(found), across, sum(len(each.parts) > 1 for each in found))
