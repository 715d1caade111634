"""k-center greedy: always the row farthest from those already chosen."""

from __future__ import annotations

from torch import Tensor

import saln_kernels
from saln.selectors.base import Offer
from saln.selectors.kinds.comparing import Comparing
from saln.selectors.registry import register
from saln.selectors.support.choices import one_of
from saln.selectors.support.rows import distance_rows

SIMILARITIES = ("linear", "cosine")
STARTS = ("center", "random")


@register
class KCenter(Comparing):
    """Core-set by farthest-first traversal (Sener & Savarese 2018, arXiv 1708.00489, alg. 1; Gonzalez 1985).

    The radius, the largest distance of any row to the nearest one chosen, is at most twice the best possible for that
    many rows (Gonzalez 1985). The paper starts from what is labelled already; a super-batch has nothing
    of the kind, and where to start is a choice: the row nearest the mean of all, or one drawn.

    O(M d size) time, O(M d) memory: neither an M x M nor a size x M matrix of distances. With the start "center"
    nothing is drawn; ties go to the lower row, and so do copies of rows already chosen once nothing else is left.

    Parameters
    ----------
    similarity : {"linear", "cosine"}
        Euclidean distance of the rows, or of the rows scaled to length 1.
    start : {"center", "random"}
    backend : str, optional
        As in `saln_kernels.k_center`.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import KCenter
    >>> KCenter().select(SuperBatch(torch.tensor([[0.0], [1.0], [2.0], [9.0]])), 3)  # their mean is 3
    tensor([2, 3, 0])
    """

    name = "k_center"
    description = "always the sample farthest from those already kept"
    paper = "Sener & Savarese 2018, arXiv 1708.00489"

    def __init__(self, *, similarity: str = "linear", start: str = "center", backend: str | None = None) -> None:
        self.similarity = one_of("similarity", similarity, SIMILARITIES)
        self.start = one_of("start", start, STARTS)
        self.backend = backend

    def _choose(self, offer: Offer, size: int) -> Tensor:
        if self.start == "center":
            start = distance_rows(offer.features, self.similarity).square().sum(dim=1).argmin()
        else:
            start = (offer.uniform() * len(offer)).long()
        chosen = saln_kernels.k_center(
            offer.features,
            offer.everything,
            size,
            similarity=self.similarity,
            start=start.view(1),
            backend=self.backend,
        )
        return chosen.positions[0]
