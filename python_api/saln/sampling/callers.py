"""Who iterates a batch sampler. Nothing that accelerate calls tells it; only the stack shows."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FrameType

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


def _accelerate_s() -> Iterator[object]:
    """Objects of accelerate's whose methods are on the stack. Looked at once an epoch, so that it costs nothing."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        caller = frame.f_locals.get("self")
        if type(caller).__module__.startswith("accelerate"):
            yield caller
        frame = frame.f_back
