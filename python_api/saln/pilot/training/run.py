"""One run: a job trains with one method's batches, every second accounted for."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from saln.pilot.config import PilotConfig, PilotError
from saln.pilot.job import Problem
from saln.pilot.training.clock import now
from saln.pilot.training.point import Point
from saln.pilot.training.sampler import Enough, PilotSampler
from saln.selectors import Selector
from saln.selectors.base import Offer


@dataclass(frozen=True)
class Method:
    """A method under comparison.

    Attributes
    ----------
    name : str
    selector : Selector or None
        None takes the first rows of the super-batch, which shuffled epochs would have given: uniform, at no cost.
    needs : frozenset of str
        Which of `features`, `losses`, `reference_losses`, `labels` and `residuals` the selector reads.
    source : str
        A digest of a selector of the user's own, which its name does not tell; empty for a method that is named.
    """

    name: str
    selector: Selector | None
    needs: frozenset[str] = field(default_factory=frozenset)
    source: str = ""


class Plain(Selector):
    """A shuffled loader's batches."""

    name = "uniform"
    description = "shuffled epochs, as without a sampler"
    paper = "-"
    reads = ()
    abstains = True

    def _choose(self, offer: Offer, size: int) -> Tensor:
        return torch.arange(size, device=offer.device)


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes
    ----------
    method : str
    seed : int
    curve : tuple of Point
        As the training evaluated.
    setup_seconds : float
        What had to be done first, as far as this method needs it.
    chosen : Tensor
        `[steps, batch_size]` places in `Pool.rows` of the training rows used; -1 where a last batch was short.
    step_seconds : Tensor
        `[steps]` selection and training.
    predicted : Tensor or None
        `[t]` the class that the last evaluation found for each of `Pool.test_rows`.
    wall_seconds : float
        What the run really took, evaluations and all.
    figures : mapping of str to float
        What the selector found and did, as in `Selector.figures`.
    """

    method: str
    seed: int
    curve: tuple[Point, ...]
    setup_seconds: float
    chosen: Tensor
    step_seconds: Tensor
    predicted: Tensor | None
    wall_seconds: float = 0.0
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def final(self) -> Point:
        return self.curve[-1]

    @property
    def total_seconds(self) -> float:
        """Everything counted: what had to be done first, selection, training."""
        return self.setup_seconds + self.final.seconds


def run_method(
    method: Method,
    problem: Problem,
    config: PilotConfig,
    *,
    n_steps: int | None = None,
    stretch: float = 1.0,
    stop_after: int | None = None,
    on_step: Callable[[], None] = lambda: None,
    on_point: Callable[[Point], None] = lambda point: None,
) -> Run | None:
    """Train from the seed's start, on what a sampler with the seed's order serves.

    Parameters
    ----------
    method : Method
    problem : Problem
    config : PilotConfig
    n_steps : int, optional
        Of the whole run, where that is known, for selectors that change over it.
    stretch : float
        How many times as long as usual to train.
    stop_after : int, optional
        Batches after which to break off, without a run to show for it: to warm up.
    on_step, on_point : callable
        Called after every batch and every evaluation, outside the timed parts.

    Raises
    ------
    PilotError
        The selector returned something other than distinct positions; the training reports nothing, or what it reports
        does not fit.
    """
    began = time.perf_counter()
    seed = problem.pool.seed
    samples = problem.samples(method.needs)
    selector = Plain() if method.selector is None else method.selector
    before = now(samples.device)
    sampler = PilotSampler(
        samples,
        config,
        selector,
        seed,
        by=method.name,
        needs=method.needs,
        fingerprint=problem.fingerprint,
        n_samples=problem.n_samples,
        free=method.selector is None,
        stretch=stretch,
        n_steps=n_steps,
        stop_after=stop_after,
        on_step=on_step,
        on_point=on_point,
    )
    # A shuffled loader looks at nothing.
    sampler.clock.selection = 0.0 if method.selector is None else now(samples.device) - before
    with _seeded(seed):
        try:
            progress = problem.train(sampler, seed)
            if isinstance(progress, Iterable):
                for each in progress:
                    sampler.report(*_pair(each))
        except Enough:
            return None
    if not sampler.points:
        raise PilotError(
            "train reported nothing; wanted `yield step, {'accuracy': ...}`, or sampler.report(step, {...}), at least "
            "once, after the last step"
        )
    steps = sampler.points[-1].step
    if steps < 1:
        raise PilotError(f"train reported last after {steps} of {len(sampler.chosen)} batches; wanted at least 1")
    chosen = _padded(sampler.chosen[:steps], config.batch_size)
    ordered = chosen.sort(dim=1).values
    if bool(((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any()):
        raise PilotError(f"{method.name} chose a sample twice in one batch")
    return Run(
        method.name,
        seed,
        tuple(sampler.points),
        problem.setup_seconds(method.needs),
        chosen,
        torch.tensor(sampler.clock.step_seconds[:steps], dtype=torch.float64),
        sampler.predictions,
        time.perf_counter() - began,
        selector.figures,
    )


def _pair(each: object) -> tuple[int, dict[str, float]]:
    if isinstance(each, tuple) and len(each) == 2:
        return each
    raise PilotError(f"train yielded {each!r}; wanted a pair of step and metrics, such as 100, {{'accuracy': 0.81}}")


def _padded(batches: list[Tensor], size: int) -> Tensor:
    chosen = torch.full((len(batches), size), -1, dtype=torch.int64)
    for step, rows in enumerate(batches):
        chosen[step, : len(rows)] = rows.cpu()
    return chosen


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Every source of chance starts from the seed, and afterwards is where it was."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002 - what other people's trainings draw from
    cuda = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    devices = list(range(torch.cuda.device_count())) if cuda else []
    with torch.random.fork_rng(devices=devices):
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])  # noqa: NPY002
