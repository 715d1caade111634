"""The one rule of accuracy.

Against float64, a result may err at most twice as much as the same formula in plain torch at the result's precision,
plus a floor of a few units of roundoff. Errors are in units of a scale per candidate, and the worst of the call counts
on both sides: a single lucky rounding of plain torch is no standard.
"""

import torch
from torch import Tensor

# In units of roundoff of the scale. For float64 results the truth is no more precise than they are: its own rounding,
# some multiple of the order of the matrix, has to fit in.
FLOOR = {torch.float32: 8, torch.float64: 128}


def worst(result: Tensor, exact: Tensor, scale: Tensor) -> float:
    """Largest error of any entry of [C, ..], in units of its candidate's scale [C]; plain where that is 0."""
    count = len(exact)
    error = (result.double() - exact.double()).abs().reshape(count, -1).amax(dim=1)
    return float((error / torch.where(scale > 0, scale.double(), 1.0)).max())


def assert_as_accurate(result: Tensor, exact: Tensor, plain: Tensor, scale: Tensor | None = None) -> None:
    """Apply the rule; a candidate's scale is the largest magnitude of its exact entries unless given as [C]."""
    assert result.shape == exact.shape, f"shape {list(result.shape)}, wanted {list(exact.shape)}"
    assert torch.equal(torch.isnan(result), torch.isnan(exact)), "NaN where there should be none, or the reverse"
    if exact.numel() == 0:
        return
    result, exact, plain = result.nan_to_num(0), exact.nan_to_num(0), plain.nan_to_num(0)
    if scale is None:
        scale = exact.abs().reshape(len(exact), -1).amax(dim=1)
    error, standard = worst(result, exact, scale), worst(plain, exact, scale)
    floor = FLOOR[result.dtype] * torch.finfo(result.dtype).eps
    assert error <= 2 * standard + floor, f"error {error:.3g}, plain torch {standard:.3g}, floor {floor:.3g}"
