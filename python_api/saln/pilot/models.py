"""The small networks of a pilot, and how they are trained without selection."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from saln.pilot.config import Model


class Classifier(nn.Module):
    """A softmax layer, with (`mlp`) or without (`linear`) one hidden layer of rectified units before it."""

    def __init__(self, model: Model, n_inputs: int, hidden: int, n_classes: int) -> None:
        super().__init__()
        self.body: nn.Module = (
            nn.Sequential(nn.Linear(n_inputs, hidden), nn.ReLU()) if model == "mlp" else nn.Identity()
        )
        self.head = nn.Linear(hidden if model == "mlp" else n_inputs, n_classes)

    def penultimate(self, x: torch.Tensor) -> torch.Tensor:
        """What the last layer sees, `[B, hidden]`."""
        activations: torch.Tensor = self.body(x)
        return activations

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits `[B, n_classes]`."""
        logits: torch.Tensor = self.head(self.body(x))
        return logits


def make_classifier(model: Model, n_inputs: int, hidden: int, n_classes: int, seed: int) -> Classifier:
    """A classifier whose weights depend on the seed and the shapes alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Classifier(model, n_inputs, hidden, n_classes)


def make_optimizer(classifier: Classifier, learning_rate: float) -> torch.optim.Optimizer:
    return torch.optim.Adam(classifier.parameters(), lr=learning_rate, fused=True)


def train_step(
    classifier: Classifier,
    optimizer: torch.optim.Optimizer,
    x: torch.Tensor,
    labels: torch.Tensor,
    weights: torch.Tensor | None = None,
) -> None:
    """One step on the mean cross-entropy of x `[B, d]`, each row's times its weight `[B]` where there are any."""
    optimizer.zero_grad(set_to_none=True)
    if weights is None:
        loss = F.cross_entropy(classifier(x), labels)
    else:
        loss = (F.cross_entropy(classifier(x), labels, reduction="none") * weights).mean()
    torch.autograd.backward(loss)
    optimizer.step()
