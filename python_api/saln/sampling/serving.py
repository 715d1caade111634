"""Batches as training asks for them, one place after another: chosen, remembered, recorded, alike on all ranks."""

from __future__ import annotations

import dataclasses
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from saln.sampling.ahead import Ahead, Place
from saln.sampling.chooser import Chooser
from saln.sampling.memory_history import MemoryHistory
from saln.sampling.served import ServedBatch

REMEMBERED = 1024  # batches served, far more than loaders ask for ahead of training


class Serving:
    """Serves a rank's batches and remembers the last of them.

    Parameters
    ----------
    chooser : Chooser
    history : MemoryHistory
    ahead : int
        Batches chosen before they are asked for.
    facts : callable
        What the ranks have to agree on, worked out where they can talk.

    Attributes
    ----------
    served : deque of ServedBatch
    """

    def __init__(
        self, chooser: Chooser, history: MemoryHistory, ahead: int, facts: Callable[[], Mapping[str, object]]
    ) -> None:
        self.served: deque[ServedBatch] = deque(maxlen=REMEMBERED)
        self.ahead = Ahead(chooser.choose, chooser.after, ahead)
        self._chooser = chooser
        self._history = history
        self._facts = facts
        self._expected: Place | None = None
        self._n_served = 0

    @property
    def has_begun(self) -> bool:
        """Whether a batch was asked for since the start, or since a state was loaded."""
        return self._expected is not None

    def serve(self, place: Place) -> list[int]:
        """The dataset indices of the batch that training asks for."""
        epoch, step = place
        if step == 0 or place != self._expected:
            if self._chooser.ranks.can_talk:
                self._chooser.ranks.check_agreement({"epoch and step": place, **self._facts()})
            self._check_recorded()
        if not self.ahead.expects(place):
            self.discard_ahead()
        asked = time.perf_counter()
        try:
            self._chooser.ask(place)
            batch = self.ahead.take(place)
        except BaseException:
            self.discard_ahead()
            raise
        waited = time.perf_counter() - asked
        self.served.append(dataclasses.replace(batch, waited_seconds=waited, memory=None))
        if batch.memory is not None:
            self._history.note((epoch, step + 1), batch.memory)
        self._expected = self._chooser.after(place)
        self._n_served += 1
        self._chooser.recorder.served(self._chooser.step_of_run(place), batch.indices, starts_epoch=step == 0)
        return list(batch.indices)

    def at(self, epoch: int, step: int) -> ServedBatch:
        """A batch that is remembered; a KeyError if it is not."""
        for batch in reversed(self.served):
            if (batch.epoch, batch.step) == (epoch, step):
                return batch
        raise KeyError(f"batch {step} of epoch {epoch} is not among the last {len(self.served)} served")

    def since(self, place: Place, until: Place) -> list[dict[str, Any]]:
        """The batches from one place to another, those that a loader has asked for and training has not had, as
        `Chooser.serve_again` takes them.

        Only where values are recorded: these have changed since, and other batches would be chosen now.
        """
        batches: list[dict[str, Any]] = []
        if self._chooser.recorder.n_records:
            while place < until:
                batch = self.at(*place)
                following = place[0], place[1] + 1
                batches.append(batch.state_dict() | {"memory": self._history.at(following)})
                place = self._chooser.after(place)
        return batches

    def discard_ahead(self) -> None:
        """Forget what was chosen and not asked for."""
        self.ahead.discard()
        if self.ahead.depth:
            self._history.rewind()

    def start_anew(self) -> None:
        """A run starts, or a state is loaded."""
        self._chooser.start_anew()
        self._expected = None
        self._n_served = 0
        self._history.start_anew()

    def _check_recorded(self) -> None:
        """Raise a RuntimeError after a whole epoch in which training recorded nothing that the selector waits for."""
        recorder, chooser = self._chooser.recorder, self._chooser
        # Loaders that look one batch ahead begin an epoch before training is done with the one before.
        if recorder.n_records or self._n_served < max(2, chooser.n_steps):
            return
        if lacking := recorder.lacks(chooser.samples, chooser.refreshed):
            raise RuntimeError(
                f"{chooser.selector.name} reads {' and '.join(lacking)}, and in a whole epoch nothing was recorded: put "
                "`with sampler.recorder(model):` around the forward pass of training, or call "
                "sampler.recorder.record(losses) with a loss a sample (reduction='none')"
            )
