"""Scores of many sub-batches of one super-batch, and greedy ones grown from many, by the cheaper of two ways."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import partial
from typing import Any

from torch import Tensor

import saln_kernels
from saln.selectors.logdet import unit_diagonal_quality
from saln.superbatch import SuperBatch

MAX_GRAM_ROWS = 2048  # 16 MiB of float32

Rows = Callable[[Tensor], Tensor]
# How f(candidates) is worked out, where every row of the result is one candidate's: here, unless ranks that all choose
# the same batch share the candidates out.
work_out: ContextVar[Callable[[Rows, Tensor], Tensor]] = ContextVar("work_out", default=lambda f, rows: f(rows))
SCORE_OPTIONS = ("k", "q", "sigma", "center", "gamma", "laplacian", "negative", "solver", "n_iter", "seed")


def known_score_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """These options of `saln_kernels.score_batches`, or a TypeError that names one that is none.

    >>> from saln.selectors.support.scoring import known_score_options
    >>> known_score_options({"center": True})
    {'center': True}
    """
    for name in options:
        if name not in SCORE_OPTIONS:
            raise TypeError(f"there is no option {name!r}; of the scores there are {', '.join(SCORE_OPTIONS)}")
    return dict(options)


class Scorer:
    """Scores sub-batches of a super-batch's rows, one call of `saln_kernels` each time.

    Sub-batches of one super-batch overlap, so their C b² products of d are mostly the same m². Where that pays, one
    similarity matrix of the whole is made, once, and the sub-batches are read out of it.

    Parameters
    ----------
    super_batch : SuperBatch
    rows : Tensor [m]
        Those to choose from.
    similarity, use_quality, backend
        As in `SpectralCandidates`.
    **options
        Further options of `saln_kernels.score_batches`.
    """

    def __init__(
        self,
        super_batch: SuperBatch,
        rows: Tensor,
        *,
        similarity: str,
        use_quality: bool = False,
        backend: str | None = None,
        **options: Any,
    ) -> None:
        self._super_batch = super_batch
        self._rows = rows
        self._features = super_batch.features
        self._of = similarity
        self._similarity = similarity
        self._residuals = super_batch.residuals if similarity == "gradient" else None
        self._quality = super_batch.quality if use_quality else None
        self._options = {"backend": backend, "check_bounds": False, **options}
        self._shared: Tensor | None = None  # [m, m]

    def score(self, places: Tensor, criterion: str) -> Tensor:
        """Scores `[C]` of sub-batches given as places `[C, b]` in the rows; -inf where a score is not defined."""
        if self._shared is None and self._pays(*places.shape):
            self._share()
        candidates = self._rows[places] if self._shared is None else places
        score = partial(
            saln_kernels.score_batches,
            self._features if self._shared is None else self._shared,
            criterion=criterion,
            similarity=self._similarity,
            residuals=self._residuals,
            quality=self._quality,
            **self._options,
        )
        scores = work_out.get()(score, candidates)
        # "logdet" of an indefinite matrix is NaN, which argmax takes for the largest number there is.
        return scores.masked_fill(scores.isnan(), -math.inf)

    def grow(self, pools: Tensor, size: int, ridge: float) -> Tensor:
        """Of each pool, places `[C, p]`, the greedy log-det choice: places `[C, size]`. The ridge is as in `LogDet`."""
        if self._shared is None and self._pays(*pools.shape):
            self._share()
        own = None if self._quality is None else self._super_batch.require("quality", by="growth")[self._rows].double()
        quality = unit_diagonal_quality(self._super_batch, self._rows, self._of, own)  # [M]
        options = {name: self._options[name] for name in ("gamma", "center") if name in self._options}
        grown = saln_kernels.greedy_logdet(
            self._features if self._shared is None else self._shared,
            self._rows[pools] if self._shared is None else pools,
            size,
            similarity=self._similarity,
            residuals=self._residuals,
            quality=quality if self._shared is None else quality[self._rows],
            sigma=math.sqrt(ridge),
            check_bounds=False,
            backend=self._options["backend"],
            **options,
        )
        return pools.gather(1, grown.positions)

    def _pays(self, n_candidates: int, size: int) -> bool:
        """Below b dimensions the kernels work on the smaller d x d side, for which they need the features."""
        m = self._rows.numel()
        small = m <= MAX_GRAM_ROWS and m**2 <= n_candidates * size**2
        return small and size <= self._features.shape[1] and self._similarity != "precomputed"

    def _share(self) -> None:
        of_similarity = {name: self._options.pop(name) for name in ("gamma",) if name in self._options}
        self._shared = saln_kernels.gram(
            self._features,
            self._rows.unsqueeze(0),  # [1, m]
            similarity=self._similarity,
            residuals=self._residuals,
            check_bounds=False,
            backend=self._options["backend"],
            **of_similarity,
        )[0]
        self._quality = None if self._quality is None else self._quality[self._rows]
        self._similarity, self._residuals = "precomputed", None
