"""The small networks of a pilot, and how they are trained without selection."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from saln.pilot.builtin.config import BuiltinConfig, Model
from saln.pilot.builtin.residual import ResidualNetwork

ROWS_AT_ONCE = 512
"""Of images, where no gradient is needed."""


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
    """A classifier of rows whose weights depend on the seed and the shapes alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Classifier(model, n_inputs, hidden, n_classes)


def make_network(
    model: Model, config: BuiltinConfig, x: torch.Tensor, n_classes: int, seed: int
) -> Classifier | ResidualNetwork:
    """A network for inputs like x, `[n, d]` or `[n, C, H, W]`, where x lies; its weights depend on the seed alone."""
    network: Classifier | ResidualNetwork
    if model == "resnet":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = ResidualNetwork(x.shape[1], config.width, config.blocks, n_classes)
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    else:
        network = make_classifier(model, x.shape[1], config.hidden, n_classes, seed)
    return network.to(x.device)


def make_optimizer(classifier: nn.Module, learning_rate: float) -> torch.optim.Optimizer:
    return torch.optim.Adam(classifier.parameters(), lr=learning_rate, fused=True)


def train_step(
    classifier: nn.Module,
    optimizer: torch.optim.Optimizer,
    x: torch.Tensor,
    labels: torch.Tensor,
    weights: torch.Tensor | None = None,
) -> None:
    """One step on the mean cross-entropy of x `[B, …]`, each row's times its weight `[B]` where there are any."""
    optimizer.zero_grad(set_to_none=True)
    if weights is None:
        loss = F.cross_entropy(classifier(x), labels)
    else:
        loss = (F.cross_entropy(classifier(x), labels, reduction="none") * weights).mean()
    torch.autograd.backward(loss)
    optimizer.step()


@torch.no_grad()
def activations(network: Classifier | ResidualNetwork, x: torch.Tensor) -> torch.Tensor:
    """What the last layer sees of all rows, `[n, f]`; images a part at a time."""
    if x.dim() == 2:
        return network.penultimate(x)
    return torch.cat([network.penultimate(part) for part in torch.split(x, ROWS_AT_ONCE)])
