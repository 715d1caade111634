"""Methods that score many sub-batches of one super-batch, and the cheaper of two ways to do it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import Tensor

import saln_kernels
from saln.selectors.base import Offer
from saln.selectors.kinds.comparing import Comparing
from saln.selectors.support.choices import at_least, one_of
from saln.selectors.support.schedule import Schedule, positive_throughout, value_at

CHOICES = ("argmax", "softmax")
MAX_GRAM_ROWS = 2048  # 16 MiB of float32
SCORE_OPTIONS = ("k", "q", "sigma", "center", "gamma", "laplacian", "negative", "solver", "n_iter", "seed")


def known_score_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """These options of `saln_kernels.score_batches`, or a TypeError that names one that is none.

    >>> from saln.selectors.kinds.scoring import known_score_options
    >>> known_score_options({"center": True})
    {'center': True}
    """
    for name in options:
        if name not in SCORE_OPTIONS:
            raise TypeError(f"there is no option {name!r}; of the scores there are {', '.join(SCORE_OPTIONS)}")
    return dict(options)


class Scoring(Comparing):
    """A method that takes the best of many candidates by a spectral criterion, or one by chance.

    Parameters
    ----------
    n_candidates : int
        C.
    criterion : str
        As in `saln_kernels.score_batches`; the larger score wins.
    similarity : str
        As in `saln_kernels.score_batches`; "gradient" needs residuals in the super-batch.
    choice : {"argmax", "softmax"}
    temperature : float or Schedule
        T of "softmax", in units of the score.
    use_quality : bool
        Weight the rows by the super-batch's quality.
    backend : str, optional
        As in `saln_kernels.score_batches`.
    **score_options
        Further options of `saln_kernels.score_batches`: k, q, sigma, center, gamma, laplacian, negative, solver, ...
    """

    def __init__(
        self,
        n_candidates: int,
        *,
        criterion: str = "effective_rank",
        similarity: str = "cosine",
        choice: str = "argmax",
        temperature: float | Schedule = 1.0,
        use_quality: bool = False,
        backend: str | None = None,
        **score_options: Any,
    ) -> None:
        self.n_candidates = at_least("n_candidates", n_candidates, 1)
        self.criterion = criterion
        self.similarity = similarity
        self.choice = one_of("choice", choice, CHOICES)
        self.temperature = positive_throughout("temperature", temperature)
        self.use_quality = use_quality
        self.backend = backend
        self.score_options = known_score_options(score_options)

    def best(self, offer: Offer, scores: Tensor) -> Tensor:
        """The number of the candidate taken by its score, of scores `[C]`: int64 `[1]`."""
        if self.choice == "softmax":
            scores = scores.double() / value_at(self.temperature, self.progress) + offer.gumbel(*scores.shape)
        return scores.argmax().view(1)


class Scorer:
    """Scores sub-batches of the rows offered, one call of `saln_kernels` each time.

    Sub-batches of one super-batch overlap, so their C b² products of d are mostly the same m². Where that pays, one
    similarity matrix of the whole is made, once, and the sub-batches are read out of it.

    Parameters
    ----------
    offer : Offer
    method : Scoring
        Whose criterion, similarity, quality, backend and further options are those of the scores.
    """

    def __init__(self, offer: Offer, method: Scoring) -> None:
        self._offer, self._method = offer, method
        self._of: dict[str, Any] = {
            "similarity": method.similarity,
            "residuals": method.residuals(offer),
            "backend": method.backend,
            "check_bounds": False,
        }
        self._matrix = offer.features  # [m, d], or what is shared, [m, m]
        self._quality = offer["quality"] if method.use_quality else None
        self._options = dict(method.score_options)

    def score(self, candidates: Tensor) -> Tensor:
        """Scores `[C]` of sub-batches given as places `[C, b]`; -inf where a score is not defined."""
        self._share_if_it_pays(*candidates.shape)
        score = partial(
            saln_kernels.score_batches,
            self._matrix,
            criterion=self._method.criterion,
            quality=self._quality,
            **self._of,
            **self._options,
        )
        scores = self._offer.work_out(score, candidates)
        # "logdet" of an indefinite matrix is NaN, which argmax takes for the largest number there is.
        return scores.masked_fill(scores.isnan(), -math.inf)

    def grow(self, pools: Tensor, size: int, ridge: float) -> Tensor:
        """Of each pool, places `[C, p]`, the greedy log-det choice: places `[C, size]`. The ridge is as in `LogDet`."""
        self._share_if_it_pays(*pools.shape)
        own = None if self._quality is None else self._quality.double()
        grown = saln_kernels.greedy_logdet(
            self._matrix,
            pools,
            size,
            quality=self._method.unit_quality(self._offer, own),
            sigma=math.sqrt(ridge),
            **self._of,
            **{name: self._options[name] for name in ("gamma", "center") if name in self._options},
        )
        return pools.gather(1, grown.positions)

    def _share_if_it_pays(self, n_candidates: int, size: int) -> None:
        """Below b dimensions the kernels work on the smaller d x d side, for which they need the features."""
        m, of = len(self._offer), self._of
        pays = m <= MAX_GRAM_ROWS and m**2 <= n_candidates * size**2 and size <= self._matrix.shape[1]
        if not pays or of["similarity"] == "precomputed":
            return
        gamma = {name: self._options.pop(name) for name in ("gamma",) if name in self._options}
        self._matrix = saln_kernels.gram(self._matrix, self._offer.everything, **of, **gamma)[0]
        of |= {"similarity": "precomputed", "residuals": None}
