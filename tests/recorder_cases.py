"""A small training that records: the problem, the model and the loop of the recorder's tests."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from saln import SpectralBatchSampler
from saln.selectors import Selector

N_ROWS, N_CLASSES, WIDTH = 120, 3, 6
BATCH_SIZE = 8  # 15 batches an epoch, out of super-batches of 40


def problem(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(seed)
    labels = torch.randint(N_CLASSES, (N_ROWS,), generator=source)
    return torch.randn(N_ROWS, WIDTH, generator=source) + 4 * F.one_hot(labels, WIDTH), labels


def sampler_of(selector: Selector | str, **options: Any) -> SpectralBatchSampler:
    x, y = problem()
    return SpectralBatchSampler(x, BATCH_SIZE, labels=y, selector=selector, **options)


class Classifier(nn.Module):
    """Counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Linear(WIDTH, 5), nn.ReLU())
        self.head = nn.Linear(5, N_CLASSES)
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.head(self.body(x))


class Training:
    """A plain loop, with a bookkeeping of its own of what the recorder should keep."""

    def __init__(self, sampler: SpectralBatchSampler, n_workers: int = 0) -> None:
        self.x, self.y = problem()
        self.sampler, self.model = sampler, Classifier()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.2, momentum=0.9)
        rows = TensorDataset(self.x, self.y, torch.arange(N_ROWS))
        self.loader = DataLoader(rows, batch_sampler=sampler, num_workers=n_workers)
        self.batches: list[list[int]] = []
        self.losses: dict[int, float] = {}
        self.residuals: dict[int, torch.Tensor] = {}
        self.step_of: dict[int, int] = {}

    def walk(self, n_steps: int | None = None) -> None:
        """One epoch, or what is left of it, or the beginning."""
        for step, (x, y, indices) in enumerate(self.loader):
            self.step(x, y, indices)
            if step + 1 == n_steps:
                break

    def step(self, x: torch.Tensor, y: torch.Tensor, indices: torch.Tensor) -> None:
        with self.sampler.recorder(self.model):
            logits = self.model(x)
        self.note(logits, y, indices)
        F.cross_entropy(logits, y).backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    @torch.no_grad()
    def note(self, logits: torch.Tensor, y: torch.Tensor, indices: torch.Tensor) -> None:
        residuals = logits.softmax(dim=1) - F.one_hot(y, N_CLASSES)
        losses = F.cross_entropy(logits, y, reduction="none")
        for place, row in enumerate(indices.tolist()):
            self.losses[row], self.residuals[row] = losses[place].item(), residuals[place]
            self.step_of[row] = len(self.batches)
        self.batches.append(indices.tolist())

    def state(self, epoch: int, step: int) -> dict[str, Any]:
        """All that a killed run needs to go on."""
        parts = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        return copy.deepcopy(parts) | {"sampler": self.sampler.state_at(epoch, step)}

    def load(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        self.sampler.load_state_dict(state["sampler"])


def check_recorded(training: Training) -> None:
    """The recorder knows the same."""
    kept = training.sampler.recorder.values("losses")
    assert kept.isnan().logical_not().nonzero().squeeze(1).tolist() == sorted(training.losses)
    for row, loss in training.losses.items():
        assert kept[row].item() == pytest.approx(loss, abs=1e-6)
        if "residuals" in training.sampler.recorder.keeps:
            torch.testing.assert_close(training.sampler.recorder.values("residuals")[row], training.residuals[row])


class Watching(Selector):
    """Uniform, and keeps what it was offered."""

    name, description, paper = "watching", "what a test sees", "none"

    def __init__(self, *reads: str) -> None:
        self.read, self.offered = reads, []

    @property
    def reads(self) -> tuple[str, ...]:
        return ("features", *self.read)

    def _choose(self, offer, size):
        self.offered.append(offer.samples)
        return offer.shuffled(len(offer))[:size]
