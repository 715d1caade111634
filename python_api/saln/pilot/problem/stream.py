"""Which rows a run sees: splits, and one stream of super-batches for every method."""

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


def super_batch_stream(
    n_rows: int, steps: int, batch_size: int, super_batch_size: int, generator: torch.Generator
) -> torch.Tensor:
    """Row numbers of the super-batch of every step.

    The first `batch_size` of each are what shuffled epochs without selection would have trained on, so uniform, which
    takes just those, is the ordinary baseline at full strength, and every selector may choose from the same rows and
    more.

    Returns
    -------
    Tensor
        `[steps, super_batch_size]` int64, no row twice within a step.
    """
    stream = torch.empty(steps, super_batch_size, dtype=torch.int64)
    per_epoch = n_rows // batch_size
    epoch = torch.empty(0, dtype=torch.int64)
    for step in range(steps):
        position = step % per_epoch
        if position == 0:
            epoch = torch.randperm(n_rows, generator=generator)
        batch = epoch[position * batch_size : (position + 1) * batch_size]
        stream[step, :batch_size] = batch
        if super_batch_size > batch_size:
            taken = torch.zeros(n_rows, dtype=torch.bool)
            taken[batch] = True
            others = torch.randperm(n_rows, generator=generator)
            stream[step, batch_size:] = others[~taken[others]][: super_batch_size - batch_size]
    return stream
