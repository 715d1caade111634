"""Log-det greedy: rows that say most beside one another, the most probable batch of a determinantal point process."""

from __future__ import annotations

import math

from torch import Tensor

import saln_kernels
from saln.selectors.base import Offer
from saln.selectors.kinds.comparing import Comparing
from saln.selectors.registry import register
from saln.selectors.support.choices import at_least
from saln.selectors.support.schedule import Schedule, not_negative_throughout, value_at

LARGEST_LOG_NOISE = 38.0
"""Squares of exp of this are finite in float32."""


@register
class LogDet(Comparing):
    """Greedy maximum of log det(I + K_S / σ²), K the similarity of the super-batch.

    The most probable subset of a determinantal point process with kernel K, greedily (Kulesza & Taskar 2012, arXiv
    1207.6083), by the incremental Cholesky factor of Chen, Zhang & Zhou 2018 (arXiv 1709.05135, alg. 1):
    the gain of a row is log(1 + what those chosen leave unexplained of K_ii, over σ²). Choices: σ² = `ridge` times the
    mean of the diagonal of K, so that the scale of the features does not matter; and the temperature, Gumbel noise on
    the logarithm of each row's quality (perturb and maximise, Papandreou & Yuille 2011), which for ridge 0 is noise of
    that size on the gains.

    O(M d size + M size²) time, O(M size) memory. At temperature 0 nothing is drawn; ties go to the lower row, and at
    ridge 0, after as many rows as K has rank, those left come by number. With "cosine" every row gains the same at
    first, so that the lowest comes first.

    Parameters
    ----------
    similarity : str
        As in `saln_kernels.greedy_logdet`; "gradient" needs residuals.
    ridge : float
        0: log det K_S itself. The default 0.1 is a guess.
    use_quality : bool
        Weight the rows by the super-batch's quality.
    temperature : float or Schedule
    backend : str, optional
        As in `saln_kernels.greedy_logdet`.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import LogDet
    >>> features = torch.tensor([[2.0, 0.0], [1.9, 0.1], [0.0, 1.0]])
    >>> LogDet(similarity="linear").select(SuperBatch(features), 2)
    tensor([0, 2])
    """

    name = "logdet"
    description = "most volume: the most probable batch of a determinantal process; greedy"
    paper = "Kulesza & Taskar 2012; Chen et al. 2018, arXiv 1709.05135"

    def __init__(
        self,
        *,
        similarity: str = "cosine",
        ridge: float = 0.1,
        use_quality: bool = False,
        temperature: float | Schedule = 0.0,
        backend: str | None = None,
    ) -> None:
        self.similarity = similarity
        self.ridge = at_least("ridge", ridge, 0)
        self.use_quality = use_quality
        self.temperature = not_negative_throughout("temperature", temperature)
        self.backend = backend

    def _choose(self, offer: Offer, size: int) -> Tensor:
        return self.most_volume(offer, size, offer["quality"].double() if self.use_quality else None)

    def most_volume(self, offer: Offer, size: int, quality: Tensor | None) -> Tensor:
        """Places, int64 `[size]`, in the order of choice; quality `[m]` weights the rows."""
        temperature = value_at(self.temperature, self.progress)
        if temperature:
            noise = temperature / 2 * offer.gumbel(len(offer))
            noise = (noise - (noise.amax() - LARGEST_LOG_NOISE).clamp_min(0)).exp()
            quality = noise if quality is None else quality * noise
        grown = saln_kernels.greedy_logdet(
            offer.features,
            offer.everything,
            size,
            similarity=self.similarity,
            residuals=self.residuals(offer),
            quality=self.unit_quality(offer, quality),
            sigma=math.sqrt(self.ridge),
            check_bounds=False,
            backend=self.backend,
        )
        return grown.positions[0]
