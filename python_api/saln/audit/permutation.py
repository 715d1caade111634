"""Tests by permutation of rows, and their correction for how many there are.

Draws are no independent trials: batches hold no row twice, epochs deal rows out evenly, and some selectors draw the
same rows again and again. A test that counts draws as trials is therefore wrong in either direction. Rows are what can
be exchanged: given how often each row was drawn, a selection that is indifferent to groups might as well have given the
same counts to other rows. Totals of groups under random exchange follow a random contingency table of (count × group)
with both margins fixed (Patefield 1981), which is cheap to draw however many rows there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import false_discovery_control, random_table

Floats = npt.NDArray[np.float64]
Correction = Literal["holm", "bh"]
CORRECTIONS: tuple[Correction, ...] = ("holm", "bh")
CELLS = 4_000_000
"""Of random tables in memory at once."""
SLACK = 1e-9
"""Relative; sums of equal tables may differ by rounding, and ties count as at least as extreme."""


@dataclass(frozen=True)
class PermutationTest:
    """What random exchange of rows says of totals by group.

    Attributes
    ----------
    p_value : float
        That some group differs, two-sided, by the between-group sum of squares.
    group_p_values : ndarray
        `[G]` that this group differs from the rest, two-sided; 1 for a group with no rows.
    low, high : ndarray
        `[G]` totals between which 95 % of the exchanges left all groups at once.
    """

    p_value: float
    group_p_values: Floats
    low: Floats
    high: Floats


def permutation_test(
    counts: npt.NDArray[np.integer],
    codes: npt.NDArray[np.int64],
    n_groups: int,
    *,
    permutations: int,
    generator: np.random.Generator,
) -> PermutationTest:
    """Whether counts depend on groups.

    Parameters
    ----------
    counts : ndarray
        `[N]` whole numbers: how often each row was drawn; or 1 and 0 for right and wrong.
    codes : ndarray
        `[N]` group numbers, 0 to `n_groups` - 1.
    permutations : int
        Random exchanges; the smallest p-value possible is 1 / (permutations + 1).

    Notes
    -----
    p-values are (1 + as extreme) / (1 + permutations), which makes each test exact (Phipson & Smyth 2010).
    """
    sizes = np.bincount(codes, minlength=n_groups)
    real = sizes > 0
    totals = np.bincount(codes, weights=counts, minlength=n_groups)[real]
    size = sizes[real].astype(np.float64)
    expected = size * counts.mean()
    seen = np.abs(totals - expected)
    spread = float((seen**2 / size).sum())
    drawn = _random_totals(counts, sizes[real], permutations, generator)  # [R, G]
    away = np.abs(drawn - expected)
    group_p_values, low, high = np.ones(n_groups), np.zeros(n_groups), np.zeros(n_groups)
    group_p_values[real] = (1 + (away >= seen * (1 - SLACK) - SLACK).sum(axis=0)) / (1 + permutations)
    deviation = drawn.std(axis=0)
    reach = np.quantile((away / np.where(deviation > 0, deviation, 1.0)).max(axis=1), 0.95) * deviation
    low[real], high[real] = np.maximum(expected - reach, 0.0), expected + reach
    as_spread = int(((away**2 / size).sum(axis=1) >= spread * (1 - SLACK) - SLACK).sum())
    return PermutationTest((1 + as_spread) / (1 + permutations), group_p_values, low, high)


def _random_totals(
    counts: npt.NDArray[np.integer], sizes: npt.NDArray[np.int64], permutations: int, generator: np.random.Generator
) -> Floats:
    """Totals by group under random exchange, `[R, G]`."""
    values, times = np.unique(counts, return_counts=True)
    if len(values) == 1 or len(sizes) == 1:
        return np.tile(sizes * counts.mean(), (permutations, 1))
    tables = random_table(times, sizes)
    chunk = max(1, CELLS // (len(values) * len(sizes)))
    found = []
    for start in range(0, permutations, chunk):
        drawn = tables.rvs(min(chunk, permutations - start), method="patefield", random_state=generator)  # [R, V, G]
        found.append(np.einsum("rvg,v->rg", drawn, values.astype(np.float64)))
    return np.concatenate(found)


def adjust(p_values: Sequence[float], correction: Correction = "holm") -> Floats:
    """p-values corrected for how many there are.

    Parameters
    ----------
    p_values : sequence of float
    correction : {"holm", "bh"}
        `holm` bounds the chance of any false finding (Holm 1979), `bh` the expected share of false ones among the
        findings (Benjamini & Hochberg 1995).

    Examples
    --------
    >>> adjust([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    found = np.asarray(p_values, dtype=np.float64)
    if correction not in CORRECTIONS:
        raise ValueError(f"correction must be one of {', '.join(CORRECTIONS)}, not '{correction}'")
    if not len(found):
        return found
    if correction == "bh":
        return np.asarray(false_discovery_control(found, method="bh"))
    order = np.argsort(found, kind="stable")
    steps = np.minimum(1.0, np.maximum.accumulate(found[order] * np.arange(len(found), 0, -1)))
    adjusted = np.empty_like(found)
    adjusted[order] = steps
    return adjusted
