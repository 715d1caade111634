"""The batch sampler of a pilot: the one that is shipped, which also keeps the time and what it served."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sized
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from saln.features import Fingerprint
from saln.pilot.config import PilotConfig, PilotError
from saln.pilot.job import ORDER_SEED_OFFSET, Metrics
from saln.pilot.metric import Metric
from saln.pilot.training.clock import StepClock, now
from saln.pilot.training.point import Point
from saln.sampling.sampler import SpectralBatchSampler
from saln.sampling.served import ServedBatch
from saln.selectors import Selector
from saln.superbatch import SuperBatch


class Enough(BaseException):
    """A warm-up has seen as many batches as it wanted."""


class PilotSampler(SpectralBatchSampler):
    """What a job trains with: hand it to a DataLoader as its batch sampler.

    Parameters
    ----------
    samples : SuperBatch
        Of the rows to train on, with indices.
    config : PilotConfig
    selector : Selector
    seed : int
    by : str
        The method's name.
    needs : frozenset of str
        What the method reads of the samples, as in `saln.pilot.training.run.Method`.
    stretch : float
        How many times as long as usual this run's epochs are.
    fingerprint : Fingerprint, optional
        Of the dataset that the features are of.
    n_samples : int, optional
        Of that dataset, where the samples may be a part of it.
    free : bool
        Batches cost nothing: those of a shuffled loader, which does not go through all this.
    n_steps : int, optional
        Of a whole run, where that is known, for selectors that change over it.
    stop_after : int, optional
        Batches after which `Enough` is raised.
    on_step, on_point : callable, optional
        Called after every batch and every evaluation, off the clock.

    Attributes
    ----------
    clock : StepClock
    points : list of Point
        Evaluations so far.
    stretch : float
    needs : frozenset of str

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch, make_selector
    >>> from saln.pilot import PilotConfig, PilotSampler
    >>> samples = SuperBatch(torch.eye(8), indices=torch.arange(8))
    >>> sampler = PilotSampler(samples, PilotConfig(batch_size=2), make_selector("uniform"), seed=0)
    >>> for step, rows in enumerate(sampler, start=1):
    ...     pass  # train
    >>> sampler.report(step, {"accuracy": 0.5})
    >>> sampler.points[0].step, sampler.points[0].score
    (4, 0.5)
    """

    def __init__(
        self,
        samples: SuperBatch,
        config: PilotConfig,
        selector: Selector,
        seed: int,
        *,
        by: str = "",
        needs: frozenset[str] = frozenset(),
        fingerprint: Fingerprint | None = None,
        n_samples: int | None = None,
        free: bool = False,
        stretch: float = 1.0,
        n_steps: int | None = None,
        stop_after: int | None = None,
        on_step: Callable[[], None] = lambda: None,
        on_point: Callable[[Point], None] = lambda point: None,
    ) -> None:
        self.stretch = stretch
        self.needs = needs
        self.clock = StepClock()
        self.points: list[Point] = []
        self.chosen: list[Tensor] = []
        self.predictions: Tensor | None = None
        self.metric: Metric | None = None
        self._config = config
        self._by = by or selector.name
        self._n_steps = n_steps
        self._stop_after = stop_after
        self._on_step, self._on_point = on_step, on_point
        self._free = free
        self._pauses = 0
        super().__init__(
            samples,
            config.batch_size,
            filter_ratio=config.filter_ratio,
            selector=selector,
            seed=ORDER_SEED_OFFSET + seed,
            drop_last=config.drop_last,
        )
        self._device = samples.device
        self._fingerprint = fingerprint
        self._n_samples = n_samples

    def __len__(self) -> int:
        """Batches per epoch."""
        return round(super().__len__() * self.stretch)

    def _serve(self, epoch: int, step: int) -> list[int]:
        if self._stop_after is not None and len(self.chosen) >= self._stop_after:
            raise Enough
        self.clock.asked(now(self._device))
        if self._n_steps is not None:
            self.selector.progress = min(1.0, len(self.chosen) / self._n_steps)
        at = self._usual(epoch, step)
        batch = super()._serve(*at)
        self.clock.served(now(self._device), free=self._free)
        self.chosen.append(self.served[-1].rows)
        if len(batch) != self.order.size(at[1]):
            raise PilotError(f"{self._by} returned {len(batch)} positions; wanted {self.order.size(at[1])}")
        self._on_step()
        return batch

    def check_dataset(self, dataset: object) -> None:
        """As `SpectralBatchSampler.check_dataset`; also where stages, or values that are not finite, leave rows out."""
        if self._n_samples is not None and isinstance(dataset, Sized) and len(dataset) != self._n_samples:
            raise PilotError(
                f"the training's dataset has {len(dataset)} samples and features {self._n_samples} rows; wanted a row "
                "for each sample"
            )
        super().check_dataset(dataset)

    def served_at(self, epoch: int, step: int) -> ServedBatch:
        """As `SpectralBatchSampler.served_at`, by the places that a loader has."""
        return super().served_at(*self._usual(epoch, step))

    def _usual(self, epoch: int, step: int) -> tuple[int, int]:
        """A longer epoch goes through the usual ones, one after the other."""
        return divmod(epoch * len(self) + step, super().__len__())

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What is done within is not counted: evaluations, checkpoints."""
        if self._pauses == 0:
            self.clock.paused(self._now())
        self._pauses += 1
        try:
            yield
        finally:
            self._pauses -= 1
            if self._pauses == 0:
                self.clock.resumed(self._now())

    @contextmanager
    def choosing(self) -> Iterator[None]:
        """What is done within is counted as selection: rewards that a selector asks for, values worked out for it."""
        self.clock.asked(self._now())
        try:
            yield
        finally:
            self.clock.chose(self._now())

    def report(self, step: int, metrics: Metrics, predictions: Tensor | None = None) -> None:
        """Say how the training goes: what a job that is a generator yields.

        Parameters
        ----------
        step : int
            Batches trained on so far.
        metrics : mapping of str to float, or function
            Numbers by name; each of them, or all, may be a function that evaluates. Where it is none, the evaluation
            was made before: outside `paused` the time it took is told from training by what a step usually takes.
        predictions : Tensor, optional
            `[t]` classes, where the problem has test rows.

        Raises
        ------
        PilotError
            The step is not a number of batches that were served, or goes back; a metric is no finite number, or the one
            that runs are judged by is missing.
        """
        last = self.points[-1].step if self.points else 0
        if self.chosen and not self.recorder.n_records and self.recorder.lacks(self.samples, self._chooser.refreshed):
            raise PilotError(
                f"{self._by} chooses by what training says of its samples, and train recorded nothing of it; wanted "
                "`with sampler.recorder(model):` around its forward passes, or sampler.recorder.record(losses)"
            )
        if isinstance(step, bool) or not isinstance(step, int) or not last <= step <= len(self.chosen):
            raise PilotError(
                f"step is {step!r}; wanted the number of batches trained on, {last} (reported last) to "
                f"{len(self.chosen)} (served)"
            )
        values = dict(metrics) if isinstance(metrics, Mapping) else None
        lazy = values is None or any(callable(each) for each in values.values())
        with self._evaluation(step - last, hidden=not lazy):
            if values is None:
                values = dict(metrics())  # type: ignore[operator]
            numbers = {name: _number(name, each() if callable(each) else each) for name, each in values.items()}
            self.points.append(self._point(step, numbers))
            self.predictions = predictions
            self._on_point(self.points[-1])

    @contextmanager
    def _evaluation(self, steps: int, *, hidden: bool) -> Iterator[None]:
        if self._pauses == 0:
            self.clock.evaluated(self._now(), steps, hidden=hidden)
        yield
        if self._pauses == 0:
            self.clock.resumed(self._now())

    def _point(self, step: int, numbers: dict[str, float]) -> Point:
        if self.metric is None:
            if not numbers:
                raise PilotError("metrics are empty; wanted at least one number by name, such as {'accuracy': 0.81}")
            self.metric = Metric.named(self._config.metric or next(iter(numbers)), self._config.higher_is_better)
        if self.metric.name not in numbers:
            raise PilotError(
                f"metrics have no '{self.metric.name}', which runs are judged by; they have {', '.join(numbers)}"
            )
        score = self.metric.score(numbers[self.metric.name])
        worst = numbers.get("worst_class")
        return Point(step, score, worst, self.clock.selection, self.clock.training, numbers)

    def _now(self) -> float:
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            torch.cuda.synchronize()
        return now(self._device)


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise PilotError(f"metric '{name}' is {value!r}; wanted a number") from error
    if not number - number == 0:  # NaN and infinities
        raise PilotError(f"metric '{name}' is {number}; wanted a finite number")
    return number
