"""How good a network is on the rows held out for testing."""

from __future__ import annotations

import torch
from torch import nn

from saln.pilot.builtin.models import ROWS_AT_ONCE


@torch.no_grad()
def evaluate(
    network: nn.Module, x: torch.Tensor, labels: torch.Tensor, n_classes: int, metric: str
) -> tuple[dict[str, float], torch.Tensor]:
    """The metric and the share of right answers in the worst class, and the predicted classes `[t]` on the host."""
    logits = network(x) if x.dim() == 2 else torch.cat([network(part) for part in torch.split(x, ROWS_AT_ONCE)])
    predicted = logits.argmax(dim=1)
    per_class = class_accuracies(predicted, labels, n_classes)
    if metric == "accuracy":
        value = float((predicted == labels).float().mean())
    elif metric == "balanced_accuracy":
        value = float(per_class.mean())
    else:
        value = roc_auc(logits.softmax(dim=1), labels)
    return {metric: value, "worst_class": float(per_class.min())}, predicted.cpu()


def class_accuracies(predicted: torch.Tensor, labels: torch.Tensor, n_classes: int) -> torch.Tensor:
    """Share of right answers in each class that has rows."""
    counts = torch.bincount(labels, minlength=n_classes)
    hits = torch.bincount(labels[predicted == labels], minlength=n_classes)
    present = counts > 0
    return hits[present] / counts[present]


def roc_auc(scores: torch.Tensor, labels: torch.Tensor) -> float:
    """Area under the ROC curve, each class against the rest, mean over the classes that have rows on both sides.

    Parameters
    ----------
    scores : Tensor
        `[t, n_classes]`; larger is more likely.
    labels : Tensor
        `[t]` int64.

    Examples
    --------
    >>> import torch
    >>> from saln.pilot.builtin.evaluation import roc_auc
    >>> roc_auc(torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]]), torch.tensor([0, 0, 1, 1]))
    0.75
    """
    areas = []
    for value in range(scores.shape[1]):
        mine = labels == value
        positive, negative = int(mine.sum()), int((~mine).sum())
        if positive and negative:
            # Mann-Whitney: ranks from 1, equal scores share the mean of theirs.
            _, group, size = torch.unique(scores[:, value], return_inverse=True, return_counts=True)
            last = size.cumsum(0)
            ranks = (last - (size - 1) / 2)[group].double()
            areas.append((float(ranks[mine].sum()) - positive * (positive + 1) / 2) / (positive * negative))
    return sum(areas) / len(areas) if areas else 0.5
