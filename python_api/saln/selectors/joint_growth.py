"""Joint spectral growth: a batch grown in chunks, thousands of extensions scored at every step."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from saln.selectors.base import SelectionReport, eligible_rows, gumbel
from saln.selectors.jest import chunk_sizes
from saln.selectors.support.candidates import uniform_candidates
from saln.selectors.support.choices import one_of
from saln.selectors.support.schedule import Schedule, positive_throughout, value_at
from saln.selectors.support.scoring import Scorer, known_score_options
from saln.superbatch import SuperBatch

CHOICES = ("argmax", "softmax")


class JointGrowth:
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

    Raises
    ------
    ValueError
        If an option has no such value or is not positive; from `select`, if the size does not fit or the super-batch
        lacks a tensor.
    TypeError
        If there is no such option.

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

    name: ClassVar[str] = "joint_growth"
    description: ClassVar[str] = "grown in chunks, each the best of many by what it adds to the spectrum"
    paper: ClassVar[str] = "this project; after Evans et al. 2024, arXiv 2406.17711"
    needs: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        n_candidates: int = 1024,
        *,
        n_chunks: int = 8,
        criterion: str = "effective_rank",
        similarity: str = "cosine",
        choice: str = "argmax",
        temperature: float | Schedule = 1.0,
        use_quality: bool = False,
        backend: str | None = None,
        **score_options: Any,
    ) -> None:
        for name, value in (("n_candidates", n_candidates), ("n_chunks", n_chunks)):
            if value < 1:
                raise ValueError(f"{name} is {value}, want at least 1")
        self.n_candidates = n_candidates
        self.n_chunks = n_chunks
        self.criterion = criterion
        self.similarity = similarity
        self.choice = one_of("choice", choice, CHOICES)
        self.temperature = positive_throughout("temperature", temperature)
        self.use_quality = use_quality
        self.backend = backend
        self.score_options = known_score_options(score_options)
        self.progress = 0.0
        self.last_report: SelectionReport | None = None

    @torch.no_grad()
    def select(self, super_batch: SuperBatch, size: int, *, generator: torch.Generator | None = None) -> Tensor:
        """As in `Selector`, chunk after chunk."""
        reads = ["features"]
        reads += ["residuals"] if self.similarity == "gradient" else []
        reads += ["quality"] if self.use_quality else []
        rows, self.last_report = eligible_rows(super_batch, size, reads, by=self.name)
        m = rows.numel()
        if size in (0, m):
            return rows[:size]
        scorer = Scorer(
            super_batch,
            rows,
            similarity=self.similarity,
            use_quality=self.use_quality,
            backend=self.backend,
            **self.score_options,
        )
        left = torch.arange(m, device=rows.device)
        chosen = left[:0]
        for chunk in chunk_sizes(size, self.n_chunks):
            chunks = uniform_candidates(left, self.n_candidates, chunk, generator=generator)  # [C, chunk]
            batches = torch.cat([chosen.expand(len(chunks), -1), chunks], dim=1)  # [C, n + chunk]
            scores = scorer.score(batches, self.criterion)
            if self.choice == "softmax":
                noise = gumbel(scores.shape, generator=generator, device=rows.device)
                scores = scores.double() / value_at(self.temperature, self.progress) + noise
            chosen = batches.index_select(0, scores.argmax().view(1)).squeeze(0)
            free = torch.ones(m, dtype=torch.bool, device=rows.device).index_fill_(0, chosen, False)
            # Their number is known, so that an accelerator need not be asked for it.
            left = free.to(torch.int8).argsort(descending=True, stable=True)[: m - chosen.numel()]
        return rows[chosen]
