"""Which batch belongs to a place in a run, by the samples' present values and the selector's memory."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from saln.inspection.labels import judge_labels
from saln.sampling.ahead import Place
from saln.sampling.memory import memory_of
from saln.sampling.order import EpochOrder
from saln.sampling.ranks import Ranks
from saln.sampling.recorder import Recorder
from saln.sampling.refresh import LiveValues, Refresh
from saln.sampling.served import ServedBatch
from saln.selectors import SelectionReport, Selector
from saln.superbatch import SuperBatch


class Chooser:
    """Lets a selector choose this rank's batches.

    Without a memory a batch follows from its place alone, and only this rank's are chosen. With one, those before it
    are chosen too, on every rank alike; then each scores a share of the candidates, where the ranks can talk and do not
    choose ahead: what a background thread has under way when it is called off differs from rank to rank.

    Parameters
    ----------
    samples : SuperBatch
        Of the whole dataset, with indices.
    selector : Selector
        Starts anew, once it has looked at the samples if it does so.
    order : EpochOrder
    ranks : Ranks
    n_epochs : int, optional
        Over which the selector's progress goes from 0 to 1.
    refresh : Refresh, optional
    ahead : int
        How many steps before they are asked for batches are chosen.
    activations : bool
        Whether recorded activations stand for the features.

    Attributes
    ----------
    recorder : Recorder
    memory : SelectorMemory or None
    live : LiveValues or None
    keeps_memory : bool
        Whether batches come with the selector's memory after them.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch, make_selector
    >>> from saln.sampling.chooser import Chooser
    >>> from saln.sampling.ranks import Ranks
    >>> from saln.sampling.order import EpochOrder
    >>> samples = SuperBatch(torch.eye(8), indices=torch.arange(8))
    >>> order = EpochOrder(torch.arange(8), batch_size=2, super_batch_size=4, seed=0)
    >>> chooser = Chooser(samples, make_selector("uniform"), order, Ranks(rank=1, world_size=2))
    >>> chooser.n_steps, set(chooser.choose((0, 0)).indices) <= set(order.super_batch(0, 1).tolist())
    (2, True)
    """

    def __init__(
        self,
        samples: SuperBatch,
        selector: Selector,
        order: EpochOrder,
        ranks: Ranks,
        n_epochs: int | None = None,
        refresh: Refresh | None = None,
        ahead: int = 0,
        activations: bool = False,
    ) -> None:
        self.selector = selector
        self.order = order
        self.ranks = ranks
        self.memory = memory_of(selector)
        self.keeps_memory = ahead > 0
        self.live: LiveValues | None = None
        self._ahead = ahead
        self._samples = samples
        self._n_epochs = n_epochs
        self._again: dict[Place, Mapping[str, Any]] = {}
        if len(samples):
            selector.prepare(samples)
        self._needs = selector.needs
        self.recorder = Recorder(
            samples,
            self._needs,
            uses=() if ahead else selector.uses,
            activations=activations,
            check=self._check_recording,
            listeners=selector.listeners,
        )
        if refresh is not None:
            self.refresh_with(refresh)
        self.start_anew()

    @property
    def samples(self) -> SuperBatch:
        """With the values of the last refresh."""
        return self._samples if self.live is None else self.live.samples

    @property
    def refreshed(self) -> set[str]:
        """Fields that a refresh has given."""
        return set() if self.live is None else self.live.refreshed

    def refresh_with(self, refresh: Refresh) -> None:
        """Refresh the samples' values from the next batch on, beginning with what was known at first."""
        shared = self.ranks if self.memory is not None else None
        self.live = LiveValues(self._samples, refresh, self._ahead, self._rows_between, shared)

    @property
    def n_steps(self) -> int:
        """Batches per epoch on this rank."""
        batches, ranks = self.order.n_batches, self.ranks.world_size
        return batches // ranks if self.order.drop_last else -(-batches // ranks)

    def number_of(self, step: int) -> int:
        """Among all ranks' batches of an epoch, the one that this rank has at a step."""
        return step * self.ranks.world_size + self.ranks.rank

    def after(self, place: Place) -> Place:
        """The place that follows."""
        epoch, step = place
        return (epoch, step + 1) if step + 1 < self.n_steps else (epoch + 1, 0)

    def step_of_run(self, place: Place) -> int:
        """Batches before it, through all epochs."""
        return place[0] * self.n_steps + place[1]

    def start_anew(self) -> None:
        """What the selector remembers is forgotten, and values are worked out anew."""
        self.selector.reset()
        self.memory = memory_of(self.selector)
        self.recorder.clear()
        self._again = {}
        if self.live is not None:
            self.live.restart()

    def ask(self, place: Place) -> None:
        """Training asks for the batch of this place: begin the refresh that is due, if one is."""
        if self.live is not None:
            self.live.ask(self.step_of_run(place))

    def serve_again(self, batches: Iterable[Mapping[str, Any]]) -> None:
        """Let these, of a state, be the batches of their places: they were chosen when less was recorded."""
        self._again = {(batch["epoch"], batch["step"]): batch for batch in batches}

    @torch.no_grad()
    def choose(self, place: Place) -> ServedBatch:
        """The batch of a place; with a memory, after all that it depends on."""
        begun = time.perf_counter()
        if (served := self._again.pop(place, None)) is not None:
            if self.memory is not None:
                self.memory.load_state_dict(served["memory"])
            return dataclasses.replace(ServedBatch.from_state(served, self._samples.device), memory=self._memory_now())
        epoch, step = place
        run_step, own = self.step_of_run(place), self.number_of(step)
        samples, since = (self._samples, run_step) if self.live is None else self.live.at(run_step)
        chosen = {}
        if self.memory is not None:
            numbers = self._numbers(step)
            for number in self.memory.still_to_choose(epoch, numbers.start, numbers.stop):
                chosen[number] = self.select(epoch, number, samples)
                self.memory.chose(number)
        rows, report = chosen[own] if own in chosen else self.select(epoch, own, samples)
        age, unseen = self.recorder.ages(self.order.super_batch(epoch, own), run_step, self.refreshed)
        return ServedBatch(
            epoch,
            step,
            tuple(samples.require("indices", by="the sampler")[rows].tolist()),
            rows,
            report,
            selection_seconds=time.perf_counter() - begun,
            staleness=None if self.live is None else run_step - since,
            age=age,
            unseen=unseen,
            memory=self._memory_now(),
        )

    @torch.no_grad()
    def select(self, epoch: int, number: int, samples: SuperBatch) -> tuple[Tensor, SelectionReport]:
        """The rows of one of all ranks' batches, and the selector's report; what it remembers is not looked after.

        From `n_batches` on nothing is chosen: ranks whose last round is not full take the epoch's first plain batches.
        """
        if number >= self.order.n_batches:
            return self.order.batch(epoch, number).to(samples.device), SelectionReport(self.order.size(number), 0)
        rows = self.order.super_batch(epoch, number)  # [M] on the host
        offered = rows.to(samples.device)
        if self._n_epochs is not None:
            self.selector.progress = min(1.0, (epoch + number / self.order.n_batches) / self._n_epochs)
        size = self.order.size(number)
        if self.selector.abstains:
            return offered[:size], SelectionReport(offered.numel(), 0)
        super_batch = self.recorder.fill(self._read(samples).take(offered), rows, self.refreshed)
        shared = self.memory is not None and self._ahead == 0 and self.ranks.can_talk
        work_out = self.ranks.work_out if shared else None
        chosen = self.selector.select(
            super_batch, size, generator=self.order.generator(epoch, number), work_out=work_out
        )
        return offered[chosen], self.selector.last_report or SelectionReport(len(super_batch), 0)

    def _memory_now(self) -> dict[str, Any] | None:
        return self.memory.state_dict() if self.memory is not None and self.keeps_memory else None

    def _read(self, samples: SuperBatch) -> SuperBatch:
        """The samples as they are offered: without features to who has looked at all of them and reads none."""
        samples = self._with_reference(samples)
        if "features" in self._needs or not self.selector.wants_dataset:
            return samples
        return dataclasses.replace(samples, features=samples.features[:, :0])

    def _with_reference(self, samples: SuperBatch) -> SuperBatch:
        """The samples with reference losses, where the selector reads them and nobody has given any."""
        if "reference_losses" not in self._needs or samples.reference_losses is not None:
            return samples
        if self._samples.reference_losses is None:
            if self._samples.labels is None:
                raise ValueError(
                    f"{self.selector.name} reads reference_losses, and there are no labels to work them out from: give "
                    "labels, or SuperBatch(features, reference_losses=...)"
                )
            losses = judge_labels(self._samples.features, self._samples.labels).losses
            self._samples = dataclasses.replace(self._samples, reference_losses=losses)
        return dataclasses.replace(samples, reference_losses=self._samples.reference_losses)

    def _check_recording(self) -> None:
        """Raise a ValueError where batches cannot depend on what this process records."""
        if self._ahead:
            raise ValueError(
                f"ahead is {self._ahead}, want 0: {self.selector.name} chooses by what training has recorded, which "
                "batches chosen ahead would not know"
            )
        others = dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
        if self.memory is not None and self.ranks.world_size > 1:
            raise ValueError(
                f"{self.selector.name} has a memory, so that all {self.ranks.world_size} ranks choose all batches, and "
                "each records its own only: train on one rank, or give the values by a Refresh"
            )
        if self.ranks.world_size == 1 < others:
            raise ValueError(
                f"every one of {others} processes chooses all batches (rank=0, world_size=1), and each records its own "
                "only: leave rank and world_size out, or give the values by a Refresh"
            )

    def _numbers(self, step: int) -> range:
        """All ranks' batches of a step, as far as they are chosen."""
        first = step * self.ranks.world_size
        return range(first, min(first + self.ranks.world_size, self.order.n_batches))

    def _rows_between(self, first: int, until: int) -> Tensor:
        """Rows that this rank's batches of these steps of the run choose from, or all ranks' with a memory."""
        rows = []
        for epoch, step in (divmod(run_step, self.n_steps) for run_step in range(first, until)):
            numbers = self._numbers(step) if self.memory is not None else [self.number_of(step)]
            rows += [self.order.super_batch(epoch, number) for number in numbers]
        return torch.cat(rows).sort().values
