"""Spectral candidates: propose many sub-batches, score their spectra in one call, take one."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from saln.selectors.base import Offer
from saln.selectors.kinds.scoring import Scorer, Scoring
from saln.selectors.registry import register
from saln.selectors.support.candidates import stratified_candidates, uniform_candidates
from saln.selectors.support.choices import one_of

CANDIDATES = ("uniform", "stratified", "grown")
GROWTH_RIDGE = 0.1  # as in LogDet


@register
class SpectralCandidates(Scoring):
    """The best of many proposed sub-batches by a spectral criterion, or one drawn in proportion to exp(score / T).

    This project's own, without a paper. All candidates are scored in one call of `saln_kernels.score_batches`: with C
    candidates of b rows in d dimensions O(C b³) time and O(C b) memory, and for the similarities O(M² d) time and O(M²)
    memory where the super-batch is small enough to be compared as a whole first, else O(C b² d) time and no memory.
    Proposing costs O(C M). Among equal scores the first candidate wins, which with rows that are all alike is a uniform
    batch.

    Parameters
    ----------
    n_candidates : int
        C.
    criterion : str
        As in `saln_kernels.score_batches`; the larger score wins.
    similarity : str
        As in `saln_kernels.score_batches`; "gradient" needs residuals in the super-batch.
    candidates : {"uniform", "stratified", "grown"}
        "stratified" keeps the super-batch's proportions of labels, which it needs. "grown": each is the greedy log-det
        choice (as in `LogDet`) from a uniform draw of `growth` times its size, which costs O(C growth b² (d + b)) time.
    choice : {"argmax", "softmax"}
    temperature : float or Schedule
        T of "softmax", in units of the score.
    growth : float
        Of "grown", above 1: how many times the size each candidate is grown from, as far as there are rows. A guess.
    use_quality : bool
        Weight the rows by the super-batch's quality.
    backend : str, optional
        As in `saln_kernels.score_batches`.
    **score_options
        Further options of `saln_kernels.score_batches`: k, q, sigma, center, gamma, laplacian, negative, solver, ...

    Examples
    --------
    Of two directions, the batch that holds both:

    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import SpectralCandidates
    >>> features = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> rows = SpectralCandidates(64).select(SuperBatch(features), 2, generator=torch.Generator().manual_seed(0))
    >>> 3 in rows
    True
    """

    name = "spectral_candidates"
    description = "the best of many proposed batches by a spectral criterion"
    paper = "this project"

    def __init__(
        self, n_candidates: int = 1024, *, candidates: str = "uniform", growth: float = 2.0, **options: Any
    ) -> None:
        super().__init__(n_candidates, **options)
        self.candidates = one_of("candidates", candidates, CANDIDATES)
        if not 1 < growth < float("inf"):
            raise ValueError(f"growth is {growth}, want a number above 1")
        self.growth = growth

    @property
    def reads(self) -> tuple[str, ...]:
        """As in `Selector`."""
        return (*super().reads, *(("labels",) if self.candidates == "stratified" else ()))

    def _choose(self, offer: Offer, size: int) -> Tensor:
        scorer = Scorer(offer, self)
        candidates = self._propose(offer, size, scorer)  # [C, size]
        scores = self._score(offer, candidates, scorer)  # [C]
        return candidates.index_select(0, self.best(offer, scores)).squeeze(0)

    def _propose(self, offer: Offer, size: int, scorer: Scorer) -> Tensor:
        m, count, generator = len(offer), self.n_candidates, offer.generator
        if self.candidates == "stratified":
            return stratified_candidates(offer["labels"], count, size, generator=generator)
        if self.candidates == "uniform":
            return uniform_candidates(m, count, size, generator=generator).to(offer.device)
        pools = uniform_candidates(m, count, min(m, round(self.growth * size)), generator=generator).to(offer.device)
        return scorer.grow(pools, size, GROWTH_RIDGE)

    def _score(self, offer: Offer, candidates: Tensor, scorer: Scorer) -> Tensor:
        return scorer.score(candidates)
