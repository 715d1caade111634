"""Herding: rows whose running mean stays closest to the mean of all."""

from __future__ import annotations

import torch
from torch import Tensor

from saln.selectors.base import Offer
from saln.selectors.kinds.comparing import Comparing
from saln.selectors.registry import register
from saln.selectors.support.choices import one_of
from saln.selectors.support.rows import distance_rows

SIMILARITIES = ("linear", "cosine")


@register
class Herding(Comparing):
    """At each step the row that brings the mean of those chosen closest to the mean of all.

    From Welling 2009 (Herding dynamical weights to learn, ICML) and Chen, Welling & Smola 2010 (arXiv 1203.3472) with
    the identity as feature map; in the form of Rebuffi et al. 2017 (iCaRL, arXiv 1611.07725, alg. 4), the

        argmin_i ‖μ - (x_i + Σ_{j chosen} x_j) / (n + 1)‖,

    which is Welling's argmax of the inner product with his weights where all rows have one length. No row twice.

    With w = (n + 1) μ - Σ_{j chosen} x_j the row wanted has the largest 2 w·x_i - ‖x_i‖², and w·x_i changes by one
    product a step: O(M d size) time, O(M d) memory, no M x M matrix. Nothing is drawn; ties, all rows where they are
    alike, go to the lower row. Choices: the origin at the mean, which changes no distance and cancels nothing, and
    features as they are where iCaRL scales them to length 1.

    Parameters
    ----------
    similarity : {"linear", "cosine"}
        "cosine": of rows scaled to length 1, as in iCaRL.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import Herding
    >>> Herding().select(SuperBatch(torch.tensor([[0.0], [1.0], [2.0], [4.0], [8.0]])), 2)  # their mean is 3
    tensor([2, 3])
    """

    name = "herding"
    description = "the mean of the batch closest to the mean of the super-batch, row by row"
    paper = "Welling 2009; Rebuffi et al. 2017, arXiv 1611.07725"

    def __init__(self, *, similarity: str = "linear") -> None:
        self.similarity = one_of("similarity", similarity, SIMILARITIES)

    def _choose(self, offer: Offer, size: int) -> Tensor:
        # Distances do not depend on the origin; about the mean, μ is 0 and nothing cancels.
        return greedy_herding(distance_rows(offer.features, self.similarity), size)


def greedy_herding(x: Tensor, size: int, chosen: Tensor | None = None) -> Tensor:
    """Places, int64 `[size]`, in the order of choice, by rows `[m, d]` about the mean that is to be met.

    Parameters
    ----------
    x : Tensor [m, d]
    size : int
    chosen : Tensor [k], optional
        int64, places that count as chosen before.

    Examples
    --------
    >>> import torch
    >>> from saln.selectors.herding import greedy_herding
    >>> x = torch.tensor([[-3.0], [-2.0], [-1.0], [1.0], [5.0]])
    >>> greedy_herding(x, 2), greedy_herding(x, 1, torch.tensor([4]))
    (tensor([2, 3]), tensor([0]))
    """
    chosen = torch.empty(0, dtype=torch.int64, device=x.device) if chosen is None else chosen
    score = -x.square().sum(dim=1)  # 2 w·x_i - ‖x_i‖², [m]
    if len(chosen):
        score = score - 2 * (x @ x.index_select(0, chosen).sum(dim=0))
        score.index_fill_(0, chosen, -torch.inf)
    places = torch.empty(size, dtype=torch.int64, device=x.device)
    for n in range(size):
        best = score.argmax()
        places[n] = best
        change = 2 * (x @ x.index_select(0, best.view(1)).squeeze(0))
        score = (score - change).index_fill(0, places[: n + 1], -torch.inf)
    return places
