"""Which samples a super-batch holds, and its source of chance: functions of seed, epoch and number alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

KEPT = 2
"""Passes kept: a file's next block is read from one while the block before it is chosen from another."""


class EpochOrder:
    """Shuffled epochs, and around each of their batches the super-batch that a selector may choose from instead.

    An epoch is a permutation of the rows, cut into batches of `batch_size`: what a plain loader serves. The
    super-batch of number k starts with batch k. The rows that follow it come from a pass: as many super-batches in
    succession as hold every row once. So the first rows of the super-batches alone are a plain shuffled epoch; within
    a pass every row is offered exactly once, first or later; and an epoch of a plain loader's length makes about
    1 / (1 - filter_ratio) passes, each mixed anew.

    A pass has as many super-batches as bring their size nearest to `super_batch_size`, the sizes of one pass differing
    by one at most. Where an epoch ends amid a pass, the rest of that pass is not offered. Numbers from `n_batches` on
    are the first batches of the epoch once more, for ranks whose last round is not full.

    Parameters
    ----------
    rows : Tensor [n]
        int64 on the host.
    batch_size : int
        At least 1.
    super_batch_size : int
        At least `batch_size`.
    seed : int
        At least 0.
    drop_last : bool
        Leave out the last batch of an epoch if it is short; its rows are offered all the same.
    passes : int, optional
        End an epoch after so many passes. Left out, an epoch is as long as a plain loader's.

    Attributes
    ----------
    n_rows, n_batches : int
        Rows, and batches per epoch.

    Raises
    ------
    ValueError
        If seed or passes is out of its range.

    Notes
    -----
    A permutation of n per epoch and one of the rest per pass, 16 n bytes kept of each; then O(super_batch_size) per
    call.

    Examples
    --------
    >>> import torch
    >>> from saln.sampling.order import EpochOrder
    >>> order = EpochOrder(torch.arange(12), batch_size=2, super_batch_size=4, seed=0)
    >>> offered = [order.super_batch(0, number) for number in range(order.n_batches)]
    >>> [len(rows) for rows in offered], sorted(torch.cat([rows[:2] for rows in offered]).tolist())
    ([4, 4, 4, 4, 4, 4], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    """

    def __init__(
        self,
        rows: Tensor,
        batch_size: int,
        super_batch_size: int,
        seed: int,
        *,
        drop_last: bool = False,
        passes: int | None = None,
    ) -> None:
        if seed < 0:
            raise ValueError(f"seed is {seed}, want at least 0")
        if passes is not None and passes < 1:
            raise ValueError(f"passes is {passes}, want at least 1 or None")
        self.seed = seed
        self.drop_last = drop_last
        self.n_rows = rows.numel()
        self._rows = rows
        self._batch_size = batch_size
        self._chooses = super_batch_size > batch_size
        whole, rest = divmod(self.n_rows, batch_size)
        self._n_blocks = whole + (rest > 0 and not drop_last)  # batches of a plain loader's epoch
        nearest = (2 * self.n_rows + super_batch_size) // (2 * super_batch_size)
        self._per_pass = max(1, min(nearest, whole)) if self._chooses else max(1, self._n_blocks)
        self.n_batches = self._n_blocks if passes is None else min(self._n_blocks, passes * self._per_pass)
        self._kept: dict[tuple[int, int, int], _Pass] = {}

    def epoch(self, epoch: int) -> Tensor:
        """All rows in the order of an epoch, `[n]`."""
        return self._rows[torch.randperm(self.n_rows, generator=self._generator(epoch, 0))]

    def batch(self, epoch: int, number: int) -> Tensor:
        """The rows of a plain loader's batch, `[size]`."""
        return self.super_batch(epoch, number)[: self.size(number)]

    def place(self, step: int) -> tuple[int, int]:
        """Epoch and number of the batch that is `step` batches after the first of all."""
        return divmod(step, self.n_batches)

    def size(self, number: int) -> int:
        """Rows of a batch: `batch_size`, or what is left for the last one of an epoch."""
        start = number % self._n_blocks * self._batch_size
        return min(self._batch_size, self.n_rows - start)

    def super_batch(self, epoch: int, number: int) -> Tensor:
        """The rows of a super-batch, `[M]`, those of the plain batch first."""
        n_pass, place = divmod(number, self._per_pass)
        key = self.seed, epoch, n_pass
        found = self._kept.get(key)
        if found is None:
            while len(self._kept) >= KEPT:
                self._kept.pop(next(iter(self._kept)), None)
            self._kept[key] = found = self._pass(epoch, n_pass)
        start = number % self._n_blocks * self._batch_size
        first, last = found.ends[place : place + 2].tolist()
        return torch.cat([found.order[start : start + self.size(number)], found.others[first:last]])

    def generator(self, epoch: int, number: int) -> torch.Generator:
        """The source of chance for choosing from that super-batch, at its start."""
        return self._generator(epoch, number + 1)

    def _pass(self, epoch: int, n_pass: int) -> _Pass:
        same = next((each for (seed, of, _), each in self._kept.items() if (seed, of) == (self.seed, epoch)), None)
        order = self.epoch(epoch) if same is None else same.order
        if not self._chooses:
            return _Pass(order, order[:0], torch.zeros(self._per_pass + 1, dtype=torch.int64))
        # What comes first in this pass is rows [start, stop), or around the epoch's end all but [stop, start).
        leading = [(n_pass * self._per_pass + place) % self._n_blocks for place in range(self._per_pass)]
        start, stop = leading[0] * self._batch_size, leading[-1] * self._batch_size + self.size(leading[-1])
        if leading[0] <= leading[-1]:
            others = torch.cat([order[:start], order[stop:]])
        else:
            others = torch.cat([order[stop:start], order[self._n_blocks * self._batch_size :]])
        others = others[torch.randperm(len(others), generator=self._generator(epoch, 0, n_pass))]
        small, larger = divmod(self.n_rows, self._per_pass)
        counts = [small + (place < larger) - self.size(number) for place, number in enumerate(leading)]
        return _Pass(order, others, torch.tensor([0, *counts]).cumsum(0))

    def _generator(self, *key: int) -> torch.Generator:
        # (epoch, 0) is the permutation, (epoch, 0, pass) that of a pass; SeedSequence keeps their streams apart.
        words = np.random.SeedSequence(self.seed, spawn_key=key).generate_state(1, np.uint64)
        return torch.Generator().manual_seed(int(words[0]))


class _Pass(NamedTuple):
    """The epoch's order, the rows that do not come first in this pass, and where each super-batch's share ends."""

    order: Tensor
    others: Tensor
    ends: Tensor


def super_batch_size(batch_size: int, filter_ratio: float) -> int:
    """Samples to choose `batch_size` from, so that the share `filter_ratio` of them is thrown away.

    >>> from saln.sampling.order import super_batch_size
    >>> super_batch_size(64, 0.8)
    320
    """
    if not 0 <= filter_ratio < 1:
        raise ValueError(f"filter_ratio is {filter_ratio}, want at least 0 and below 1")
    return max(batch_size, round(batch_size / (1 - filter_ratio)))
