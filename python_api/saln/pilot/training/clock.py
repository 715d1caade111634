"""Seconds of a run, by what they went into; evaluation is counted for none."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

REMEMBERED = 64
_clock: Callable[[], float] = time.perf_counter


def now(device: torch.device | None = None) -> float:
    """`time.perf_counter`, once the device has nothing left to do; CPU time within `cpu_time`."""
    if device is not None and device.type == "cuda":
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


class StepClock:
    """Follows a training from batch to batch: what passes while a batch is chosen is selection, all else training.

    Where an evaluation is made within a training that does not say when, the step that it hides in is taken to be no
    longer than others were.

    Attributes
    ----------
    selection, training : float
        Seconds so far.
    step_seconds : list of float
        Of every batch: choosing it, and training until the next was asked for.

    Examples
    --------
    >>> from saln.pilot.training.clock import StepClock
    >>> clock = StepClock()
    >>> for second in (0.0, 5.0, 10.0):  # asked for at these times, served a second later
    ...     clock.asked(second)
    ...     clock.served(second + 1.0)
    >>> clock.evaluated(99.0, steps=3, hidden=True)  # of 88 seconds since, a step took four
    >>> clock.selection, clock.training
    (3.0, 12.0)
    """

    def __init__(self) -> None:
        self.selection = 0.0
        self.training = 0.0
        self.step_seconds: list[float] = []
        self._since: float | None = None  # when training went on, while it does
        self._asked = 0.0
        self._usual: deque[float] = deque(maxlen=REMEMBERED)  # seconds from a batch to the next
        self._whole = False  # no evaluation and no pause since the last batch
        self._n_asked = 0  # since the last evaluation

    def asked(self, at: float) -> None:
        """The training asks for a batch."""
        if self._since is not None:
            self._trained(at - self._since)
            if self._whole:
                self._usual.append(at - self._since)
        self._since, self._asked = None, at

    def served(self, at: float, *, free: bool = False) -> None:
        """It gets one; for free, where no method chose it."""
        seconds = 0.0 if free else at - self._asked
        self.selection += seconds
        self.step_seconds.append(seconds)
        self._since, self._whole = at, True
        self._n_asked += 1

    def chose(self, at: float) -> None:
        """What was asked for since `asked` was no batch, but was for choosing one."""
        self.selection += at - self._asked
        if self.step_seconds:
            self.step_seconds[-1] += at - self._asked
        self._since, self._whole = at if self.step_seconds else None, False

    def paused(self, at: float) -> None:
        """What follows is not counted."""
        if self._since is not None:
            self._trained(at - self._since)
        self._since, self._whole = None, False

    def resumed(self, at: float) -> None:
        """What follows is training."""
        if self.step_seconds:  # before the first batch nothing is counted
            self._since = at

    def evaluated(self, at: float, steps: int, *, hidden: bool) -> None:
        """The training says how it goes, so many steps after it last did; what follows is not counted.

        Where an evaluation is hidden in the time since the last batch, so much of it counts as its steps usually take.
        """
        if hidden and self._whole and self._usual and self._since is not None:
            # A loader that reads ahead asks for an epoch's last batches early.
            outstanding = 1 + max(0, steps - self._n_asked)
            at = min(at, self._since + outstanding * statistics.median(self._usual))
        self.paused(at)
        self._n_asked = 0

    def _trained(self, seconds: float) -> None:
        self.training += seconds
        self.step_seconds[-1] += seconds
