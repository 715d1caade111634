"""Batches that were served and of which nothing was recorded yet, in the order in which training comes to them."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

MOST = 1024
"""Batches kept, far more than loaders ask for ahead of training."""


class Waiting(NamedTuple):
    """A batch: its step of the run, and the dataset indices in it."""

    step: int
    indices: tuple[int, ...]


class Unrecorded:
    """Knows which batch comes next to training, however many a loader has asked for ahead.

    Steps are numbered through the epochs. Where they jump, the epoch before was broken off, and training never comes to
    what is left of it.

    Examples
    --------
    >>> from saln.sampling.unrecorded import Unrecorded
    >>> unrecorded = Unrecorded()
    >>> unrecorded.add(0, (7, 3))
    >>> unrecorded.add(1, (1, 2))
    >>> unrecorded.next(2)
    Waiting(step=0, indices=(7, 3))
    >>> unrecorded.step_of([2, 1])
    1
    """

    def __init__(self) -> None:
        self._batches: deque[Waiting] = deque(maxlen=MOST)
        self._last: int | None = None  # step

    def __len__(self) -> int:
        return len(self._batches)

    def add(self, step: int, indices: tuple[int, ...], left: int | None = None) -> None:
        """A batch is served.

        Where it is the first of an epoch, `left` says how many of the one before may be to come: one if that was walked
        to its end, for loaders that look one batch ahead, and none if it was broken off. If there are more, the loop
        has dropped them.
        """
        if (self._last is not None and step != self._last + 1) or (left is not None and len(self._batches) > left):
            self._batches.clear()
        self._batches.append(Waiting(step, indices))
        self._last = step

    def next(self, n_rows: int) -> Waiting:
        """The batch that training is at; a ValueError if there is none, or it has not so many rows."""
        if not self._batches:
            raise ValueError(
                "no batch is left to record, all that were served are: record every batch once, in the order served, "
                "or give indices"
            )
        if len(self._batches[0].indices) != n_rows:
            raise ValueError(
                f"{n_rows} rows came to be recorded, want {len(self._batches[0].indices)}, those of the next batch "
                "served: record every batch once, in the order served, or give indices"
            )
        return self._batches.popleft()

    def step_of(self, indices: list[int]) -> int | None:
        """The step of the first batch that holds all these indices; those before it are passed over. None if none does.

        A batch of which a part is recorded stays, for the other parts.
        """
        wanted = set(indices)
        for place, batch in enumerate(self._batches):
            if wanted.issubset(batch.indices):
                for _ in range(place + (len(wanted) == len(batch.indices))):
                    self._batches.popleft()
                return batch.step
        return None

    def clear(self) -> None:
        """A run starts anew or goes on elsewhere."""
        self._batches.clear()
        self._last = None
