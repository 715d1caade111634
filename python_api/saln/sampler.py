"""A batch sampler for any DataLoader: an epoch walked in super-batches, of each of which a selector keeps one batch."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import BatchSampler, Sampler

from saln.epoch_walk import EpochCursor, EpochWalk
from saln.selectors import Selector, SpectralCandidates
from saln.superbatch import FLOATING, SuperBatch


class SpectralBatchSampler(BatchSampler):
    """Yields the batches a selector keeps of an epoch's super-batches.

    An epoch is a permutation of the dataset by (seed, epoch), cut into super-batches of batch_size / (1 - filter_ratio)
    samples, and every super-batch yields one batch of exactly `batch_size` of its samples: with a filter ratio of 0.8
    an epoch trains on a fifth of the dataset. No sample comes twice in an epoch. What is left at the end yields one
    more batch: a full one while it holds `batch_size` samples, else a short one, or none with `drop_last`.

    The batch of a step is a function of (seed, epoch, step) and the samples alone, so any step can be had without those
    before it: skipping and resuming cost nothing. By default batches are chosen by `SpectralCandidates`, which scores
    all candidates of a super-batch in one call; any `Selector` can take its place.

    Parameters
    ----------
    features : Tensor [N, d] or SuperBatch
        Frozen features of the dataset, row i for index i; or with them losses, labels, ... of the whole dataset, and
        indices where the rows are not in the dataset's order. Rows with values that are not finite are never yielded.
    batch_size : int
        Samples of every batch yielded.
    filter_ratio : float
        Share of a super-batch thrown away, at least 0 and below 1.
    labels : Tensor [N], optional
        For `candidates="stratified"` and other selectors that read labels.
    selector : Selector, optional
        In place of spectral candidates.
    seed : int
        At least 0.
    drop_last : bool
        Leave out a last batch of fewer than `batch_size`.
    **spectral_options
        Of `saln.selectors.SpectralCandidates`: n_candidates, criterion, similarity, candidates, choice, temperature
        and those of the scores.

    Attributes
    ----------
    sampler : Sampler
        Iterates over the present epoch's permutation; its `set_epoch` is this sampler's.
    super_batch_size : int
        Samples offered to the selector at a step.
    n_left_out : int
        Rows left out because they are not finite.

    Raises
    ------
    TypeError
        If features is neither tensor nor SuperBatch, as when a trainer makes the sampler anew around one of its own.
    ValueError
        If an option is out of its range, or state and sampler do not belong together.

    Notes
    -----
    A step costs a copy of the super-batch, O(M d), and what the selector costs; an epoch one permutation of N.

    With worker processes a DataLoader asks for batches ahead of training, so that `state_dict` is ahead of it, too:
    there use torchdata's StatefulDataLoader, which saves the state that belongs to the batch it returns. As with
    its own samplers, what it saves right after an epoch's last batch, the loop not yet left, first ends that epoch with
    no batch more.

    Examples
    --------
    >>> import torch
    >>> from saln import SpectralBatchSampler
    >>> features = torch.randn(100, 8, generator=torch.Generator().manual_seed(0))
    >>> sampler = SpectralBatchSampler(features, batch_size=4, n_candidates=16)
    >>> len(sampler), [len(batch) for batch in sampler]
    (5, [4, 4, 4, 4, 4])
    >>> sampler.state_dict()["epoch"]
    1
    """

    def __init__(
        self,
        features: Tensor | SuperBatch,
        batch_size: int,
        *,
        filter_ratio: float = 0.8,
        labels: Tensor | None = None,
        selector: Selector | None = None,
        seed: int = 0,
        drop_last: bool = False,
        **spectral_options: Any,
    ) -> None:
        samples = _samples(features, labels)
        super().__init__(EpochSampler(self), batch_size, drop_last)
        if not 0 <= filter_ratio < 1:
            raise ValueError(f"filter_ratio is {filter_ratio}, want at least 0 and below 1")
        if seed < 0:
            raise ValueError(f"seed is {seed}, want at least 0")
        if selector is not None and spectral_options:
            raise TypeError(f"{', '.join(spectral_options)}: options of spectral candidates, but a selector is given")
        self.selector = SpectralCandidates(**spectral_options) if selector is None else selector
        self.filter_ratio = filter_ratio
        self.super_batch_size = max(batch_size, round(batch_size / (1 - filter_ratio)))
        self.seed = seed
        self._samples = samples
        self._rows = samples.finite_rows(FLOATING).nonzero().squeeze(1).cpu()  # [n]
        self.n_left_out = len(samples) - self._rows.numel()
        if self.n_left_out:
            warnings.warn(
                f"{self.n_left_out} of {len(samples)} samples have values that are not finite and are never yielded",
                stacklevel=2,
            )
        whole, rest = divmod(self._rows.numel(), self.super_batch_size)
        self._cursor = EpochCursor(whole + (rest >= batch_size if drop_last else rest > 0))
        self._order: tuple[tuple[int, int], Tensor] | None = None

    def __len__(self) -> int:
        """Batches of an epoch, the same in each."""
        return self._cursor.n_steps

    def __iter__(self) -> Iterator[list[int]]:
        """Walk the epoch that `set_epoch` named or a state was restored in, else the one after the last walked."""
        return EpochWalk(self._cursor, self.batch_at)

    @property
    def epoch(self) -> int:
        """The epoch under way, or the next where none is."""
        return self._cursor.position[0]

    def set_epoch(self, epoch: int) -> None:
        """Name the epoch of the next walk; a position restored in that epoch stays."""
        if epoch < 0:
            raise ValueError(f"epoch is {epoch}, want at least 0")
        self._cursor.set_epoch(epoch)

    def skip(self, n_batches: int) -> None:
        """Let the next walk start so many batches later in its epoch; none of them is computed."""
        epoch, step = self._cursor.next_start
        if not 0 <= n_batches <= len(self) - step:
            raise ValueError(f"n_batches is {n_batches}, want 0 to {len(self) - step}, what is left of epoch {epoch}")
        self._cursor.restore(epoch, step + n_batches)

    def state_dict(self) -> dict[str, int | bool]:
        """A copy of what an exact resume needs: the place in the epochs, and what fixes their batches.

        After the last batch of an epoch it leads to a whole next epoch.
        """
        epoch, step = self._cursor.position
        return {"epoch": epoch, "step": step, "seed": self.seed, **self._extent()}

    def load_state_dict(self, state_dict: dict[str, int | bool]) -> None:
        """Let the next walk go on from there, with the seed of the state.

        Raises a ValueError if the state is of another dataset size, batch size, super-batch size or `drop_last`.
        """
        for name, ours in self._extent().items():
            if state_dict[name] != ours:
                raise ValueError(
                    f"the state was saved with {name} {state_dict[name]}, this sampler has {ours}: "
                    "the rest of the epoch would not be what it was"
                )
        self.seed = int(state_dict["seed"])
        self._cursor.restore(int(state_dict["epoch"]), int(state_dict["step"]))

    def _extent(self) -> dict[str, int | bool]:
        return {
            "num_samples": self._rows.numel(),
            "batch_size": self.batch_size,
            "super_batch_size": self.super_batch_size,
            "drop_last": self.drop_last,
        }

    @torch.no_grad()
    def batch_at(self, epoch: int, step: int) -> list[int]:
        """The dataset indices of one batch, whatever came before it."""
        if not 0 <= step < len(self):
            raise ValueError(f"step is {step}, want 0 to {len(self) - 1}")
        start = step * self.super_batch_size
        rows = self.epoch_order(epoch)[start : start + self.super_batch_size].to(self._samples.device)  # [M]
        super_batch = self._samples.take(rows)
        size = min(self.batch_size, rows.numel())
        chosen = self.selector.select(super_batch, size, generator=self._generator(epoch, step + 1))
        batch: list[int] = super_batch.require("indices", by="the sampler")[chosen].tolist()
        return batch

    def epoch_order(self, epoch: int) -> Tensor:
        """The rows of the features in the order of an epoch, int64 `[n]` on the host."""
        key = self.seed, epoch
        if self._order is None or self._order[0] != key:
            shuffled = torch.randperm(self._rows.numel(), generator=self._generator(epoch, 0))
            self._order = key, self._rows[shuffled]
        return self._order[1]

    def _generator(self, epoch: int, counter: int) -> torch.Generator:
        # Counter 0 is the permutation, step + 1 a step; SeedSequence keeps the streams of all of them apart.
        words = np.random.SeedSequence(self.seed, spawn_key=(epoch, counter)).generate_state(1, np.uint64)
        return torch.Generator().manual_seed(int(words[0]))


class EpochSampler(Sampler[int]):
    """The child that trainers look for at `batch_sampler.sampler`; its `set_epoch` reaches the batch sampler.

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
        return iter(self.batch_sampler.epoch_order(self.batch_sampler.epoch).tolist())

    def __len__(self) -> int:
        return self.batch_sampler._rows.numel()


def _samples(features: Tensor | SuperBatch, labels: Tensor | None) -> SuperBatch:
    if isinstance(features, Tensor):
        samples = SuperBatch(features, labels=labels)
    elif not isinstance(features, SuperBatch):
        raise TypeError(
            f"features is a {type(features).__name__}, want a tensor [N, d] or a SuperBatch. If a trainer made this "
            "sampler anew around a sampler of its own, tell it not to: with Lightning, "
            "Trainer(use_distributed_sampler=False)"
        )
    elif labels is not None:
        raise ValueError("labels are given twice: leave them in the SuperBatch")
    else:
        samples = features
    if samples.indices is None:
        samples = dataclasses.replace(samples, indices=torch.arange(len(samples), device=samples.device))
    return samples
