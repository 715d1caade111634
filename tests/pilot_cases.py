"""Small data sets and selectors that the pilot's tests share."""

from __future__ import annotations

import torch

from saln.datasets import Dataset
from saln.pilot.builtin import BuiltinConfig
from saln.pilot.training.run import Point, Run
from saln.selectors import Offer, Selector
from saln.superbatch import SuperBatch

TINY = BuiltinConfig(
    methods=("uniform",), seeds=3, steps=24, batch_size=16, hidden=16, evaluations=6, reference_steps=10
)


def blobs(n_classes: int = 4, per_class: int = 120, n_inputs: int = 8, spread: float = 1.0) -> Dataset:
    """Gaussian classes around random centres."""
    generator = torch.Generator().manual_seed(7)
    centres = 2.0 * torch.randn(n_classes, n_inputs, generator=generator)
    labels = torch.arange(n_classes).repeat_interleave(per_class)
    x = centres[labels] + spread * torch.randn(labels.shape[0], n_inputs, generator=generator)
    return Dataset("blobs", x, labels, None, tuple(f"class {i}" for i in range(n_classes)), features_given=False)


class OneClass(Selector):
    """Sabotage: the samples of the lowest class numbers."""

    name = "one_class"
    reads = ("labels",)

    def _choose(self, offer: Offer, size: int) -> torch.Tensor:
        return offer["labels"].argsort(stable=True)[:size]


class Clean(Selector):
    """An oracle: samples whose label is right, where class and first input have the same sign."""

    name = "clean"
    reads = ("features", "labels")

    def _choose(self, offer: Offer, size: int) -> torch.Tensor:
        right = (offer.features[:, 0] > 0).long() == offer["labels"]
        noise = torch.rand(right.shape[0], generator=offer.generator)
        return (right.float() + noise).argsort(descending=True)[:size]


class First(Selector):
    """Takes the first rows, as uniform does, but as selectors do, and remembers what it was shown."""

    name = "first"
    reads = ()

    def __init__(self) -> None:
        self.seen: list[SuperBatch] = []

    def _choose(self, offer: Offer, size: int) -> torch.Tensor:
        self.seen.append(offer.samples)
        return torch.arange(size)


def mislabelled() -> Dataset:
    """Two classes by the sign of the first input, 45 % of the training labels wrong, test labels right."""
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(1200, 6, generator=generator)
    labels = (x[:, 0] > 0).long()
    is_test = torch.arange(1200) >= 800
    wrong = (torch.rand(1200, generator=generator) < 0.45) & ~is_test
    return Dataset("mislabelled", x, labels ^ wrong.long(), is_test, ("no", "yes"), features_given=True)


def make_run(method: str, seed: int, accuracies: list[float], ms: float, selecting: float, setup: float = 0.0) -> Run:
    """A run of 30 steps of 4 samples, `ms` milliseconds each, a share `selecting` of it in selection."""
    seconds = [1e-3 * ms * step for step in (0, 10, 20, 30)]
    curve = tuple(
        Point(step, accuracy, accuracy / 2, selecting * total, (1 - selecting) * total)
        for step, accuracy, total in zip((0, 10, 20, 30), accuracies, seconds, strict=True)
    )
    nothing = torch.zeros(0, dtype=torch.int64)
    chosen = torch.zeros(30, 4, dtype=torch.int64)
    return Run(method, seed, curve, setup, chosen, torch.full((30,), 1e-3 * ms), nothing)
