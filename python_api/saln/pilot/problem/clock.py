"""Seconds, with what was asked of an accelerator really done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

_clock: Callable[[], float] = time.perf_counter


def now(device: torch.device) -> float:
    """`time.perf_counter` once the device has nothing left to do; CPU time within `cpu_time`."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return _clock()


@contextmanager
def cpu_time() -> Iterator[None]:
    """Measure CPU time of this process, all threads, for machines that do other things at the same time."""
    global _clock
    before, _clock = _clock, time.process_time
    try:
        yield
    finally:
        _clock = before
