"""Joint spectral growth: a batch grown in chunks, thousands of extensions scored at every step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from saln.selectors.base import Offer
from saln.selectors.jest import chunk_sizes
from saln.selectors.kinds.scoring import Scorer, Scoring
from saln.selectors.registry import register
from saln.selectors.support.candidates import uniform_candidates
from saln.selectors.support.choices import at_least


@register
class JointGrowth(Scoring):
    """At every step the chunk, of many proposed, that adds most to the spectrum of what is already chosen.

    This project's own, after JEST (Evans et al. 2024, arXiv 2406.17711), which grows a batch in chunks, each drawn
    given what is in already. Here every step proposes C chunks of the rows left and scores the C batches (chosen so far
    + chunk) in one call of `saln_kernels.score_batches`. A chunk's marginal gain is that score less the score of what
    is chosen, the same number for all C, so the scores themselves are compared; with "softmax" one is drawn in
    proportion to exp(gain / T). All of it is choice: uniform chunks, 8 of them.

    O(C Σ_t b_t³) time with b_t the rows chosen after step t, some C size³ n_chunks / 4, and O(M² d) for the
    similarities where the super-batch is compared as a whole first; O(C size + M²) memory. Among equal scores the first
    chunk wins, which with rows that are all alike is a uniform one.

    Parameters
    ----------
    n_candidates : int
        C.
    n_chunks : int
        At most as many as the size are used; 1 is `SpectralCandidates`.
    criterion, similarity, use_quality, backend, **score_options
        As in `SpectralCandidates`.
    choice : {"argmax", "softmax"}
    temperature : float or Schedule
        T of "softmax", in units of the score.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import JointGrowth
    >>> features = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> rows = JointGrowth(64, n_chunks=2).select(SuperBatch(features), 2, generator=torch.Generator().manual_seed(0))
    >>> 3 in rows
    True
    """

    name = "joint_growth"
    description = "grown in chunks, each the best of many by what it adds to the spectrum"
    paper = "this project; after Evans et al. 2024, arXiv 2406.17711"

    def __init__(self, n_candidates: int = 1024, *, n_chunks: int = 8, **options: Any) -> None:
        super().__init__(n_candidates, **options)
        self.n_chunks = at_least("n_chunks", n_chunks, 1)

    def _choose(self, offer: Offer, size: int) -> Tensor:
        m, scorer = len(offer), Scorer(offer, self)
        left = torch.arange(m, device=offer.device)
        chosen = left[:0]
        for chunk in chunk_sizes(size, self.n_chunks):
            chunks = uniform_candidates(left, self.n_candidates, chunk, generator=offer.generator)  # [C, chunk]
            batches = torch.cat([chosen.expand(len(chunks), -1), chunks], dim=1)  # [C, n + chunk]
            chosen = batches.index_select(0, self.best(offer, scorer.score(batches))).squeeze(0)
            free = torch.ones(m, dtype=torch.bool, device=offer.device).index_fill_(0, chosen, False)
            # Their number is known, so that an accelerator need not be asked for it.
            left = free.to(torch.int8).argsort(descending=True, stable=True)[: m - chosen.numel()]
        return chosen
