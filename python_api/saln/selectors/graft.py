"""GRAFT: rows of maximal volume in the super-batch's leading subspace."""

from __future__ import annotations

import torch
from torch import Tensor

import saln_kernels
from saln.selectors.base import Offer
from saln.selectors.kinds.comparing import Comparing
from saln.selectors.registry import register
from saln.selectors.support.choices import at_least


@register
class GRAFT(Comparing):
    """Fast MaxVol on low-rank features (Jha, Phan, Dibo & Leplat 2025, arXiv 2508.13653).

    From the paper: low-rank features V `[M, R]` of the super-batch, columns in order of importance, and the rows that
    fast MaxVol picks of them, one a column. Left out: the paper also sets the size by how well the picks approximate
    the gradient, but the protocol's size is the caller's.

    *Guesses* about the paper's rule, of which no program was at hand to compare with: that V are the leading left
    singular vectors of the features as they are, neither centred nor scaled (`center`, `similarity` offer others), here
    found as eigenvectors of their Gram matrix; that they carry unit length and not their singular values; and that the
    pick of a column is nested, the row with the largest entry beside what those before explain. Choices of this project
    beyond it: the swaps of Goreinov et al. 2010 after the nested picks, which only enlarge the volume (`max_swaps=0`
    leaves them out); and, where the size is above `rank`, another round of picks among the rows left, and so on.

    O(M² d + M³) time for V and O(M R²) for the picks, O(M²) memory. Nothing is drawn; ties go to the lower row. Columns
    beyond the rank of the features belong to the eigenvalue 0 and say nothing: which rows they pick, all rows where
    these are alike, the solver decides, the same every time.

    Parameters
    ----------
    rank : int, optional
        R; the size when left out. At most the number of features for "linear" and "cosine".
    similarity : str
        Whose leading eigenvectors V is: "linear" for the features' own singular vectors, or another of
        `saln_kernels.gram`; "gradient" needs residuals.
    center : bool
        Take the mean off the rows first.
    max_swaps : int
    backend : str, optional
        As in `saln_kernels.maxvol`.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import GRAFT
    >>> features = torch.tensor([[3.0, 0.0], [2.0, 0.1], [0.0, 1.0], [0.1, 0.1]])
    >>> GRAFT().select(SuperBatch(features), 2)
    tensor([0, 2])
    """

    name = "graft"
    description = "rows of maximal volume in the leading subspace (fast MaxVol)"
    paper = "Jha et al. 2025, arXiv 2508.13653"

    def __init__(
        self,
        rank: int | None = None,
        *,
        similarity: str = "linear",
        center: bool = False,
        max_swaps: int = 100,
        backend: str | None = None,
    ) -> None:
        self.rank = None if rank is None else at_least("rank", rank, 1)
        self.similarity = similarity
        self.center = center
        self.max_swaps = at_least("max_swaps", max_swaps, 0)
        self.backend = backend

    def _choose(self, offer: Offer, size: int) -> Tensor:
        m = len(offer)
        most = offer.features.shape[1] if self.similarity in ("linear", "cosine") else m
        rank = min(size, most, self.rank or size)
        vectors = saln_kernels.topk_eigh(
            offer.features,
            offer.everything,
            rank,
            similarity=self.similarity,
            center=self.center,
            residuals=self.residuals(offer),
            check_bounds=False,
            backend=self.backend,
        ).vectors[0]  # [m, rank]
        left = torch.arange(m, device=offer.device)
        chosen: list[Tensor] = []
        for start in range(0, size, rank):
            count = min(rank, size - start)
            picked = saln_kernels.maxvol(
                vectors, left.unsqueeze(0), count, max_swaps=self.max_swaps, check_bounds=False, backend=self.backend
            ).positions[0]
            chosen.append(left[picked])
            left = left[torch.ones_like(left, dtype=torch.bool).index_fill_(0, picked, False)]
        return torch.cat(chosen)
