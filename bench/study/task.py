"""A training of the study: its data, and how a network is made, fed and judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.nn import functional as F

from bench.study.conditions import Spoiled
from saln.pilot import PilotSampler

EVALUATIONS = 10


@dataclass(frozen=True)
class Task:
    """A training.

    Attributes
    ----------
    features : Tensor
        `[N, d]` of the training rows, by a frozen network: what chooses.
    labels, test_labels : Tensor
    make : callable
        A new network.
    logits : callable
        Of a network and training rows, augmented.
    predict : callable
        Of a network, for all test rows.
    rate : float
        Largest learning rate; it rises and falls in one cycle.
    metric : str
        What a user is judged by where classes are as they come.
    sgd : bool
        With momentum; else AdamW.
    """

    name: str
    features: Tensor
    labels: Tensor
    test_labels: Tensor
    make: Callable[[], nn.Module]
    logits: Callable[[nn.Module, Tensor], Tensor]
    predict: Callable[[nn.Module], Tensor]
    steps: int
    batch_size: int
    rate: float
    metric: str = "accuracy"
    sgd: bool = False

    @property
    def n_classes(self) -> int:
        return int(self.labels.max()) + 1

    @cached_property
    def guesses(self) -> Tensor:
        """`[N, C]` what a linear model of other rows makes of the features."""
        x = StandardScaler().fit_transform(self.features.numpy())
        ridge = Ridge(alpha=0.1 * x.shape[1], solver="cholesky")
        found = cross_val_predict(ridge, x, F.one_hot(self.labels, self.n_classes).float().numpy(), cv=5)
        return torch.from_numpy(found).float().clamp(0.0, 1.0)


class Training:
    """A task on spoiled data, as a job of the pilot."""

    def __init__(self, task: Task, spoiled: Spoiled, evaluations: int = EVALUATIONS) -> None:
        self.task, self.spoiled, self.evaluations = task, spoiled, evaluations

    def __call__(self, sampler: PilotSampler, seed: int) -> Iterator[tuple[int, Any]]:
        task = self.task
        n_steps = round(task.steps * sampler.stretch)
        due = {round(i * n_steps / self.evaluations) for i in range(1, self.evaluations + 1)}
        network = task.make()
        optimizer: torch.optim.Optimizer
        if task.sgd:
            momentum: dict[str, Any] = {"momentum": 0.9, "weight_decay": 5e-4, "nesterov": True}
            optimizer = torch.optim.SGD(network.parameters(), lr=task.rate, **momentum)
        else:
            optimizer = torch.optim.AdamW(network.parameters(), lr=task.rate, weight_decay=0.01)
        cycle: dict[str, Any] = {"cycle_momentum": task.sgd, "total_steps": n_steps}
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, task.rate, **cycle)
        step = 0
        while step < n_steps:
            for places in sampler:
                with sampler.recorder(network):
                    logits = task.logits(network, self.spoiled.rows[places])
                optimizer.zero_grad()
                losses = F.cross_entropy(logits, self.spoiled.labels[places], reduction="none")
                weights = sampler.served[-1].weights
                torch.autograd.backward((losses if weights is None else losses * weights.to(losses)).mean())
                optimizer.step()
                schedule.step()
                step += 1
                if step in due:
                    yield step, lambda: self._evaluate(network)
                if step == n_steps:
                    break

    @torch.no_grad()
    def _evaluate(self, network: nn.Module) -> dict[str, float]:
        network.eval()
        logits, labels = self.task.predict(network).float(), self.task.test_labels
        network.train()
        right = (logits.argmax(dim=1) == labels).double()
        classes = [float(right[labels == label].mean()) for label in labels.unique()]
        found = {"accuracy": float(right.mean()), "balanced_accuracy": sum(classes) / len(classes)}
        if logits.shape[1] == 2:
            found["roc_auc"] = float(roc_auc_score(labels, logits[:, 1] - logits[:, 0]))
        return found
