"""One run: a method trains one model on one task, every second accounted for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch.nn import functional as F

from saln.pilot.config import PilotConfig, PilotError
from saln.pilot.problem.clock import now
from saln.pilot.problem.models import Classifier, make_network, make_optimizer, train_step
from saln.pilot.problem.residual import ResidualNetwork
from saln.pilot.problem.task import Task
from saln.pilot.training.evaluation import evaluate
from saln.pilot.training.feedback import Feedback
from saln.selectors import Selector
from saln.superbatch import SuperBatch


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
    """

    name: str
    selector: Selector | None
    needs: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Point:
    """An evaluation: where the run stood, and what it had cost (evaluations themselves are not counted)."""

    step: int
    score: float
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
        `[steps, batch_size]` places in `Pool.rows` of the training rows used.
    step_seconds : Tensor
        `[steps]` selection and training.
    predicted : Tensor
        `[t]` the class that the last evaluation found for each of `Pool.test_rows`.
    wall_seconds : float
        What the run really took, evaluations and all.
    """

    method: str
    seed: int
    curve: tuple[Point, ...]
    setup_seconds: float
    chosen: torch.Tensor
    step_seconds: torch.Tensor
    predicted: torch.Tensor
    wall_seconds: float = 0.0

    @property
    def final(self) -> Point:
        return self.curve[-1]

    @property
    def total_seconds(self) -> float:
        """Everything counted: features, reference network, selection, training."""
        return self.setup_seconds + self.final.seconds


def run_method(
    method: Method,
    task: Task,
    config: PilotConfig,
    on_step: Callable[[], None] = lambda: None,
    steps: int | None = None,
    on_point: Callable[[Point], None] = lambda point: None,
) -> Run:
    """Train from the seed's initial weights, on what a sampler with the seed's order would serve.

    Parameters
    ----------
    method : Method
    task : Task
    config : PilotConfig
    on_step : callable
        Called after every step, outside the timed parts.
    steps : int, optional
        Stop earlier (to warm up).
    on_point : callable
        Called after every evaluation, outside the timed parts.

    Raises
    ------
    PilotError
        The selector returned something other than `batch_size` distinct positions.
    """
    began = time.perf_counter()
    n_steps = steps or config.steps
    device = task.device
    network = make_network(config.model, config, task.x_train, task.n_classes, task.seed)
    optimizer = make_optimizer(network, config.learning_rate)
    evaluate_at = {round(i * n_steps / config.evaluations) for i in range(1, config.evaluations + 1)}
    chosen = torch.empty(n_steps, config.batch_size, dtype=torch.int64)
    step_seconds = torch.empty(n_steps, dtype=torch.float64)
    selection = training = 0.0
    accuracy, worst, predicted = evaluate(network, task, config.metric)
    curve = [Point(0, accuracy, worst, selection, training)]
    on_point(curve[-1])
    before = now(device)
    if method.selector is not None:
        method.selector.prepare(task.dataset)
        method.selector.reset()
    feedback = Feedback(method.selector, task, network)
    selection += now(device) - before
    for step in range(n_steps):
        epoch, number = task.order.place(step)
        offered, generator = task.order.super_batch(epoch, number).to(device), task.order.generator(epoch, number)
        start = now(device)
        if method.selector is not None:
            if number == 0:
                method.selector.start_epoch()
            method.selector.progress = step / n_steps
        rows = _choose(method, network, task, offered, config.batch_size, generator)
        selected = now(device)
        weights = None if method.selector is None else method.selector.last_weights
        train_step(network, optimizer, task.x_train[rows], task.labels_train[rows], weights)
        trained = now(device)
        feedback.after_step(network)
        finished = now(device)
        selection += selected - start + finished - trained
        training += trained - selected
        step_seconds[step] = finished - start
        chosen[step] = rows
        if torch.unique(chosen[step]).shape[0] != config.batch_size:
            raise PilotError(f"{method.name} chose a sample twice in one batch")
        if step + 1 in evaluate_at:
            accuracy, worst, predicted = evaluate(network, task, config.metric)
            curve.append(Point(step + 1, accuracy, worst, selection, training))
            on_point(curve[-1])
        on_step()
    wall = time.perf_counter() - began
    setup = task.setup_seconds(method.needs)
    return Run(method.name, task.seed, tuple(curve), setup, chosen, step_seconds, predicted, wall)


def train_uniform_for(
    task: Task, config: PilotConfig, budgets: tuple[float, ...], on_step: Callable[[], None] = lambda: None
) -> tuple[Point, ...]:
    """Uniform from the seed's initial weights until it has taken as long as each of the budgets, ascending, in seconds.

    The first steps are uniform's in the pilot; its shuffled epochs go on.
    """
    device = task.device
    network = make_network(config.model, config, task.x_train, task.n_classes, task.seed)
    optimizer = make_optimizer(network, config.learning_rate)
    seconds, step = 0.0, 0
    points: list[Point] = []
    while len(points) < len(budgets):
        rows = task.order.batch(*task.order.place(step)).to(device)
        start = now(device)
        train_step(network, optimizer, task.x_train[rows], task.labels_train[rows])
        seconds += now(device) - start
        step += 1
        on_step()
        if seconds >= budgets[len(points)]:
            accuracy, worst, _ = evaluate(network, task, config.metric)
            while len(points) < len(budgets) and seconds >= budgets[len(points)]:
                points.append(Point(step, accuracy, worst, 0.0, seconds))
    return tuple(points)


def _choose(
    method: Method,
    network: Classifier | ResidualNetwork,
    task: Task,
    rows: torch.Tensor,
    batch_size: int,
    generator: torch.Generator,
) -> torch.Tensor:
    """Rows `[batch_size]` out of a super-batch's rows `[S]`."""
    if method.selector is None or method.selector.abstains:
        return rows[:batch_size]
    super_batch = _super_batch(method.needs, network, task, rows)
    positions = method.selector.select(super_batch, batch_size, generator=generator)
    if positions.shape != (batch_size,):
        raise PilotError(f"{method.name} returned {list(positions.shape)} positions; wanted [{batch_size}]")
    return rows[positions]


def _super_batch(
    needs: frozenset[str], network: Classifier | ResidualNetwork, task: Task, rows: torch.Tensor
) -> SuperBatch:
    labels = task.labels_train[rows]
    # A copy of wide rows costs more than many a method; those that do not look at features get rows of none.
    features = task.features[rows] if "features" in needs else task.features.new_empty(rows.shape[0], 0)
    losses = residuals = None
    if needs & {"losses", "residuals"}:
        with torch.no_grad():
            activations = network.penultimate(task.x_train[rows])  # [S, hidden]
            logits = network.head(activations)  # [S, classes]
            losses = F.cross_entropy(logits, labels, reduction="none")
            if "residuals" in needs:
                # Gradients of the last layer are products of residuals and what that layer sees.
                features, residuals = activations, logits.softmax(dim=1) - F.one_hot(labels, task.n_classes)
    return SuperBatch(
        features=features,
        losses=losses,
        reference_losses=task.reference.losses[rows] if "reference_losses" in needs else None,
        labels=labels,
        indices=rows,
        residuals=residuals,
    )
