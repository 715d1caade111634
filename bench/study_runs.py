"""One run of the default's study: train with a method, and say how good and how costly that was."""

import dataclasses
import time

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.study_methods import Method
from bench.study_tasks import BATCH, HIDDEN, LEARNING_RATE, STEPS, Task, with_reference_rows
from saln import SuperBatch
from saln.pilot.problem.models import Classifier, make_classifier, make_optimizer, train_step
from saln.selectors import Portfolio
from saln.selectors.base import set_progress, start_epoch

CHECKED = (25, 50, 100, 200, 300)


@dataclasses.dataclass(frozen=True)
class Run:
    """Test accuracy after the steps of `CHECKED`, and CPU milliseconds a step on one thread."""

    accuracy: tuple[float, ...]
    worst_class: float  # recall, at the end
    score_ms: float  # pass over the super-batch, and the probe's where there is one
    select_ms: float
    train_ms: float
    reference_ms: float  # once


def run(task: Task, method: Method) -> Run:
    """Train `STEPS` steps; initial weights and super-batches depend on the task's seed alone."""
    network = make_classifier("mlp", task.x.shape[1], HIDDEN, task.n_classes, task.seed)
    optimizer = make_optimizer(network, LEARNING_RATE)
    if method.all_rows:
        task = with_reference_rows(task)
    selector = None if method.make is None else method.make()
    source = torch.Generator().manual_seed(task.seed)
    probed = isinstance(selector, Portfolio) and selector.reward == "probe"
    before = _probe_loss(network, task) if probed else 0.0
    accuracy, seconds, recalls = [], dict.fromkeys(("score", "select", "train"), 0.0), torch.zeros(1)
    per_epoch = len(task.x) // BATCH
    for step in range(STEPS):
        if step % per_epoch == 0:
            start_epoch(selector)
        rows = task.stream[step]
        start = time.process_time()
        super_batch = _super_batch(network, task, rows, method)
        scored = time.process_time()
        if selector is not None:
            set_progress(selector, step / STEPS)
            rows = rows[selector.select(super_batch, BATCH, generator=source)]
        chosen = time.process_time()
        train_step(network, optimizer, task.x[rows[:BATCH]], task.labels[rows[:BATCH]])
        trained = time.process_time()
        if probed and isinstance(selector, Portfolio):
            after = _probe_loss(network, task)
            selector.update((before - after) / before)
            before = after
        probing = time.process_time() - trained
        seconds["score"] += scored - start + probing
        seconds["select"] += chosen - scored
        seconds["train"] += trained - chosen
        if step + 1 in CHECKED:
            right, recalls = _test(network, task)
            accuracy.append(right)
    a_step = {part: 1e3 * total / STEPS for part, total in seconds.items()}
    return Run(
        tuple(accuracy),
        float(recalls.min()),
        a_step["score"],
        a_step["select"],
        a_step["train"],
        1e3 * task.reference_seconds if method.reference else 0.0,
    )


@torch.no_grad()
def _super_batch(network: Classifier, task: Task, rows: Tensor, method: Method) -> SuperBatch:
    if method.make is None:
        return SuperBatch(torch.empty(len(rows), 0))
    given = {"inputs": task.x, "file": task.features}
    if not method.learner:
        return SuperBatch(given[method.features][rows])
    labels = task.labels[rows]
    activations = network.penultimate(task.x[rows])
    log_shares = network.head(activations).log_softmax(dim=1)
    super_batch = SuperBatch(
        given[method.features][rows] if method.features in given else activations,
        losses=F.nll_loss(log_shares, labels, reduction="none"),
        reference_losses=task.reference_losses[rows] if method.reference else None,
        labels=labels,
        indices=rows,
        residuals=log_shares.exp() - F.one_hot(labels, task.n_classes),
    )
    if method.quality is None:
        return super_batch
    return dataclasses.replace(super_batch, quality=method.quality(network, task, super_batch, rows))


@torch.no_grad()
def _probe_loss(network: Classifier, task: Task) -> float:
    return float(F.cross_entropy(network(task.x_probe), task.labels_probe))


@torch.no_grad()
def _test(network: Classifier, task: Task) -> tuple[float, Tensor]:
    right = network(task.x_test).argmax(dim=1) == task.labels_test
    recalls = torch.stack([right[task.labels_test == each].float().mean() for each in range(task.n_classes)])
    return float(right.float().mean()), recalls
