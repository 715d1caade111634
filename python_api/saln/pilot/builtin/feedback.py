"""Telling a method what its last batch was worth: the relative fall of the loss on rows of the reference."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from saln.pilot.training.sampler import PilotSampler


class Feedback:
    """Rewards a selector that asks for it; what measuring costs is counted as selection.

    The probe is of reference rows, which no method trains on.

    Parameters
    ----------
    sampler : PilotSampler
    network : nn.Module
        Not trained yet: its loss on the probe is what the first step is measured against.
    x, labels : Tensor
        The probe.
    """

    def __init__(self, sampler: PilotSampler, network: nn.Module, x: Tensor, labels: Tensor) -> None:
        self._sampler, self._network, self._x, self._labels = sampler, network, x, labels
        # A selector that abstains has no batch to be rewarded for.
        self._wanted = sampler.selector.wants_reward
        if self._wanted:
            with sampler.choosing():
                self._before = self._loss()

    def after_step(self) -> None:
        """Once after every training step."""
        if self._wanted:
            with self._sampler.choosing():
                after = self._loss()
                self._sampler.selector.update((self._before - after) / max(self._before, 1e-12))
                self._before = after

    @torch.no_grad()
    def _loss(self) -> float:
        return float(F.cross_entropy(self._network(self._x), self._labels))
