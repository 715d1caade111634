"""How large values may be that are squared and summed, and rows that count by their direction alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor

from saln.superbatch import SuperBatch

SQUARED = ("features", "residuals", "quality")
"""Fields whose squared lengths are multiplied in an entry of a Gram matrix, as far as a method reads them."""
SUMMED = 2.0**16
"""So many entries may be summed without overflow."""
MODERATE = 2.0**40
"""Rows whose largest entry lies between this and its inverse have squares that neither overflow nor vanish."""


def fits(super_batch: SuperBatch, reach: Mapping[str, Tensor]) -> Tensor:
    """Of which rows the entries of a Gram matrix can be summed in the dtype they are computed in: bool `[M]`.

    Parameters
    ----------
    super_batch : SuperBatch
    reach : mapping of str to Tensor [M]
        The largest magnitude of each row, of the fields of `SQUARED` that are multiplied.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors.support.range import fits
    >>> super_batch = SuperBatch(torch.tensor([[1e15], [1e20]]))
    >>> fits(super_batch, {"features": super_batch.reach("features")})
    tensor([ True, False])
    """
    features = super_batch.features
    product = torch.ones(len(super_batch), dtype=torch.float64, device=super_batch.device)
    for name, each in reach.items():
        value: Tensor = getattr(super_batch, name)
        product = product * each.double().square() * (value.shape[1] if value.dim() > 1 else 1)
    computed = torch.float64 if features.dtype == torch.float64 else torch.float32
    return product <= torch.finfo(computed).max / SUMMED


def near_one(samples: SuperBatch) -> SuperBatch:
    """Features of which rows that are very long or short are scaled by a power of two: no direction changes.

    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors.support.range import near_one
    >>> near_one(SuperBatch(torch.tensor([[3.0, 4.0], [2.0**100, 2.0**99]]))).features
    tensor([[3.0000, 4.0000],
            [0.5000, 0.2500]])
    """
    reach = samples.reach("features")
    far = (reach > MODERATE) | ((reach < 1 / MODERATE) & (reach > 0))
    if not bool(far.any()):
        return samples
    x = samples.features.double()
    exponent = torch.where(far, torch.frexp(reach.double()).exponent, 0)
    scaled = torch.ldexp(x, -exponent.unsqueeze(1)).to(samples.features.dtype)
    return dataclasses.replace(samples, features=scaled)
