"""How many rows each class gives."""

from __future__ import annotations

import torch
from torch import Tensor


def quotas(available: Tensor, taken: Tensor, size: int, weights: Tensor) -> Tensor:
    """Rows that each class gives, so that with those taken already classes are as near to their shares as can be.

    Each class gives what brings it to one level, level × weight, as far as it has rows; fractions go to the largest
    remainders, the first among equals.

    Parameters
    ----------
    available : Tensor [C]
        int64, rows of each class that may be kept.
    taken : Tensor [C]
        int64, rows of each class that are chosen already.
    size : int
        In all, at most the sum of those available.
    weights : Tensor [C]
        The shares wanted, up to a factor: 1 each for equal ones.

    Returns
    -------
    Tensor [C]
        int64, sums to size.

    Examples
    --------
    >>> import torch
    >>> from saln.pruning.quotas import quotas
    >>> available, none = torch.tensor([60, 30, 10]), torch.zeros(3, dtype=torch.int64)
    >>> quotas(available, none, 10, weights=available), quotas(available, none, 60, weights=torch.ones(3))
    (tensor([6, 3, 1]), tensor([25, 25, 10]))
    >>> quotas(available, torch.tensor([9, 0, 0]), 12, weights=torch.ones(3))
    tensor([0, 6, 6])
    """
    most, weights = available.double(), weights.double()

    def given(level: float) -> Tensor:
        return torch.minimum((level * weights - taken).clamp_min(0), most)

    below, above = 0.0, float(((available + taken) / weights.clamp_min(1e-9)).amax()) if len(weights) else 0.0
    for _ in range(100):
        level = (below + above) / 2
        below, above = (level, above) if float(given(level).sum()) < size else (below, level)
    exact = given(above)
    counts = exact.add(1e-9).floor().long()
    missing = size - int(counts.sum())
    remainders = torch.where(counts < available, exact - counts, -1.0)
    counts[remainders.argsort(descending=True, stable=True)[:missing]] += 1
    return counts
