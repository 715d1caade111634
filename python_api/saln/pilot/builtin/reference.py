"""The reference network: features and reference losses from rows that no method trains or is tested on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from saln.pilot.builtin.config import BuiltinConfig, Model
from saln.pilot.builtin.models import activations, make_network, make_optimizer, train_step
from saln.pilot.training.clock import now
from saln.sampling.order import EpochOrder


@dataclass(frozen=True)
class Reference:
    """What the reference network says about the training rows, and what that took.

    Attributes
    ----------
    features : Tensor
        Penultimate activations `[n, hidden]`.
    losses : Tensor
        Cross-entropy `[n]`.
    training_seconds : float
    feature_seconds, loss_seconds : float
        The pass to the features, and the whole pass to the losses, features included.
    """

    features: torch.Tensor
    losses: torch.Tensor
    training_seconds: float
    feature_seconds: float
    loss_seconds: float


def build_reference(
    config: BuiltinConfig,
    model: Model,
    x_reference: torch.Tensor,
    labels_reference: torch.Tensor,
    x_train: torch.Tensor,
    labels_train: torch.Tensor,
    n_classes: int,
    seed: int,
) -> Reference:
    """Train on the held-out reference rows `[m, …]` and run the training rows `[n, …]` through the network."""
    device = x_reference.device
    start = now(device)
    network = make_network(model, config, x_reference, n_classes, seed)
    optimizer = make_optimizer(network, config.learning_rate)
    batch = min(config.batch_size, x_reference.shape[0])
    order = EpochOrder(torch.arange(x_reference.shape[0]), batch, batch, seed, drop_last=True)
    for step in range(config.reference_steps or config.steps):
        rows = order.batch(*order.place(step)).to(device)
        train_step(network, optimizer, x_reference[rows], labels_reference[rows])
    trained = now(device)
    with torch.no_grad():
        features = activations(network, x_train)  # [n, hidden]
        extracted = now(device)
        losses = F.cross_entropy(network.head(features), labels_train, reduction="none")  # [n]
        finished = now(device)
    return Reference(features, losses, trained - start, extracted - trained, finished - trained)
