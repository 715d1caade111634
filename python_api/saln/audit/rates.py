"""How often the samples of each group were chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import jensenshannon

from saln.audit.permutation import PermutationTest
from saln.datasets import Groups


@dataclass(frozen=True)
class GroupRate:
    """One group in the pool and among the chosen.

    Attributes
    ----------
    group : str
    rows : int
        In the pool.
    draws : int
        How often one of them was chosen, repeats counted.
    rows_chosen : int
        How many of them were chosen at least once.
    draw_rate : float
        draws / rows: how often a row of the group was chosen on average. What training feels.
    row_rate : float
        rows_chosen / rows, the selection rate of the four-fifths rule's own field. Every row that was ever chosen
        counts once, so over several epochs it goes to 1 for every group and says nothing any more.
    draw_ratio, row_ratio : float
        The rate over the highest group's: the four-fifths rule wants 0.8.
    relative : float
        The draw rate over the whole pool's: 1 is as often as the group is large.
    chance_low, chance_high : float
        Between these, `relative` lies for all groups at once in 95 % of random exchanges of rows.
    """

    group: str
    rows: int
    draws: int
    rows_chosen: int
    draw_rate: float
    row_rate: float
    draw_ratio: float
    row_ratio: float
    relative: float
    chance_low: float
    chance_high: float


@dataclass(frozen=True)
class Rates:
    """The rates of one group column.

    Attributes
    ----------
    column : str
    groups : tuple of GroupRate
        Groups with rows in the pool.
    lowest_draw_ratio, lowest_row_ratio : float
        Over the groups: the number that the four-fifths rule looks at.
    moved : float
        Total variation: the share of all draws that would have to go to other groups to be as in the pool.
    divergence : float
        Jensen-Shannon, in bits, 0 to 1, between the groups' shares among draws and in the pool (Lin 1991).
    """

    column: str
    groups: tuple[GroupRate, ...]
    lowest_draw_ratio: float
    lowest_row_ratio: float
    moved: float
    divergence: float


def selection_rates(groups: Groups, counts: npt.NDArray[np.int64], tested: PermutationTest) -> Rates:
    """Rates by group.

    Parameters
    ----------
    groups : Groups
        Of the pool's rows, `[N]`.
    counts : ndarray
        `[N]` how often each row was chosen.
    tested : PermutationTest
        Of the same.

    Examples
    --------
    >>> from saln.datasets import make_groups
    >>> from saln.audit.permutation import permutation_test
    >>> counts, site = np.array([2, 2, 1, 0]), make_groups("site", ["a", "a", "b", "b"])
    >>> tested = permutation_test(counts, site.codes, 2, permutations=99, generator=np.random.default_rng(0))
    >>> rates = selection_rates(site, counts, tested)
    >>> rates.lowest_draw_ratio, rates.lowest_row_ratio
    (0.25, 0.5)
    """
    n_groups = len(groups.names)
    sizes = np.bincount(groups.codes, minlength=n_groups)
    draws = np.bincount(groups.codes, weights=counts, minlength=n_groups).astype(np.int64)
    chosen = np.bincount(groups.codes, weights=counts > 0, minlength=n_groups).astype(np.int64)
    real = np.flatnonzero(sizes)
    draw_rate, row_rate = draws[real] / sizes[real], chosen[real] / sizes[real]
    in_pool, in_draws = sizes[real] / sizes.sum(), draws[real] / max(1, draws.sum())
    draw_ratio, row_ratio = draw_rate / (draw_rate.max() or 1.0), row_rate / (row_rate.max() or 1.0)
    found = tuple(
        GroupRate(
            group=groups.names[g],
            rows=int(sizes[g]),
            draws=int(draws[g]),
            rows_chosen=int(chosen[g]),
            draw_rate=float(draw_rate[i]),
            row_rate=float(row_rate[i]),
            draw_ratio=float(draw_ratio[i]),
            row_ratio=float(row_ratio[i]),
            relative=float(in_draws[i] / in_pool[i]),
            chance_low=float(tested.low[g] / (counts.mean() * sizes[g])),
            chance_high=float(tested.high[g] / (counts.mean() * sizes[g])),
        )
        for i, g in enumerate(real)
    )
    return Rates(
        groups.column,
        found,
        lowest_draw_ratio=float(draw_ratio.min()),
        lowest_row_ratio=float(row_ratio.min()),
        moved=float(np.abs(in_draws - in_pool).sum() / 2),
        divergence=float(np.nan_to_num(jensenshannon(in_draws, in_pool, base=2.0)) ** 2) if draws.sum() else 0.0,
    )
