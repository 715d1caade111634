"""Lowest degree: the ablation of SALN that needs no eigenvector."""

from __future__ import annotations

import torch
from torch import Tensor

from saln.selectors.base import Offer
from saln.selectors.kinds.comparing import Comparing
from saln.selectors.registry import register
from saln.selectors.support.chance import largest
from saln.selectors.support.choices import one_of
from saln.selectors.support.rows import unit_rows

NEGATIVE = ("clamp", "keep")


@register
class LowestDegree(Comparing):
    """Keep the samples least similar to all the others together.

    This project's ablation of SALN, without a paper: the magnitude of a Fiedler vector's entry goes with a low degree
    D_ii = Σ_{j≠i} S_ij of the similarity graph (Sharifi 2024's L = D - S), so that a rule on the degree alone says what
    the eigenvector adds.

    O(M² d) time and O(M²) memory with "clamp"; O(M d) and O(M + d) with "keep" and the similarities "linear" and
    "cosine", where the degrees are one product with the sum of all rows. Nothing is drawn; ties, all rows where
    they are alike, go to the lower row. Rows of zeros are similar to none and come first under "cosine".

    Parameters
    ----------
    similarity : str
        As in `saln_kernels.gram`.
    negative : {"clamp", "keep"}
        Whether negative similarities count as 0, as in SALN's default, or as they are.
    backend : str, optional
        As in `saln_kernels.gram`.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import LowestDegree
    >>> LowestDegree().select(SuperBatch(torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.0, 0.2], [0.1, 1.0]])), 1)
    tensor([3])
    """

    name = "lowest_degree"
    description = "least similar to the rest of the super-batch; SALN without its eigenvector"
    paper = "this project"

    def __init__(self, *, similarity: str = "cosine", negative: str = "clamp", backend: str | None = None) -> None:
        self.similarity = similarity
        self.negative = one_of("negative", negative, NEGATIVE)
        self.backend = backend

    def _choose(self, offer: Offer, size: int) -> Tensor:
        return largest(-self._degrees(offer), size)

    def _degrees(self, offer: Offer) -> Tensor:
        if self.negative == "keep" and self.similarity in ("linear", "cosine"):
            x = offer.features if offer.features.dtype == torch.float64 else offer.features.float()  # [m, d]
            x = unit_rows(x) if self.similarity == "cosine" else x
            return x @ x.sum(dim=0) - x.square().sum(dim=1)
        weights = self.gram(offer)  # [m, m]
        if self.negative == "clamp":
            weights = weights.clamp_min_(0)
        return weights.fill_diagonal_(0).sum(dim=1)
