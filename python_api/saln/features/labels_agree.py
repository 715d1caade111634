"""Whether two lists of labels are of the same rows in the same order, whatever the classes are called in each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from math import comb

FALSE_ALARM = 1e-6
"""Most often that labels of the same rows, half of them made wrong, are taken for others."""
MISSING = frozenset({"", "-1", "nan", "None"})
"""What stands for no label."""


def agreement(pairs: Sequence[tuple[str | None, str | None]]) -> tuple[int, int, int]:
    """How many pairs of labels a mapping of classes explains.

    A mapping is of the one side's classes to the other's, several to one where that is so: numbers for names, coarse
    classes for fine ones. The best of all explains at least as many pairs as the true one, and that explains as many as
    have right labels. With half of them wrong these are binomial. Labels that are in another order are explained by
    chance only: fewer, if there are classes enough (from about four of one size on, with 253 pairs), and few rows to a
    class do not explain each other. Where there are not, no number is less than what is wanted.

    Parameters
    ----------
    pairs : sequence of (str or None, str or None)
        Labels of a row here and there.

    Returns
    -------
    explained, n_pairs, least : int
        Of the pairs of which neither is missing. Fewer than `least` are explained by the true mapping with a
        probability of at most 1e-6, if not more than half of the labels are wrong.

    Examples
    --------
    >>> from saln.features.labels_agree import agreement
    >>> numbers = [str(row % 5) for row in range(253)]
    >>> names = ["abcde"[row % 5] for row in range(253)]
    >>> agreement(list(zip(numbers, names))), agreement(list(zip(numbers, sorted(names))))
    ((253, 253, 89), (53, 253, 89))
    """
    known = Counter((a, b) for a, b in pairs if a is not None and b is not None and not {a, b} & MISSING)
    best: tuple[Counter[str], Counter[str]] = Counter(), Counter()
    for (a, b), count in known.items():
        best[0][a] = max(best[0][a], count)
        best[1][b] = max(best[1][b], count)
    n_pairs = known.total()
    return max(each.total() for each in best), n_pairs, _least(n_pairs)


@cache
def _least(n_pairs: int) -> int:
    """The smallest number below which that of heads in so many throws of a coin is with `FALSE_ALARM` at most."""
    below = 0
    for heads in range(n_pairs + 1):
        below += comb(n_pairs, heads)
        if below > FALSE_ALARM * 2**n_pairs:
            return heads
    return 0
