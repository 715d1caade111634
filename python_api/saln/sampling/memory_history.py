"""What a selector remembered after the batches served last, for states that lie behind what loaders have asked for."""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import Any

from saln.sampling.ahead import Place
from saln.sampling.chooser import Chooser
from saln.sampling.walk import EpochCursor


class MemoryHistory:
    """Keeps copies of a selector's memory, by the place in the epochs that comes next; nothing of one without memory.

    Parameters
    ----------
    chooser : Chooser
        Whose selector it is.
    cursor : EpochCursor
        Knows the present place, and where epochs end.

    Examples
    --------
    >>> import torch
    >>> from saln import SpectralBatchSampler
    >>> from saln.selectors import OnePass
    >>> sampler = SpectralBatchSampler(torch.randn(40, 2)[torch.arange(40) // 3], 2, selector=OnePass())
    >>> sampler.remember(2)
    >>> _ = list(sampler)
    >>> len(sampler.state_at(0, 18)["memory"]["selector"]["turn"])
    40
    """

    def __init__(self, chooser: Chooser, cursor: EpochCursor) -> None:
        self._chooser = chooser
        self._cursor = cursor
        self._n_kept = 1
        self._memories: OrderedDict[Place, dict[str, Any]] = OrderedDict()

    def remember(self, n_batches: int) -> None:
        """Reach back so many batches from now on: a copy of the memory for each."""
        self._n_kept = n_batches + 1
        if not self._chooser.keeps_memory:
            self._note_present()
            self._chooser.keeps_memory = self._chooser.memory is not None

    def note(self, place: Place, memory: dict[str, Any]) -> None:
        """The memory is this where a place comes next."""
        place = self._in_next_epoch(place)
        self._memories.pop(place, None)
        self._memories[place] = memory
        while len(self._memories) > self._n_kept:
            self._memories.popitem(last=False)

    def start_anew(self) -> None:
        """The selector has: nothing before the present place is known any more."""
        self._memories.clear()
        self._note_present()

    def restore(self, memory: dict[str, Any]) -> None:
        """Let the selector's memory at the present place be that of a state; looked at only if it has one."""
        if self._chooser.memory is not None:
            self._chooser.memory.load_state_dict(memory)
            self._note_present()

    def rewind(self) -> None:
        """Let the selector forget batches chosen ahead of those served."""
        if self._chooser.memory is not None:
            self._chooser.memory.load_state_dict(self._newest)

    def at(self, place: Place) -> dict[str, Any] | None:
        """A copy of the memory where a place comes next; a ValueError if it is not known any more."""
        if self._chooser.memory is None:
            return None
        place = self._in_next_epoch(place)
        if place == self._in_next_epoch(self._cursor.position):
            return copy.deepcopy(self._newest) if self._chooser.keeps_memory else self._chooser.memory.state_dict()
        if place not in self._memories:
            raise ValueError(
                f"what {self._chooser.selector.name} remembered after {place[1]} batches of epoch {place[0]} is not "
                f"known any more, only after the last {len(self._memories)}: call remember() with what the loader asks "
                "ahead"
            )
        return copy.deepcopy(self._memories[place])

    @property
    def _newest(self) -> dict[str, Any]:
        return next(reversed(self._memories.values()))

    def _note_present(self) -> None:
        if self._chooser.memory is not None:
            self.note(self._cursor.position, self._chooser.memory.state_dict())

    def _in_next_epoch(self, place: Place) -> Place:
        """The end of an epoch is the start of the next."""
        return (place[0] + 1, 0) if place[1] == self._cursor.n_steps else place
