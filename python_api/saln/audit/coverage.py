"""How the groups' shares among the chosen change from the first step to the last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from saln.audit.permutation import CELLS, SLACK
from saln.datasets import Groups

WINDOWS = 20
BLOCKS = 200
"""Runs of steps that are exchanged with one another in the test; a block is a step where there are no more steps."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class GroupCoverage:
    """When one group was chosen.

    Attributes
    ----------
    group : str
    relative : tuple of float
        In each window, the group's share among draws over its share of the pool.
    first_step : int or None
        The first step that chose one of them, from 0; None where none did.
    longest_gap : int
        The most steps in a row that chose none.
    """

    group: str
    relative: tuple[float, ...]
    first_step: int | None
    longest_gap: int


@dataclass(frozen=True)
class Coverage:
    """One group column over time.

    Attributes
    ----------
    column : str
    ends : tuple of int
        Steps done at the end of each window.
    groups : tuple of GroupCoverage
        Groups with rows in the pool.
    p_value : float or None
        That the shares change over time, from exchanging blocks of steps at random; None with fewer than 4 steps.
    """

    column: str
    ends: tuple[int, ...]
    groups: tuple[GroupCoverage, ...]
    p_value: float | None


def coverage_over_time(
    groups: Groups, steps: npt.NDArray[np.int64], *, permutations: int, generator: np.random.Generator
) -> Coverage:
    """Shares of groups in windows of steps.

    Parameters
    ----------
    groups : Groups
        Of the pool's rows, `[N]`.
    steps : ndarray
        `[T, B]` rows of the pool that each step chose; -1 is padding.
    permutations : int
    """
    n_groups, n_steps = len(groups.names), len(steps)
    sizes = np.bincount(groups.codes, minlength=n_groups)
    real = np.flatnonzero(sizes)
    drawn = _draws_by_step(groups, steps)[:, real]  # [T, G]
    ends = np.unique(np.linspace(0, n_steps, min(WINDOWS, n_steps) + 1).round().astype(np.int64)[1:])
    starts = np.concatenate([[0], ends[:-1]])
    in_window = np.add.reduceat(drawn, starts, axis=0)  # [W, G]
    totals = in_window.sum(axis=1, keepdims=True)
    relative = in_window / np.maximum(totals, 1) / (sizes[real] / sizes.sum())
    found = []
    for i, g in enumerate(real):
        present = np.flatnonzero(drawn[:, i])
        gaps = np.diff([-1, *present, n_steps]) - 1
        first = int(present[0]) if len(present) else None
        found.append(GroupCoverage(groups.names[g], tuple(relative[:, i].tolist()), first, int(gaps.max())))
    p_value = _change_test(drawn, permutations, generator) if n_steps >= 4 else None
    return Coverage(groups.column, tuple(ends.tolist()), tuple(found), p_value)


def _draws_by_step(groups: Groups, steps: Ints) -> Ints:
    n_groups = len(groups.names)
    real = steps >= 0
    codes = np.where(real, groups.codes[steps], 0) + n_groups * np.arange(len(steps))[:, None]
    return np.bincount(codes[real], minlength=n_groups * len(steps)).reshape(len(steps), n_groups)


def _change_test(drawn: Ints, permutations: int, generator: np.random.Generator) -> float:
    """Chi-square of (window × group) under random exchange of equally long blocks of steps."""
    length = max(1, len(drawn) // BLOCKS)
    n_blocks = len(drawn) // length
    blocks = drawn[: n_blocks * length].reshape(n_blocks, length, -1).sum(axis=1)  # [blocks, G]
    blocks = blocks[:, blocks.sum(axis=0) > 0]
    windows = min(WINDOWS, n_blocks // 2)
    starts = np.linspace(0, n_blocks, windows + 1).round().astype(np.int64)[:-1]
    share = blocks.sum(axis=0) / max(1, blocks.sum())

    chunk = max(1, CELLS // blocks.size)
    seen = float(_spread(blocks[None], starts, share)[0]) * (1 - SLACK) - SLACK
    as_far = 0
    for start in range(0, permutations, chunk):
        places = np.tile(np.arange(n_blocks), (min(chunk, permutations - start), 1))
        orders = generator.permuted(places, axis=1)  # [R, blocks]
        as_far += int((_spread(blocks[orders], starts, share) >= seen).sum())
    return (1 + as_far) / (1 + permutations)


def _spread(blocks: Ints, starts: Ints, share: Floats) -> Floats:
    """Chi-square of (window × group) for each order of blocks `[R, blocks, G]`."""
    table = np.add.reduceat(blocks, starts, axis=1)  # [R, windows, G]
    expected = table.sum(axis=2, keepdims=True) * share
    return np.asarray(((table - expected) ** 2 / np.maximum(expected, 1e-12)).sum(axis=(1, 2)))
