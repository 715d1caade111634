"""Telling a method what its last batch was worth: the relative fall of the loss on rows of the reference."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from saln.pilot.problem.task import Task
from saln.selectors import Selector


class Feedback:
    """Rewards a selector that asks for it; what measuring costs is counted as selection.

    The probe is of reference rows, which no method trains on.

    Parameters
    ----------
    selector : Selector or None
    task : Task
    network : nn.Module
        Not trained yet: its loss on the probe is what the first step is measured against.
    """

    def __init__(self, selector: Selector | None, task: Task, network: nn.Module) -> None:
        self._selector = selector if selector is not None and selector.wants_reward else None
        self._task = task
        self._before = 0.0 if self._selector is None else self._loss(network)

    def after_step(self, network: nn.Module) -> None:
        """Once after every training step."""
        if self._selector is not None:
            after = self._loss(network)
            self._selector.update((self._before - after) / max(self._before, 1e-12))
            self._before = after

    @torch.no_grad()
    def _loss(self, network: nn.Module) -> float:
        return float(F.cross_entropy(network(self._task.x_probe), self._task.labels_probe))
