"""A share of the rows that keeps the classes."""

from __future__ import annotations

import torch


def stratified_split(labels: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """Mark about `share` of every class, at least one row of each that has two or more.

    Parameters
    ----------
    labels : Tensor
        `[N]` int64.

    Returns
    -------
    Tensor
        `[N]` bool.
    """
    order = torch.randperm(labels.shape[0], generator=generator)  # [N]
    marked = torch.zeros(labels.shape[0], dtype=torch.bool)
    for value in torch.unique(labels):
        rows = order[labels[order] == value]
        count = min(max(1, round(share * rows.shape[0])), rows.shape[0] - 1)
        marked[rows[:count]] = True
    return marked
