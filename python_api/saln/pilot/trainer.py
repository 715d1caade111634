"""One run: a method trains one model on one task, every second accounted for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch.nn import functional as F

from saln.pilot.config import PilotConfig, PilotError
from saln.pilot.models import Classifier, make_classifier, make_optimizer, train_step
from saln.pilot.task import Task
from saln.selectors.protocol import reset, set_progress
from saln.superbatch import SuperBatch

SELECTION_SEED_OFFSET = 3_000_017


class Selects(Protocol):
    """The selectors' protocol: positions `[size]` in the super-batch, no position twice."""

    def select(self, super_batch: SuperBatch, size: int, *, generator: torch.Generator) -> torch.Tensor: ...


@dataclass(frozen=True)
class Method:
    """A method under comparison.

    Attributes
    ----------
    name : str
    selector : Selects or None
        None takes the first rows of the super-batch, which shuffled epochs would have given: uniform, at no cost.
    needs : frozenset of str
        Which of `features`, `losses`, `reference_losses`, `labels` and `residuals` the selector reads.
    """

    name: str
    selector: Selects | None
    needs: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Point:
    """An evaluation: where the run stood, and what it had cost (evaluations themselves are not counted)."""

    step: int
    accuracy: float
    worst_class: float
    selection_seconds: float
    training_seconds: float

    @property
    def seconds(self) -> float:
        return self.selection_seconds + self.training_seconds


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes
    ----------
    method : str
    seed : int
    curve : tuple of Point
        Before the first step, and after evenly spaced ones up to the last.
    setup_seconds : float
        Features and reference network, as far as this method needs them.
    chosen : Tensor
        `[steps, batch_size]` training rows used.
    step_seconds : Tensor
        `[steps]` selection and training.
    """

    method: str
    seed: int
    curve: tuple[Point, ...]
    setup_seconds: float
    chosen: torch.Tensor
    step_seconds: torch.Tensor

    @property
    def final(self) -> Point:
        return self.curve[-1]


def run_method(
    method: Method,
    task: Task,
    config: PilotConfig,
    on_step: Callable[[], None] = lambda: None,
    steps: int | None = None,
) -> Run:
    """Train from the seed's initial weights along the seed's stream.

    Parameters
    ----------
    method : Method
    task : Task
    config : PilotConfig
    on_step : callable
        Called after every step, outside the timed parts.
    steps : int, optional
        Stop earlier (to warm up).

    Raises
    ------
    PilotError
        The selector returned something other than `batch_size` distinct positions.
    """
    n_steps = steps or config.steps
    network = make_classifier(config.model, task.x_train.shape[1], config.hidden, task.n_classes, task.seed)
    optimizer = make_optimizer(network, config.learning_rate)
    generator = torch.Generator().manual_seed(SELECTION_SEED_OFFSET + task.seed)
    evaluate_at = {round(i * n_steps / config.evaluations) for i in range(1, config.evaluations + 1)}
    chosen = torch.empty(n_steps, config.batch_size, dtype=torch.int64)
    step_seconds = torch.empty(n_steps, dtype=torch.float64)
    selection = training = 0.0
    curve = [_evaluate(network, task, 0, selection, training)]
    reset(method.selector)
    for step in range(n_steps):
        start = time.perf_counter()
        set_progress(method.selector, step / n_steps)
        rows = _choose(method, network, task, task.stream[step], config.batch_size, generator)
        selected = time.perf_counter()
        report = getattr(method.selector, "last_report", None)
        weights = None if report is None else report.weights
        train_step(network, optimizer, task.x_train[rows], task.labels_train[rows], weights)
        selection += selected - start
        trained = time.perf_counter()
        training += trained - selected
        step_seconds[step] = trained - start
        chosen[step] = rows
        if torch.unique(rows).shape[0] != config.batch_size:
            raise PilotError(f"{method.name} chose a sample twice in one batch")
        if step + 1 in evaluate_at:
            curve.append(_evaluate(network, task, step + 1, selection, training))
        on_step()
    return Run(method.name, task.seed, tuple(curve), task.setup_seconds(method.needs), chosen, step_seconds)


def _choose(
    method: Method,
    network: Classifier,
    task: Task,
    rows: torch.Tensor,
    batch_size: int,
    generator: torch.Generator,
) -> torch.Tensor:
    """Rows `[batch_size]` out of a super-batch's rows `[S]`."""
    if method.selector is None:
        return rows[:batch_size]
    super_batch = _super_batch(method.needs, network, task, rows)
    positions = method.selector.select(super_batch, batch_size, generator=generator)
    if positions.shape != (batch_size,):
        raise PilotError(f"{method.name} returned {list(positions.shape)} positions; wanted [{batch_size}]")
    return rows[positions]


def _super_batch(needs: frozenset[str], network: Classifier, task: Task, rows: torch.Tensor) -> SuperBatch:
    labels = task.labels_train[rows]
    losses = residuals = None
    if needs & {"losses", "residuals"}:
        with torch.no_grad():
            logits = network(task.x_train[rows])  # [S, classes]
            losses = F.cross_entropy(logits, labels, reduction="none")
            if "residuals" in needs:
                residuals = logits.softmax(dim=1) - F.one_hot(labels, task.n_classes)
    return SuperBatch(
        features=task.features[rows],
        losses=losses,
        reference_losses=task.reference.losses[rows] if "reference_losses" in needs else None,
        labels=labels,
        indices=rows,
        residuals=residuals,
    )


def _evaluate(network: Classifier, task: Task, step: int, selection: float, training: float) -> Point:
    with torch.no_grad():
        right = network(task.x_test).argmax(dim=1) == task.labels_test
    counts = torch.bincount(task.labels_test, minlength=task.n_classes)
    hits = torch.bincount(task.labels_test[right], minlength=task.n_classes)
    present = counts > 0
    per_class = hits[present] / counts[present]
    return Point(step, float(right.float().mean()), float(per_class.min()), selection, training)
