"""Who iterates a batch sampler. No loader tells it; only the stack shows."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FrameType

from torch.utils.data import DataLoader, Dataset

# Who keeps every n-th batch of a batch sampler, or hands one process's batches to all.
SHARDING = ("BatchSamplerShard", "DataLoaderDispatcher")
SKIPPING = "SkipBatchSampler"


def refuse_double_sharding(world_size: int) -> None:
    """Raise a RuntimeError if whoever iterates shards the batches that are already this rank's share."""
    if world_size == 1:
        return
    for caller in _accelerate_s():
        if type(caller).__name__ in SHARDING:
            raise RuntimeError(
                f"the batches would be sharded twice and most of them lost: this sampler already yields one rank's "
                f"share of {world_size}, and accelerate's {type(caller).__name__} shards it again. Either keep the "
                "loader from accelerator.prepare, as saln.integrations.accelerate.prepare_loader does, so that each "
                "rank chooses its own batches only; or make the sampler with rank=0, world_size=1, and every rank "
                "chooses all of them"
            )


def thrown_away_by_caller(sampler: object) -> int:
    """How many first batches of the epoch accelerate's `skip_first_batches` asks this sampler for only to drop them."""
    for caller in _accelerate_s():
        if type(caller).__name__ == SKIPPING and getattr(caller, "batch_sampler", None) is sampler:
            return int(getattr(caller, "skip_batches", 0))
    return 0


def dataset_of_caller(sampler: object) -> Dataset[object] | None:
    """The dataset of the DataLoader that iterates this batch sampler, or one that wraps it; None without a loader."""
    for caller in _callers():
        if isinstance(caller, DataLoader):
            inner = caller.batch_sampler
            while inner is not None and inner is not sampler:
                inner = getattr(inner, "batch_sampler", None)
            if inner is sampler:
                return caller.dataset
    return None


def _accelerate_s() -> Iterator[object]:
    """Those of them that are accelerate's."""
    return (caller for caller in _callers() if type(caller).__module__.startswith("accelerate"))


def _callers() -> Iterator[object]:
    """Objects whose methods are on the stack, innermost first. Looked at once an epoch, so that it costs nothing."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame.f_locals.get("self")
        frame = frame.f_back
