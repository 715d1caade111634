"""DivBS: rows whose span holds as much as possible of the super-batch's mean gradient."""

from __future__ import annotations

import torch
from torch import Tensor

from saln.selectors.base import Offer
from saln.selectors.kinds.comparing import Comparing
from saln.selectors.registry import register
from saln.selectors.support.choices import one_of

CHOICES = ("argmax", "draw")


@register
class DivBS(Comparing):
    """Diversified batch selection (Hong et al. 2024, arXiv 2406.04872).

    A batch represents the super-batch by the part of the mean gradient ḡ that lies in the span of its own gradients, so
    that what two of them share counts once (group-wise orthogonalised representativeness). Greedily, with r what is
    left of ḡ beside the span of those chosen,

        i = argmax |g_i·r|,   e = the part of g_i orthogonal to the span, of length 1,   r <- r - (r·e) e.

    From the paper: objective, last-layer gradients and the greedy rule with the raw inner product. The authors' public
    program draws i with probability ∝ |g_i·r| instead of taking the largest: `choice="draw"`. Choices: once r is no
    more than rounding, the rest of the batch is uniform, as in that program, and all of it without a gradient.

    Only inner products are needed, so that the gradients' Gram matrix K serves in their place: ḡ·g_i is a row mean of
    K, and e a column of its pivoted Cholesky factor. O(M² (d + c) + M size²) time, O(M²) memory, c the classes.

    Parameters
    ----------
    similarity : str
        "gradient" (needs residuals), or "linear", "cosine" or "rbf" for features in place of gradients.
    choice : {"argmax", "draw"}
    backend : str, optional
        As in `saln_kernels.gram`.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import DivBS
    >>> features = torch.tensor([[2.0, 0.0], [1.9, 0.0], [0.0, 1.0]])  # the second adds nothing to the first
    >>> DivBS(similarity="linear").select(SuperBatch(features), 2)
    tensor([0, 2])
    """

    name = "divbs"
    description = "batch whose span holds most of the mean gradient; greedy"
    paper = "Hong et al. 2024, arXiv 2406.04872"

    def __init__(self, *, similarity: str = "gradient", choice: str = "argmax", backend: str | None = None) -> None:
        self.similarity = similarity
        self.choice = one_of("choice", choice, CHOICES)
        self.backend = backend

    def _choose(self, offer: Offer, size: int) -> Tensor:
        products = self.gram(offer).double()  # [m, m]
        noise = offer.gumbel(size, len(offer)) if self.choice == "draw" else None
        return span_the_mean(products, size, noise, last_resort=offer.uniform(len(offer)))


def span_the_mean(products: Tensor, size: int, noise: Tensor | None, last_resort: Tensor) -> Tensor:
    """Places, int64 `[size]`, in the order of choice.

    Parameters
    ----------
    products : Tensor [m, m]
        float64 inner products of the gradients.
    size : int
    noise : Tensor [size, m] or None
        Gumbel noise on the logarithms, to draw; None takes the largest.
    last_resort : Tensor [m]
        Positive; where nothing of the mean is left, the largest come first.
    """
    m = products.shape[0]
    rounding = m * torch.finfo(torch.float32).eps
    along = products.mean(dim=1)  # g_i·r
    nothing = rounding * along.abs().amax()
    left = products.diagonal().clone()  # ‖g_i‖² beside the span
    vanished = rounding * left
    basis = products.new_zeros(m, size)  # g_i·e of the directions so far
    chosen = torch.empty(size, dtype=torch.int64, device=products.device)
    free = products.new_ones(m)
    for n in range(size):
        weight = torch.where(left > vanished, along.abs(), 0) * free
        weight = torch.where(weight.amax() > nothing, weight, last_resort * free)
        best = (weight if noise is None else weight.log() + noise[n]).argmax().view(1)
        chosen[n : n + 1] = best
        free = free.index_fill(0, best, 0.0)
        pivot = left.index_select(0, best)
        scale = torch.where(pivot > vanished.index_select(0, best), pivot, torch.inf).rsqrt()
        column = products.index_select(0, best).squeeze(0) - basis @ basis.index_select(0, best).squeeze(0)
        column = column * scale  # [m], zero where the row brings no direction of its own
        basis[:, n] = column
        along = along - column * along.index_select(0, best) * scale
        left = left - column.square()
    return chosen
