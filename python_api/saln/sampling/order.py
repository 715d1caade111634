"""Which samples a super-batch holds, and its source of chance: functions of seed, epoch and number alone."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class EpochOrder:
    """Every epoch a permutation of the rows, cut into super-batches.

    Parameters
    ----------
    rows : Tensor [n]
        int64 on the host.
    super_batch_size : int
    least : int
        Rows that the last super-batch must hold to count.
    seed : int
        At least 0.

    Attributes
    ----------
    n_super_batches : int
        Of an epoch.

    Examples
    --------
    >>> import torch
    >>> from saln.sampling.order import EpochOrder
    >>> order = EpochOrder(torch.arange(10), super_batch_size=4, least=1, seed=0)
    >>> [len(order.super_batch(0, number)) for number in range(order.n_super_batches)]
    [4, 4, 2]
    """

    def __init__(self, rows: Tensor, super_batch_size: int, least: int, seed: int) -> None:
        if seed < 0:
            raise ValueError(f"seed is {seed}, want at least 0")
        self.seed = seed
        self.n_rows = rows.numel()
        self._rows = rows
        self._super_batch_size = super_batch_size
        whole, rest = divmod(self.n_rows, super_batch_size)
        self.n_super_batches = whole + (rest >= least)
        self._newest: tuple[tuple[int, int], Tensor] | None = None

    def epoch(self, epoch: int) -> Tensor:
        """All rows in the order of an epoch, `[n]`; O(n), for the newest epoch once."""
        key, newest = (self.seed, epoch), self._newest
        if newest is None or newest[0] != key:
            self._newest = newest = key, self._rows[torch.randperm(self.n_rows, generator=self._generator(epoch, 0))]
        return newest[1]

    def super_batch(self, epoch: int, number: int) -> Tensor:
        """The rows of one super-batch, `[M]`."""
        start = number * self._super_batch_size
        return self.epoch(epoch)[start : start + self._super_batch_size]

    def generator(self, epoch: int, number: int) -> torch.Generator:
        """The source of chance for choosing from that super-batch, at its start."""
        return self._generator(epoch, number + 1)

    def _generator(self, epoch: int, counter: int) -> torch.Generator:
        # Counter 0 is the permutation; SeedSequence keeps the streams of all of them apart.
        words = np.random.SeedSequence(self.seed, spawn_key=(epoch, counter)).generate_state(1, np.uint64)
        return torch.Generator().manual_seed(int(words[0]))


def super_batch_size(batch_size: int, filter_ratio: float) -> int:
    """Samples to choose `batch_size` from, so that the share `filter_ratio` of them is thrown away.

    >>> from saln.sampling.order import super_batch_size
    >>> super_batch_size(64, 0.8)
    320
    """
    if not 0 <= filter_ratio < 1:
        raise ValueError(f"filter_ratio is {filter_ratio}, want at least 0 and below 1")
    return max(batch_size, round(batch_size / (1 - filter_ratio)))
