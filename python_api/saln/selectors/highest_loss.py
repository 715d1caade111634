"""Highest loss: the samples that the learner is worst at."""

from __future__ import annotations

from torch import Tensor

from saln.selectors.base import Offer, Selector
from saln.selectors.registry import register
from saln.selectors.support.chance import largest


@register
class HighestLoss(Selector):
    """Keep the largest losses.

    O(M log M) time, O(M) memory. Nothing is drawn; ties go to the lower row.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import HighestLoss
    >>> HighestLoss().select(SuperBatch(torch.zeros(3, 1), losses=torch.tensor([0.1, 3.0, 2.0])), 1)
    tensor([1])
    """

    name = "highest_loss"
    description = "largest learner loss"
    paper = "this project"
    reads = ("losses",)

    def _choose(self, offer: Offer, size: int) -> Tensor:
        return largest(offer["losses"], size)
