"""Batches as training asks for them, one place after another: chosen, remembered, recorded, alike on all ranks."""

from __future__ import annotations

import dataclasses
import time
import warnings
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from saln.sampling.ahead import Ahead, Place
from saln.sampling.chooser import Chooser
from saln.sampling.memory_history import MemoryHistory
from saln.sampling.served import ServedBatch
from saln.sampling.walk import EpochCursor

REMEMBERED = 1024  # batches served, far more than loaders ask for ahead of training


class Serving:
    """Serves a rank's batches and remembers the last of them.

    Parameters
    ----------
    chooser : Chooser
    cursor : EpochCursor
        Knows the present place.
    ahead : int
        Batches chosen before they are asked for.
    extent : callable
        What fixes an epoch's batches beside the seed, by name.
    fingerprint : callable
        Of the samples as they were given; worked out where ranks can talk.

    Attributes
    ----------
    served : deque of ServedBatch
    history : MemoryHistory
    """

    def __init__(
        self,
        chooser: Chooser,
        cursor: EpochCursor,
        ahead: int,
        extent: Callable[[], Mapping[str, object]],
        fingerprint: Callable[[], int],
    ) -> None:
        self.served: deque[ServedBatch] = deque(maxlen=REMEMBERED)
        self.history = MemoryHistory(chooser, cursor)
        self.ahead = Ahead(chooser.choose, chooser.after, ahead)
        self._chooser = chooser
        self._cursor = cursor
        self._extent = extent
        self._fingerprint = fingerprint
        self._expected: Place | None = None
        self._n_served = 0

    @property
    def has_begun(self) -> bool:
        """Whether a batch was asked for since the start, or since a state was loaded."""
        return self._expected is not None

    def serve(self, place: Place) -> list[int]:
        """The dataset indices of the batch that training asks for."""
        epoch, step = place
        if (step == 0 or place != self._expected) and self._chooser.ranks.can_talk:
            self._chooser.ranks.check_agreement(self._facts(place))
        if self._cursor.starts:
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
            self.history.note((epoch, step + 1), batch.memory)
        self._expected = self._chooser.after(place)
        self._n_served += 1
        left = None if not self._cursor.starts else 0 if self._cursor.broke_off else 1
        self._chooser.recorder.served(self._chooser.step_of_run(place), batch.indices, left)
        return list(batch.indices)

    def at(self, epoch: int, step: int) -> ServedBatch:
        """A batch that is remembered; a KeyError if it is not."""
        for batch in reversed(self.served):
            if (batch.epoch, batch.step) == (epoch, step):
                return batch
        raise KeyError(f"batch {step} of epoch {epoch} is not among the last {len(self.served)} served")

    def state_at(self, place: Place, progress: float | None) -> dict[str, Any]:
        """As `SpectralBatchSampler.state_at`, with the selector's progress where nobody else knows it."""
        return {
            "epoch": place[0],
            "step": place[1],
            "seed": self._chooser.order.seed,
            **self._extent(),
            "progress": progress,
            "memory": self.history.at(place),
            "recorder": self._recorded(),
            "asked_ahead": self._since(place),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """As `SpectralBatchSampler.load_state_dict`."""
        for name, ours in self._extent().items():
            if state_dict[name] != ours:
                raise ValueError(
                    f"the state was saved with {name} {state_dict[name]}, this sampler has {ours}: "
                    "the rest of the epoch would not be what it was"
                )
        self.discard_ahead()
        chooser = self._chooser
        chooser.order.seed = int(state_dict["seed"])
        self._cursor.restore(int(state_dict["epoch"]), int(state_dict["step"]))
        self.start_anew()
        if state_dict["progress"] is not None:
            chooser.selector.progress = state_dict["progress"]
        self.history.restore(state_dict["memory"])
        recorded = state_dict["recorder"]
        chooser.recorder.load_state_dict(recorded)
        if recorded is None or recorded["rank"] == chooser.ranks.rank:
            chooser.serve_again(state_dict["asked_ahead"])
            return
        warnings.warn(
            f"rank {chooser.ranks.rank} goes on with what rank {recorded['rank']} recorded, so that its batches are "
            "not those of a run that went on: save the state of each rank",
            stacklevel=3,
        )

    def _recorded(self) -> dict[str, Any] | None:
        """What this rank recorded, if anything."""
        recorded = self._chooser.recorder.state_dict()
        return None if recorded is None else {"rank": self._chooser.ranks.rank, **recorded}

    def _since(self, place: Place) -> list[dict[str, Any]]:
        """The batches from a place on, those that a loader has asked for and training has not had, as
        `Chooser.serve_again` takes them.

        Only where values are recorded: these have changed since, and other batches would be chosen now.
        """
        batches: list[dict[str, Any]] = []
        place = place if place[1] < self._chooser.n_steps else (place[0] + 1, 0)
        while self._chooser.recorder.n_records and place < self._cursor.position:
            try:
                batch = self.at(*place)
            except KeyError:
                raise ValueError(f"batch {place[1]} of epoch {place[0]} was served and is not remembered") from None
            batches.append(batch.state_dict() | {"memory": self.history.at((place[0], place[1] + 1))})
            place = self._chooser.after(place)
        return batches

    def _facts(self, place: Place) -> dict[str, object]:
        """What the ranks have to agree on."""
        facts = {"epoch and step": place, "seed": self._chooser.order.seed, **self._extent(), "ahead": self.ahead.depth}
        return {**facts, "checksum of the features": self._fingerprint()}

    def discard_ahead(self) -> None:
        """Forget what was chosen and not asked for."""
        self.ahead.discard()
        if self.ahead.depth:
            self.history.rewind()

    def start_anew(self) -> None:
        """A run starts, or a state is loaded."""
        self._chooser.start_anew()
        self._expected = None
        self._n_served = 0
        self.history.start_anew()

    def _check_recorded(self) -> None:
        """Raise a RuntimeError after a whole epoch in which training recorded nothing that the selector waits for."""
        recorder, chooser = self._chooser.recorder, self._chooser
        # Loaders that look one batch ahead begin an epoch before training is done with the one before.
        if recorder.n_records or self._n_served < max(2, chooser.n_steps):
            return
        if lacking := recorder.lacks(chooser.samples, chooser.refreshed):
            raise RuntimeError(
                f"{chooser.selector.name} reads {' and '.join(lacking)}, and in a whole epoch nothing was recorded: "
                "put `with sampler.recorder(model):` around the forward pass of training, or call "
                "sampler.recorder.record(losses) with a loss a sample (reduction='none')"
            )
