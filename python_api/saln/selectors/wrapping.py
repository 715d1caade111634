"""What selectors that hand the choice on to other selectors share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from saln.selectors.base import (
    SelectionReport,
    Selector,
    Stateful,
    give_reward,
    prepare,
    reset,
    set_progress,
    start_epoch,
    wants_dataset,
    wants_reward,
)
from saln.superbatch import SuperBatch


def as_selector(method: str | Selector) -> Selector:
    """A selector, or the one of that name with default options.

    >>> from saln.selectors.wrapping import as_selector
    >>> as_selector("uniform").name
    'uniform'
    """
    if not isinstance(method, str):
        return method
    from saln.selectors.registry import make_selector  # which names those who call this

    return make_selector(method)


class Wrapper:
    """Passes training's progress, rewards, resets and states on to the selectors inside.

    Parameters
    ----------
    inner : iterable of Selector
    """

    def __init__(self, inner: Iterable[Selector]) -> None:
        self._inner = tuple(inner)
        self._progress = 0.0
        self.last_report: SelectionReport | None = None

    @property
    def progress(self) -> float:
        """Share of training that is over, set by the trainer; the selectors inside get it, too."""
        return self._progress

    @progress.setter
    def progress(self, progress: float) -> None:
        self._progress = progress
        for each in self._inner:
            set_progress(each, progress)

    @property
    def wants_reward(self) -> bool:
        """As in `Rewarded`: whether one of the selectors inside does."""
        return any(wants_reward(each) for each in self._inner)

    def update(self, reward: float) -> None:
        """As in `Rewarded`; passed on to the selectors inside."""
        for each in self._inner:
            give_reward(each, reward)

    @property
    def wants_dataset(self) -> bool:
        """As in `Prepared`: whether one of the selectors inside does."""
        return any(wants_dataset(each) for each in self._inner)

    def prepare(self, pool: SuperBatch) -> None:
        """As in `Prepared`; passed on to the selectors inside."""
        for each in self._inner:
            prepare(each, pool)

    def start_epoch(self) -> None:
        """Pass it on to the selectors inside."""
        for each in self._inner:
            start_epoch(each)

    def reset(self) -> None:
        """As in `Stateful`."""
        for each in self._inner:
            reset(each)

    def state_dict(self) -> dict[str, Any]:
        """As in `Stateful`."""
        return {"inner": [each.state_dict() if isinstance(each, Stateful) else None for each in self._inner]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As in `Stateful`."""
        for each, state in zip(self._inner, state_dict["inner"], strict=True):
            if isinstance(each, Stateful):
                each.load_state_dict(state)


def needs_of(inner: Iterable[Selector], *also: str) -> tuple[str, ...]:
    """What the selectors inside need beside the features, and what else is named, each once."""
    return tuple(dict.fromkeys([*also, *(name for each in inner for name in each.needs)]))


def select_among(
    selector: Selector, super_batch: SuperBatch, rows: Tensor, size: int, generator: torch.Generator | None
) -> Tensor:
    """What a selector chooses of these rows `[m]` alone: row numbers of the super-batch, `[size]`."""
    if rows.numel() == len(super_batch):
        return selector.select(super_batch, size, generator=generator)
    return rows[selector.select(super_batch.take(rows), size, generator=generator)]
