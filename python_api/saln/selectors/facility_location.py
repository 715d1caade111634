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
        return greedy_facility_location(self.gram(offer).clamp_min_(0), size)[0]


def greedy_facility_location(similarity: Tensor, size: int, served: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Places, int64 `[size]`, in the order of choice, and what each adds to f `[size]`.

    Parameters
    ----------
    similarity : Tensor [n, m]
        Of rows i to be served and rows j to choose from, without negative entries.
    size : int
        At most m.
    served : Tensor [n, 1], optional
        Of each row i, its best similarity to what was chosen elsewhere; 0 by default.

    Examples
    --------
    >>> import torch
    >>> from saln.selectors.facility_location import greedy_facility_location
    >>> similarity = torch.tensor([[1.0, 0.75, 0.0], [0.75, 1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> greedy_facility_location(similarity, 2)
    (tensor([0, 2]), tensor([1.7500, 1.0000]))
    """
    chosen = torch.empty(size, dtype=torch.int64, device=similarity.device)
    gains = similarity.new_empty(size)
    served = similarity.new_zeros(len(similarity), 1) if served is None else served
    with_each = torch.empty_like(similarity)
    for k in range(size):
        gain = torch.sub(similarity, served, out=with_each).clamp_min_(0).sum(dim=0)  # [m]
        if k:
            gain.index_fill_(0, chosen[:k], -1.0)
        chosen[k] = gain.argmax()
        gains[k] = gain[chosen[k]]
        served = torch.maximum(served, similarity.index_select(1, chosen[k : k + 1]))
    return chosen, gains
