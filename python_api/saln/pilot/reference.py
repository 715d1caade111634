"""The reference network: features and reference losses from rows that no method trains or is tested on."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from saln.pilot.config import PilotConfig
from saln.pilot.models import make_classifier, make_optimizer, train_step
from saln.pilot.stream import super_batch_stream


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
    config: PilotConfig,
    x_reference: torch.Tensor,
    labels_reference: torch.Tensor,
    x_train: torch.Tensor,
    labels_train: torch.Tensor,
    n_classes: int,
    seed: int,
) -> Reference:
    """Train an MLP on the held-out reference rows `[m, d]` and run the training rows `[n, d]` through it."""
    start = time.perf_counter()
    network = make_classifier("mlp", x_reference.shape[1], config.hidden, n_classes, seed)
    optimizer = make_optimizer(network, config.learning_rate)
    batch = min(config.batch_size, x_reference.shape[0])
    generator = torch.Generator().manual_seed(seed)
    for rows in super_batch_stream(
        x_reference.shape[0], config.reference_steps or config.steps, batch, batch, generator
    ):
        train_step(network, optimizer, x_reference[rows], labels_reference[rows])
    trained = time.perf_counter()
    with torch.no_grad():
        features = network.penultimate(x_train)  # [n, hidden]
        extracted = time.perf_counter()
        losses = F.cross_entropy(network.head(features), labels_train, reduction="none")  # [n]
        finished = time.perf_counter()
    return Reference(features, losses, trained - start, extracted - trained, finished - trained)
