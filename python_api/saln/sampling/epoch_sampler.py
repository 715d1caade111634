"""The child of a batch sampler that trainers look for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from torch.utils.data import Sampler

if TYPE_CHECKING:
    from saln.sampling.sampler import SpectralBatchSampler


class EpochSampler(Sampler[int]):
    """Iterates over the present epoch's permutation; its `set_epoch` reaches the batch sampler.

    Some trainers name the epoch only to `batch_sampler.sampler`.

    Examples
    --------
    >>> import torch
    >>> from saln import SpectralBatchSampler
    >>> batch_sampler = SpectralBatchSampler(torch.eye(6), batch_size=2)
    >>> batch_sampler.sampler.set_epoch(3)
    >>> batch_sampler.epoch, len(batch_sampler.sampler)
    (3, 6)
    """

    def __init__(self, batch_sampler: SpectralBatchSampler) -> None:
        self.batch_sampler = batch_sampler

    def set_epoch(self, epoch: int) -> None:
        """As `SpectralBatchSampler.set_epoch`."""
        self.batch_sampler.set_epoch(epoch)

    def __iter__(self) -> Iterator[int]:
        return iter(self.batch_sampler.order.epoch(self.batch_sampler.epoch).tolist())

    def __len__(self) -> int:
        return self.batch_sampler.order.n_rows
