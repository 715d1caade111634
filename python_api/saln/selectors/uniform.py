"""Uniform: the baseline every other method has to beat."""

from __future__ import annotations

from torch import Tensor

from saln.selectors.base import Offer, Selector
from saln.selectors.registry import register


@register
class Uniform(Selector):
    """Every set of `size` rows is equally likely.

    Rows with a feature that is not finite are left out, so that every method chooses from the same samples. O(M d) to
    look for them and O(M log M) to draw, O(M) memory.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import Uniform
    >>> rows = Uniform().select(SuperBatch(torch.randn(20, 3)), 5, generator=torch.Generator().manual_seed(0))
    >>> rows.shape, rows.unique().numel()
    (torch.Size([5]), 5)
    """

    name = "uniform"
    description = "every sample equally likely; the baseline"
    paper = "-"
    reads = ()
    finite_in = ("features",)
    chooses_all = True

    def _choose(self, offer: Offer, size: int) -> Tensor:
        return offer.shuffled(len(offer))[:size]
