"""Gaussian clouds with wrong labels, for tests of what judges labels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def blobs(n: int, d: int = 8, c: int = 4, apart: float = 4.0, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Clouds around one corner of a simplex for each class: features `[n, d]`, labels `[n]`."""
    source = torch.Generator().manual_seed(seed)
    labels = torch.randint(c, (n,), generator=source)
    return torch.randn(n, d, generator=source) + apart * F.one_hot(labels, d), labels


def seen_through(truth: Tensor, matrix: Tensor, seed: int = 1) -> Tensor:
    """Labels drawn from the noise matrix's row of each true class."""
    return torch.multinomial(matrix[truth], 1, generator=torch.Generator().manual_seed(seed)).squeeze(1)


def alike(noise: float, c: int) -> Tensor:
    return torch.full((c, c), noise / (c - 1)).fill_diagonal_(1 - noise)


def area(scores: Tensor, wrong: Tensor) -> float:
    """How often a wrong label scores below a right one: the area under the curve, ties counted by half."""
    low, high = scores[wrong].sort().values, scores[~wrong].contiguous()
    above = len(low) - torch.searchsorted(low, high, right=True)
    ties = torch.searchsorted(low, high, right=True) - torch.searchsorted(low, high)
    return 1 - float((above + 0.5 * ties).sum()) / (len(low) * len(high))
