"""Facility location: rows among which every row of the super-batch has one that resembles it."""

from __future__ import annotations

import torch
from torch import Tensor

from saln.selectors.base import Offer
from saln.selectors.kinds.comparing import Comparing
from saln.selectors.registry import register


@register
class FacilityLocation(Comparing):
    """Greedy maximum of f(S) = Σ_i max_{j in S} s_ij over the rows i of the super-batch.

    The uncapacitated facility location function (Cornuéjols, Fisher & Nemhauser 1977), whose greedy maximum is within
    1 - 1/e of the best (Nemhauser, Wolsey & Fisher 1978); in core-set selection Mirzasoleiman, Bilmes &
    Leskovec 2020 (CRAIG, arXiv 1906.01827). With f of the empty set 0 the bound needs s_ij >= 0, so negative
    similarities count as 0, a choice.

    O(M² d + M² size) time, O(M²) memory. The gains of all rows are computed at every step rather than lazily: without a
    queue there is nothing for an accelerator to wait for. Nothing is drawn; ties go to the lower row, and so do the
    rows left once every row has its like among those chosen.

    Parameters
    ----------
    similarity : str
        As in `saln_kernels.gram`; "gradient" needs residuals.
    backend : str, optional
        As in `saln_kernels.gram`.

    Examples
    --------
    Two directions, and the row in the middle of the larger bundle:

    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import FacilityLocation
    >>> features = torch.tensor([[1.0, 0.2, 0.0], [1.0, 0.0, 0.0], [1.0, -0.2, 0.0], [0.0, 0.0, 1.0]])
    >>> FacilityLocation().select(SuperBatch(features), 2)
    tensor([1, 3])
    """

    name = "facility_location"
    description = "every sample resembles one that is kept; greedy"
    paper = "Nemhauser et al. 1978; Mirzasoleiman et al. 2020, arXiv 1906.01827"

    def __init__(self, *, similarity: str = "cosine", backend: str | None = None) -> None:
        self.similarity = similarity
        self.backend = backend

    def _choose(self, offer: Offer, size: int) -> Tensor:
        return greedy_facility_location(self.gram(offer).clamp_min_(0), size)


def greedy_facility_location(similarity: Tensor, size: int) -> Tensor:
    """Places, int64 `[size]`, in the order of choice, by a symmetric similarity `[m, m]` without negative entries.

    >>> import torch
    >>> from saln.selectors.facility_location import greedy_facility_location
    >>> greedy_facility_location(torch.tensor([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]]), 2)
    tensor([0, 2])
    """
    m = similarity.shape[0]
    chosen = torch.empty(size, dtype=torch.int64, device=similarity.device)
    served = similarity.new_zeros(m, 1)  # of each row i, the best similarity to those chosen
    with_each = torch.empty_like(similarity)
    for n in range(size):
        value = torch.maximum(similarity, served, out=with_each).sum(dim=0)  # [m], f with each row
        if n:
            value.index_fill_(0, chosen[:n], -1.0)
        chosen[n] = value.argmax()
        served = torch.maximum(served, similarity.index_select(0, chosen[n : n + 1]).T)
    return chosen
