"""Spectral candidates: propose many sub-batches, score their spectra in one call, take one."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from saln.selectors.base import SelectionReport, eligible_rows, gumbel
from saln.selectors.support.candidates import stratified_candidates, uniform_candidates
from saln.selectors.support.choices import one_of
from saln.selectors.support.schedule import Schedule, positive_throughout, value_at
from saln.selectors.support.scoring import Scorer, known_score_options
from saln.superbatch import SuperBatch

CANDIDATES = ("uniform", "stratified", "grown")
CHOICES = ("argmax", "softmax")
GROWTH_RIDGE = 0.1  # as in LogDet


class SpectralCandidates:
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

    Raises
    ------
    ValueError
        If an option has no such value or is not positive; from `select`, if the size does not fit or the super-batch
        lacks a tensor.
    TypeError
        If there is no such option.

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

    name: ClassVar[str] = "spectral_candidates"
    description: ClassVar[str] = "the best of many proposed batches by a spectral criterion"
    paper: ClassVar[str] = "this project"
    needs: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        n_candidates: int = 1024,
        *,
        criterion: str = "effective_rank",
        similarity: str = "cosine",
        candidates: str = "uniform",
        choice: str = "argmax",
        temperature: float | Schedule = 1.0,
        growth: float = 2.0,
        use_quality: bool = False,
        backend: str | None = None,
        **score_options: Any,
    ) -> None:
        if n_candidates < 1:
            raise ValueError(f"n_candidates is {n_candidates}, want at least 1")
        self.n_candidates = n_candidates
        self.criterion = criterion
        self.similarity = similarity
        self.candidates = one_of("candidates", candidates, CANDIDATES)
        self.choice = one_of("choice", choice, CHOICES)
        self.temperature = positive_throughout("temperature", temperature)
        if not 1 < growth < float("inf"):
            raise ValueError(f"growth is {growth}, want a number above 1")
        self.growth = growth
        self.use_quality = use_quality
        self.backend = backend
        self.score_options = known_score_options(score_options)
        self.progress = 0.0
        self.last_report: SelectionReport | None = None

    @torch.no_grad()
    def select(self, super_batch: SuperBatch, size: int, *, generator: torch.Generator | None = None) -> Tensor:
        """As in `Selector`."""
        reads = ["features"]
        reads += ["residuals"] if self.similarity == "gradient" else []
        reads += ["quality"] if self.use_quality else []
        rows, self.last_report = eligible_rows(super_batch, size, reads, by=self.name)
        if size in (0, rows.numel()):
            return rows[:size]
        scorer = Scorer(
            super_batch,
            rows,
            similarity=self.similarity,
            use_quality=self.use_quality,
            backend=self.backend,
            **self.score_options,
        )
        candidates = self._propose(super_batch, rows, size, scorer, generator)  # [C, size], places in rows
        scores = self._score(super_batch, rows, candidates, scorer)  # [C]
        return rows[candidates.index_select(0, self._choose(scores, generator).view(1)).squeeze(0)]

    def _propose(
        self, super_batch: SuperBatch, rows: Tensor, size: int, scorer: Scorer, generator: torch.Generator | None
    ) -> Tensor:
        m, count = rows.numel(), self.n_candidates
        if self.candidates == "stratified":
            labels = super_batch.require("labels", by=self.name)[rows]
            return stratified_candidates(labels, count, size, generator=generator)
        if self.candidates == "uniform":
            return uniform_candidates(m, count, size, generator=generator).to(rows.device)
        pools = uniform_candidates(m, count, min(m, round(self.growth * size)), generator=generator).to(rows.device)
        return scorer.grow(pools, size, GROWTH_RIDGE)

    def _score(self, super_batch: SuperBatch, rows: Tensor, candidates: Tensor, scorer: Scorer) -> Tensor:
        return scorer.score(candidates, self.criterion)

    def _choose(self, scores: Tensor, generator: torch.Generator | None) -> Tensor:
        if self.choice == "softmax":
            noise = gumbel(scores.shape, generator=generator, device=scores.device)
            scores = scores.double() / value_at(self.temperature, self.progress) + noise
        return scores.argmax()
