"""SALN: part of the super-batch by its Fiedler vector."""

from __future__ import annotations

import torch
from torch import Tensor

import saln_kernels
from saln.selectors.base import Offer
from saln.selectors.kinds.comparing import Comparing
from saln.selectors.registry import register
from saln.selectors.support.choices import one_of

KEEP = ("abs", "positive", "negative", "both_ends", "near_zero")


@register
class SALN(Comparing):
    """Keep samples by their entry v of the Fiedler vector of the super-batch's similarity graph.

    From Sharifi 2024 (arXiv 2412.17069): cosine similarity S of features of a pretrained network, the Laplacian
    L = D - S, its Fiedler vector v, and part of the batch kept by v. Which part could not be established from the
    paper, so `keep` offers every reading, and none of them is "the" rule of the paper; the default is a choice:
    "abs" keeps outlying samples and does not depend on the sign of v, which is arbitrary. How negative similarities are
    treated is a choice, too, since a Laplacian with negative weights may be indefinite.

    The features' super-batch is one candidate of `saln_kernels.fiedler`: O(M² d + M³) time, O(M²) memory. Nothing is
    drawn: the generator is not used, and ties go to the lower row. Where λ₂ is not simple (rows all alike, or three
    clusters without a tie between them) v is one of many, which one the solver decides, the same every time.

    Parameters
    ----------
    keep : {"abs", "positive", "negative", "both_ends", "near_zero"}
        "abs": the largest magnitudes. "positive": the largest v. "negative": the smallest v. "both_ends": half the size
        from either end of v, an odd one from the end that reaches further. "near_zero": the smallest magnitudes, those
        between the two sides of the cut. "positive" and "negative" hang on the kernel's sign convention (the entry of
        largest magnitude is positive).
    similarity : str
        As in `saln_kernels.fiedler`, "cosine" in the paper.
    negative : {"clamp", "shift", "keep"}
        What becomes of negative similarities: 0, all weights moved up by the least, or kept.
    laplacian : {"unnormalized", "symmetric"}
        "unnormalized" in the paper.
    backend : str, optional
        As in `saln_kernels.fiedler`.

    Examples
    --------
    A tight cluster and one sample apart, which the default keeps:

    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import SALN
    >>> features = torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.0, 0.2], [0.1, 1.0]])
    >>> SALN().select(SuperBatch(features), 1)
    tensor([3])
    """

    name = "saln"
    description = "part of the super-batch by the Fiedler vector of its similarity graph"
    paper = "Sharifi 2024, arXiv 2412.17069"

    def __init__(
        self,
        keep: str = "abs",
        *,
        similarity: str = "cosine",
        negative: str = "clamp",
        laplacian: str = "unnormalized",
        backend: str | None = None,
    ) -> None:
        self.keep = one_of("keep", keep, KEEP)
        self.similarity = similarity
        self.negative = negative
        self.laplacian = laplacian
        self.backend = backend

    def _choose(self, offer: Offer, size: int) -> Tensor:
        vector = saln_kernels.fiedler(
            offer.features,
            offer.everything,
            similarity=self.similarity,
            residuals=self.residuals(offer),
            laplacian=self.laplacian,
            negative=self.negative,
            check_bounds=False,
            backend=self.backend,
        ).vector[0]  # [m]
        return keep_by_vector(vector, size, self.keep)


def keep_by_vector(vector: Tensor, size: int, keep: str) -> Tensor:
    """Places, int64 `[size]`, of the entries of `vector` `[m]` that a keep rule of `SALN` takes.

    "abs", "both_ends" and "near_zero" give the same set for v and -v.
    """
    if keep == "abs":
        return vector.abs().argsort(descending=True, stable=True)[:size]
    if keep == "near_zero":
        return vector.abs().argsort(stable=True)[:size]
    if keep == "positive":
        return vector.argsort(descending=True, stable=True)[:size]
    if keep == "negative":
        return vector.argsort(stable=True)[:size]
    half = size // 2
    low = vector.argsort(stable=True)[:half]
    middle = torch.ones_like(vector, dtype=torch.bool).index_fill(0, low, False)
    high = vector.masked_fill(~middle, -torch.inf).argsort(descending=True, stable=True)[:half]
    ends = torch.cat([low, high])
    if size % 2 == 0:
        return ends
    # What is left lies between the two ends, so its largest magnitude is the next entry of the end reaching further.
    left = vector.abs().index_fill(0, ends, -1.0)
    return torch.cat([ends, left.argmax().unsqueeze(0)])
