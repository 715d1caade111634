"""The drop in held-out loss after one SGD step on a batch, for many batches at once.

A step changes the first layer of an MLP by a sum of outer products of the batch's inputs. On held-out inputs that is a
product with the Gram matrix of held-out and batch rows, so that no weights are copied and none of the d columns is
touched again: with h held-out rows, b rows in the batch and H hidden units, O(h b H) a batch in place of O(h d H).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from saln.pilot.problem.models import Classifier

BLOCK = 16  # batches at a time


class Signals(NamedTuple):
    """What the learner says about n rows.

    Attributes
    ----------
    x : Tensor
        `[n, d]`, the inputs themselves.
    slopes : Tensor
        `[n, H]`, of each row's loss by what enters the hidden layer.
    activations : Tensor
        `[n, H]`
    residuals : Tensor
        `[n, c]`, softmax less one-hot.
    losses : Tensor
        `[n]`
    """

    x: Tensor
    slopes: Tensor
    activations: Tensor
    residuals: Tensor
    losses: Tensor


@torch.no_grad()
def signals(network: Classifier, x: Tensor, labels: Tensor) -> Signals:
    """A pass over rows `[n, d]`."""
    activations = network.penultimate(x)
    log_shares = network.head(activations).log_softmax(dim=1)
    residuals = log_shares.exp() - F.one_hot(labels, log_shares.shape[1])
    slopes = (residuals @ network.head.weight) * (activations > 0)
    return Signals(x, slopes, activations, residuals, F.nll_loss(log_shares, labels, reduction="none"))


@torch.no_grad()
def alignments(rows: Signals, others: Signals) -> Tensor:
    """Products `[n]` of each row's gradient, of all weights, with the mean gradient of other rows."""
    hidden = (rows.slopes @ others.slopes.T) * (rows.x @ others.x.T + 1)  # [n, m]; the 1 is the bias
    head = (rows.residuals @ others.residuals.T) * (rows.activations @ others.activations.T + 1)
    return (hidden + head).mean(dim=1)


@torch.no_grad()
def loss_drops(
    network: Classifier,
    at: Signals,
    held_out: Tensor,
    held_out_labels: Tensor,
    batches: Tensor,
    learning_rate: float,
) -> Tensor:
    """Mean held-out cross-entropy before, less that after, one SGD step on the mean loss of each batch.

    Parameters
    ----------
    network : Classifier
        With one hidden layer of rectified units; it is left as it is.
    at : Signals
        Of the n rows that batches are made of.
    held_out, held_out_labels : Tensor
        `[h, d]` and `[h]`.
    batches : Tensor
        `[C, b]` of those rows.
    learning_rate : float

    Returns
    -------
    Tensor
        `[C]`, positive where the step helped.
    """
    first = network.body[0] if isinstance(network.body, nn.Sequential) else None
    if not isinstance(first, nn.Linear):
        raise TypeError("network has no hidden layer; wanted the model 'mlp'")
    products = held_out @ at.x.T + 1  # [h, n]; the 1 is the bias
    entering = first(held_out)  # [h, H]
    before = F.cross_entropy(network.head(entering.relu()), held_out_labels)
    rate = learning_rate / batches.shape[1]
    drops = []
    for block in batches.split(BLOCK):
        # [B, h, H] = [h, B, b] in the order [B, h, b] times [B, b, H]
        hidden = (entering - rate * products[:, block].transpose(0, 1) @ at.slopes[block]).relu()
        similar = hidden @ at.activations[block].transpose(1, 2) + 1  # [B, h, b]
        logits = network.head(hidden) - rate * similar @ at.residuals[block]  # [B, h, c]
        labels_of_all = held_out_labels.expand(len(block), -1).flatten()
        after = F.cross_entropy(logits.flatten(0, 1), labels_of_all, reduction="none").view(len(block), -1).mean(dim=1)
        drops.append(before - after)
    return torch.cat(drops)
