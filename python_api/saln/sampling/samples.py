"""The samples of a dataset out of what a caller has of them: features alone, or a super-batch of all of it."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from saln.superbatch import SuperBatch


def samples_of(features: Tensor | SuperBatch, labels: Tensor | None = None) -> SuperBatch:
    """All samples of a dataset, with indices: row i is that of index i where they are not given.

    Parameters
    ----------
    features : Tensor [N, d] or SuperBatch
    labels : Tensor [N], optional
        Beside a tensor; a SuperBatch has them inside.

    Raises
    ------
    TypeError
        If features is neither tensor nor SuperBatch, as when a trainer makes a sampler anew around one of its own.
    ValueError
        If labels are given twice.

    Examples
    --------
    >>> import torch
    >>> from saln.sampling.samples import samples_of
    >>> samples_of(torch.eye(3), labels=torch.tensor([0, 1, 0])).indices
    tensor([0, 1, 2])
    """
    if isinstance(features, Tensor):
        samples = SuperBatch(features, labels=labels)
    elif not isinstance(features, SuperBatch):
        raise TypeError(
            f"features is a {type(features).__name__}, want a tensor [N, d] or a SuperBatch. If a trainer made this "
            "sampler anew around a sampler of its own, tell it not to: with Lightning, "
            "Trainer(use_distributed_sampler=False)"
        )
    elif labels is not None:
        raise ValueError("labels are given twice: leave them in the SuperBatch")
    else:
        samples = features
    if samples.indices is None:
        samples = dataclasses.replace(samples, indices=torch.arange(len(samples), device=samples.device))
    return samples
