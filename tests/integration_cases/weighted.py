"""A training whose selector gives weights, in every trainer and by hand: in float64, so that rounding is far below."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from integration_cases.runs import N_ROWS, make_sampler, samples
from saln import SpectralBatchSampler, make_selector
from saln.selectors import InfoBatch, Portfolio

N_EPOCHS, LEARNING_RATE = 2, 0.1
SELECTORS = {
    "infobatch": InfoBatch,
    "guard": lambda: make_selector("guard", method="selective_backprop", epsilon=0.3),
    "portfolio": lambda: Portfolio(["uniform", "infobatch"]),  # batches with weights and without
}


def make(name: str) -> SpectralBatchSampler:
    return make_sampler(0, selector=SELECTORS[name](), n_epochs=N_EPOCHS)


def data() -> TensorDataset:
    source = torch.Generator().manual_seed(1)
    inputs = torch.randn(N_ROWS, 4, generator=source, dtype=torch.float64)
    return TensorDataset(inputs, samples().labels)


def model() -> nn.Linear:
    torch.manual_seed(2)
    return nn.Linear(4, 3, dtype=torch.float64)


def losses_of(logits: Tensor, labels: Tensor) -> Tensor:
    return nn.functional.cross_entropy(logits, labels, reduction="none")


def by_hand(name: str, per_step: int = 1, *, weighted: bool = True, over_batches: bool = True) -> list[list[float]]:
    """The model's weight after steps of so many batches: of the mean over batches, or over all of their samples."""
    sampler, trained, (inputs, labels) = make(name), model(), data().tensors
    optimizer = torch.optim.SGD(trained.parameters(), lr=LEARNING_RATE)
    for epoch in range(N_EPOCHS):
        numbered = enumerate(list(sampler))
        while step := list(itertools.islice(numbered, per_step)):
            n_samples = sum(len(batch) for _, batch in step)
            optimizer.zero_grad()
            for number, batch in step:
                weights = sampler.served_at(epoch, number).weights if weighted else None
                losses = losses_of(trained(inputs[batch]), labels[batch])
                losses = losses if weights is None else losses * weights
                (losses.mean() / len(step) if over_batches else losses.sum() / n_samples).backward()
            optimizer.step()
    return trained.weight.tolist()


def differs(one: Any, other: Any) -> float:
    """The largest difference."""
    return (torch.tensor(one, dtype=torch.float64) - torch.tensor(other, dtype=torch.float64)).abs().max().item()
