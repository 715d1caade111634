"""A selector's memory and its place in the run: after so many batches of an epoch."""

from __future__ import annotations

import copy
from typing import Any

from saln.selectors import Selector


class SelectorMemory:
    """Knows which batch a selector with memory has to choose next.

    Memory is what was served so far, in that order. It goes on from epoch to epoch, also into one that is walked again.

    Parameters
    ----------
    selector : Selector

    Examples
    --------
    >>> from saln.sampling.memory import SelectorMemory
    >>> from saln.selectors import make_selector
    >>> memory = SelectorMemory(make_selector("guard"))
    >>> memory.still_to_choose(epoch=0, first=2, stop=3)  # two were skipped
    range(0, 3)
    """

    def __init__(self, selector: Selector) -> None:
        self._selector = selector
        self._epoch: int | None = None
        self._number = 0

    def still_to_choose(self, epoch: int, first: int, stop: int) -> range:
        """Numbers of the batches of an epoch to choose now, in order, where those from `first` to `stop` are wanted.

        They start earlier than `first` where batches were skipped: what comes after depends on them. A ValueError if
        the memory is already past `first`.
        """
        if epoch != self._epoch or first == 0:
            self._selector.start_epoch()
            self._epoch, self._number = epoch, 0
        if self._number > first:
            raise ValueError(
                f"batch {first} of epoch {epoch} depends on those before it, and the selector's memory is already past "
                f"{self._number} of them: load a state of the sampler's, or reset it"
            )
        return range(self._number, stop)

    def chose(self, number: int) -> None:
        """The selector has chosen that batch."""
        self._number = number + 1

    def state_dict(self) -> dict[str, Any]:
        """A copy of memory and place."""
        return {
            "epoch": self._epoch,
            "number": self._number,
            "selector": copy.deepcopy(self._selector.state_dict()),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there."""
        self._epoch, self._number = state_dict["epoch"], state_dict["number"]
        self._selector.load_state_dict(copy.deepcopy(state_dict["selector"]))


def memory_of(selector: Selector) -> SelectorMemory | None:
    """The memory of a selector that has one, and that chooses at all."""
    return SelectorMemory(selector) if selector.has_memory and not selector.abstains else None
