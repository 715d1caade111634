"""Spectral candidates: propose many sub-batches, score their spectra in one call, take one."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

import saln_kernels
from saln.candidates import stratified_candidates, uniform_candidates
from saln.choices import one_of, positive
from saln.selectors.protocol import SelectionReport, eligible_rows, gumbel
from saln.superbatch import SuperBatch

CANDIDATES = ("uniform", "stratified")
CHOICES = ("argmax", "softmax")
MAX_GRAM_ROWS = 2048  # 16 MiB of float32


class SpectralCandidates:
    """The best of many proposed sub-batches by a spectral criterion, or one drawn in proportion to exp(score / T).

    This project's own, without a paper. All candidates are scored in one call of `saln_kernels.score_batches`: with C
    candidates of b rows in d dimensions O(C b³) time and O(C b) memory, and for the similarities O(M² d) time and O(M²)
    memory where the super-batch is small enough to be compared as a whole first, else O(C b² d) time and no memory.
    Proposing costs O(C M).

    Parameters
    ----------
    n_candidates : int
        C.
    criterion : str
        As in `saln_kernels.score_batches`; the larger score wins.
    similarity : str
        As in `saln_kernels.score_batches`; "gradient" needs residuals in the super-batch.
    candidates : {"uniform", "stratified"}
        "stratified" keeps the super-batch's proportions of labels, which it needs.
    choice : {"argmax", "softmax"}
    temperature : float
        T of "softmax", in units of the score.
    use_quality : bool
        Weight the rows by the super-batch's quality.
    backend : str, optional
        As in `saln_kernels.score_batches`.
    **score_options
        Further options of `saln_kernels.score_batches`: k, q, sigma, center, gamma, laplacian, negative, solver, ...

    Raises
    ------
    ValueError
        If an option is unknown or not positive; from `select`, if the size does not fit or the super-batch lacks a
        tensor.

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
        temperature: float = 1.0,
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
        self.temperature = positive("temperature", temperature)
        self.use_quality = use_quality
        self.backend = backend
        self.score_options = score_options
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
        candidates = self._propose(super_batch, rows, size, generator)  # [C, size], places in rows
        scores = self._score(super_batch, rows, candidates)  # [C]
        return rows[candidates[self._choose(scores, generator)]]

    def _propose(self, super_batch: SuperBatch, rows: Tensor, size: int, generator: torch.Generator | None) -> Tensor:
        if self.candidates == "uniform":
            return uniform_candidates(rows.numel(), self.n_candidates, size, generator=generator).to(rows.device)
        labels = super_batch.require("labels", by=self.name)[rows]
        return stratified_candidates(labels, self.n_candidates, size, generator=generator)

    def _score(self, super_batch: SuperBatch, rows: Tensor, candidates: Tensor) -> Tensor:
        features, residuals = super_batch.features, super_batch.residuals if self.similarity == "gradient" else None
        quality = super_batch.quality if self.use_quality else None
        similarity, options = self.similarity, {"backend": self.backend, "check_bounds": False, **self.score_options}
        if self._shares_products(rows.numel(), features.shape[1], candidates):
            of_similarity = {name: options.pop(name) for name in ("gamma",) if name in options}
            features = saln_kernels.gram(
                features,
                rows.unsqueeze(0),  # [1, m]
                similarity=similarity,
                residuals=residuals,
                check_bounds=False,
                backend=self.backend,
                **of_similarity,
            )[0]  # [m, m]
            quality = None if quality is None else quality[rows]
            similarity, residuals = "precomputed", None
        else:
            candidates = rows[candidates]
        return saln_kernels.score_batches(
            features,
            candidates,
            self.criterion,
            similarity=similarity,
            residuals=residuals,
            quality=quality,
            **options,
        )

    def _shares_products(self, n_rows: int, dim: int, candidates: Tensor) -> bool:
        """Whether one similarity matrix of the super-batch costs less than each candidate's own.

        The candidates overlap, so their C b² products of d are mostly the same m². Below b dimensions the kernels work
        on the smaller d x d side, for which they need the features.
        """
        n_candidates, size = candidates.shape
        small = n_rows <= MAX_GRAM_ROWS and n_rows**2 <= n_candidates * size**2
        return small and size <= dim and self.similarity != "precomputed"

    def _choose(self, scores: Tensor, generator: torch.Generator | None) -> Tensor:
        if self.choice == "softmax":
            noise = gumbel(scores.shape, generator=generator, device=scores.device)
            scores = scores.double() / self.temperature + noise
        return scores.argmax()
