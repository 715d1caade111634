"""Which rows to train on, by what a look found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from saln.datasets import DataError

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
RULES = ("suspects", "copies", "leaks", "outliers")


def representatives(copied: Sequence[Ints], quality: Floats, held_out: npt.NDArray[np.bool_], drop: set[str]) -> Ints:
    """The rows of groups of copies that are left out.

    Of the copies that are trained on the one of the best label stays, the first of equals; none stays where one of the
    group is held out, if leaks are dropped. Rows that are held out stay.

    Parameters
    ----------
    copied : sequence of ndarray
        Rows of each group.
    quality : ndarray
        `[N]`, NaN where no label was judged.
    held_out : ndarray
        `[N]` bool, rows of a test.
    drop : set of str
        Of `RULES`.
    """
    out: list[Ints] = []
    for rows in copied:
        trained = rows[~held_out[rows]]
        if "leaks" in drop and len(trained) < len(rows):
            out.append(trained)
        elif "copies" in drop and len(trained) > 1:
            best = int(np.argmax(np.nan_to_num(quality[trained], nan=0.0)))
            out.append(np.delete(trained, best))
    return np.concatenate(out) if out else np.empty(0, dtype=np.int64)


def thin_out(rows: Ints, little: Floats, classes: Ints, n: int) -> Ints:
    """So many of the rows: those that carry least go, and as many that are least like the rest, in every class.

    With few rows left, hard ones alone teach less than random ones do (Sorscher et al. 2022, arXiv 2206.14486), and so
    do easy ones alone.

    Parameters
    ----------
    rows : ndarray
        Rows to choose from.
    little, classes : ndarray
        `[N]`, how little each row carries and its class.
    n : int
        How many are wanted; all where there are fewer.

    Examples
    --------
    >>> import numpy as np
    >>> little = np.array([0.9, 0.1, 0.5, 0.3, 0.8, 0.4], np.float32)
    >>> thin_out(np.arange(6), little, np.array([0, 0, 0, 1, 1, 1]), 2).tolist()
    [2, 5]
    """
    if len(rows) <= n:
        return rows
    values, own = np.nan_to_num(little[rows], nan=0.0), classes[rows]
    order = np.lexsort((values, own))
    counts = np.bincount(own)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    place = np.empty(len(rows))
    place[order] = np.arange(len(rows)) - np.repeat(starts, counts) + 0.5
    from_middle = np.abs(place / counts[own] - 0.5)
    return np.sort(rows[np.argsort(from_middle, kind="stable")[:n]])


def check_rules(share: float | None, drop: Sequence[str]) -> set[str]:
    """The rules; a DataError names one that there is not, or a share that is none."""
    if share is not None and not 0 < share <= 1:
        raise DataError(f"share is {share}; wanted above 0 and at most 1")
    named = [drop] if isinstance(drop, str) else list(drop)
    for each in named:
        if each not in RULES:
            raise DataError(f"drop has '{each}'; wanted some of {', '.join(RULES)}")
    return set(named)
