"""The columns of a table as features whose cosine similarities say something."""

from __future__ import annotations

import torch
from torch import Tensor

FARTHEST = 8.0
"""Standard deviations beyond which a value counts as so many, so that one wild value does not decide alone."""


def standardised(x: Tensor) -> tuple[Tensor, float]:
    """Columns of mean 0 and standard deviation 1, the median of a column where a value is missing.

    Parameters
    ----------
    x : Tensor
        `[N, d]`; NaN or infinite where a value is missing.

    Returns
    -------
    Tensor, float
        `[N, d]` float32, and the share of values that were missing. Columns that do not vary, or hold nothing, are 0.

    Examples
    --------
    >>> import torch
    >>> found, missing = standardised(torch.tensor([[1.0, 5.0], [3.0, 5.0], [float("nan"), 5.0], [3.0, 5.0]]))
    >>> found[:, 0].tolist(), found[:, 1].tolist(), missing
    ([-1.7320507764816284, 0.5773502588272095, 0.5773502588272095, 0.5773502588272095], [0.0, 0.0, 0.0, 0.0], 0.125)
    """
    missing = ~x.isfinite()
    known = x.float().masked_fill(missing, torch.nan)
    middle = known.nanmedian(dim=0).values.nan_to_num()
    filled = torch.where(missing, middle, known)
    spread, centre = torch.std_mean(filled, dim=0, correction=0)
    per_spread = torch.where(spread > 1e-6 * centre.abs(), 1 / spread, 0.0)  # less is rounding
    return ((filled - centre) * per_spread).clamp(-FARTHEST, FARTHEST), float(missing.float().mean())
