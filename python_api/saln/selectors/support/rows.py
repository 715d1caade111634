"""The rows of a super-batch as points, for the methods that compare them by distance."""

from __future__ import annotations

import torch
from torch import Tensor


def distance_rows(x: Tensor, similarity: str) -> Tensor:
    """Rows about their mean, `[m, d]`, of length 1 before that for "cosine".

    float64 for float64 features, else float32. Distances do not depend on the origin, and about the mean they lose no
    digits to an offset that all rows share. Rows that are all zero stay zero.

    >>> import torch
    >>> from saln.selectors.support.rows import distance_rows
    >>> distance_rows(torch.tensor([[1.0, 1e6], [3.0, 1e6]]), "linear")
    tensor([[-1.,  0.],
            [ 1.,  0.]])
    """
    x = x if x.dtype == torch.float64 else x.float()
    if similarity == "cosine":
        x = unit_rows(x)
    return x - x.mean(dim=0)


def unit_rows(x: Tensor) -> Tensor:
    """Rows `[m, d]` scaled to length 1, however large or small; those that are all zero stay zero."""
    largest = x.abs().amax(dim=1, keepdim=True) if x.shape[1] else x.new_ones(x.shape[0], 1)
    x = x / torch.where(largest > 0, largest, 1)
    length = x.square().sum(dim=1, keepdim=True).sqrt()
    return x / torch.where(length > 0, length, 1)
