"""What every look at a dataset asks of its rows."""

from __future__ import annotations

import torch
from torch import Tensor

from saln.mapping import check

READ_AT_ONCE = 1 << 22
"""Numbers that are read at a time."""


def finite_rows(x: Tensor) -> Tensor:
    """Which rows of `[N, d]` are finite, `[N]` bool; read in parts.

    Examples
    --------
    >>> import torch
    >>> from saln.inspection.rows import finite_rows
    >>> finite_rows(torch.tensor([[1.0, 2.0], [3.0, torch.nan]]))
    tensor([ True, False])
    """
    found = []
    for part in torch.split(x, parts_of(x.shape[1])):
        check(part)
        found.append(part.isfinite().all(dim=1))
    return torch.cat(found) if found else torch.ones(0, dtype=torch.bool, device=x.device)


def parts_of(width: int) -> int:
    """Rows of a width that are read at a time."""
    return max(1, READ_AT_ONCE // max(1, width))


def check_features(features: Tensor) -> None:
    """Raise a ValueError unless features are `[N, d]` of a floating dtype."""
    if features.ndim != 2 or not features.is_floating_point():
        raise ValueError(f"features is {list(features.shape)} of {features.dtype}, want [N, d] of a floating dtype")


def check_probabilities(probabilities: Tensor, n: int, columns: int, what: str) -> None:
    """Raise a ValueError unless probabilities are `[n, columns]`, and probabilities; what the columns stand for."""
    if probabilities.ndim != 2 or len(probabilities) != n:
        raise ValueError(f"probabilities is {list(probabilities.shape)}, want [{n}, {columns}]")
    if probabilities.shape[1] != columns:
        raise ValueError(f"probabilities has {probabilities.shape[1]} columns, {what}")
    if bool(((probabilities < 0) | (probabilities > 1)).any()):
        raise ValueError("probabilities has values outside 0 to 1, want probabilities, not logits")
