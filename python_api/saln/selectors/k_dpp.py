"""k-DPP: a batch drawn with probability in proportion to its volume, instead of the largest."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from saln.selectors.base import Offer
from saln.selectors.kinds.comparing import Comparing
from saln.selectors.registry import register
from saln.selectors.support.choices import at_least, one_of, positive
from saln.selectors.support.quality import QUALITIES, READS, row_quality


@register
class KDPP(Comparing):
    """Exact sample of a determinantal point process of fixed size: P(S) ∝ det K_S over all sets of that size.

    Kulesza & Taskar 2011 (k-DPPs, ICML; 2012, arXiv 1207.6083, section 5.2, algs. 7 and 8): eigenvalues of K
    are drawn by their elementary symmetric polynomials, and a batch from the projection on the eigenvectors drawn. The
    second step is here done by updating the remaining squared lengths of all rows, O(M size) a row (as in Tremblay,
    Barthelmé & Amblard 2018, Optimized algorithms to sample determinantal point processes), and the polynomials are
    kept as logarithms.

    Choices: K is a similarity of the super-batch with quality, K_ij becomes q_i K_ij q_j, plus `ridge` times the mean
    of its diagonal on the diagonal, which makes batches more nearly uniform; with a temperature T its eigenvalues λ
    become λ^(1/T), which chooses directions more evenly for large T, the leading ones for small. With T = 1 and ridge 0
    it is the k-DPP of K itself. Eigenvalues below rounding count as rounding, so that batches larger than the rank of
    K, which have no probability, are drawn too: all directions of K first. With rows that are all alike every batch is
    equally likely.

    O(M² d + M³ + M size²) time, O(M² + M size) memory. Eigenvalues, and which are drawn, go through the host: two
    synchronisations on an accelerator.

    Parameters
    ----------
    similarity : str
        As in `saln_kernels.gram`; "gradient" needs residuals.
    quality : str
        As in `GradientLogDet`, with its defaults for what the rules need.
    ridge : float
        The default 0 is the k-DPP of K itself.
    temperature : float
    backend : str, optional
        As in `saln_kernels.gram`.

    Examples
    --------
    Two equal rows have no volume together:

    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import KDPP
    >>> features = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> rows = KDPP().select(SuperBatch(features), 2, generator=torch.Generator().manual_seed(0))
    >>> 2 in rows
    True
    """

    name = "k_dpp"
    description = "drawn in proportion to volume: exact k-DPP"
    paper = "Kulesza & Taskar 2011; 2012, arXiv 1207.6083"

    def __init__(
        self,
        *,
        similarity: str = "cosine",
        quality: str = "none",
        ridge: float = 0.0,
        temperature: float = 1.0,
        backend: str | None = None,
    ) -> None:
        self.similarity = similarity
        self.quality = one_of("quality", quality, QUALITIES)
        self.ridge = at_least("ridge", ridge, 0)
        self.temperature = positive("temperature", temperature)
        self.backend = backend

    @property
    def reads(self) -> tuple[str, ...]:
        """As in `Selector`."""
        return (*super().reads, *READS[self.quality])

    def _choose(self, offer: Offer, size: int) -> Tensor:
        kernel = self.gram(offer).double()  # [m, m]
        quality = row_quality(self.quality, offer.samples)
        if quality is not None:
            kernel = quality.unsqueeze(1) * kernel * quality
        values, vectors = torch.linalg.eigh(kernel)
        m = len(offer)
        chance = offer.uniform(m + size)
        result = torch.float64 if offer.features.dtype == torch.float64 else torch.float32
        log_values = self._log_eigenvalues(values, kernel.diagonal().mean(), torch.finfo(result).eps)
        drawn = draw_eigenvectors(log_values.cpu().numpy(), size, chance[:m].cpu().numpy())
        return draw_projection(vectors[:, torch.from_numpy(drawn).to(offer.device)], chance[m:])

    def _log_eigenvalues(self, values: Tensor, mean: Tensor, eps: float) -> Tensor:
        values = values + self.ridge * mean
        # Where all is zero every set has the same probability, and any constant will do.
        rounding = eps * values.amax()
        return torch.maximum(values, torch.where(rounding > 0, rounding, 1.0)).log() / self.temperature


def draw_eigenvectors(
    log_values: npt.NDArray[np.float64], size: int, chance: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """Which `size` eigenvectors, P(J) ∝ Π_{n in J} λ_n: Kulesza & Taskar 2012, algs. 7 and 8.

    Parameters
    ----------
    log_values : array [m]
        Logarithms of the eigenvalues.
    size : int
        1 to m.
    chance : array [m]
        Uniform numbers.

    Returns
    -------
    array [size]
        int64.

    Examples
    --------
    >>> import numpy as np
    >>> from saln.selectors.k_dpp import draw_eigenvectors
    >>> draw_eigenvectors(np.log([1e-9, 1.0, 1.0]), 2, np.array([0.5, 0.5, 0.5]))
    array([2, 1])
    """
    m = len(log_values)
    table = np.full((m + 1, size + 1), -np.inf)  # log e_l of the first n eigenvalues
    table[:, 0] = 0.0
    for n in range(1, m + 1):
        np.logaddexp(table[n - 1, 1:], log_values[n - 1] + table[n - 1, :-1], out=table[n, 1:])
    log_chance = np.log(chance)
    drawn = np.empty(size, dtype=np.int64)
    left, n = size, m
    while left:
        # With as many left as there are to come, the two sides are the same sum and all are taken.
        if left == n or log_chance[n - 1] < log_values[n - 1] + table[n - 1, left - 1] - table[n, left]:
            drawn[size - left] = n - 1
            left -= 1
        n -= 1
    return drawn


def draw_projection(vectors: Tensor, chance: Tensor) -> Tensor:
    """A sample of the projection process of orthonormal columns `[m, k]`: places, int64 `[k]`, none twice.

    Each row is drawn in proportion to the squared length it has left beside those drawn; `chance` `[k]` are uniform
    numbers.

    >>> import torch
    >>> from saln.selectors.k_dpp import draw_projection
    >>> draw_projection(torch.eye(3, dtype=torch.float64)[:, :2], torch.tensor([0.7, 0.1], dtype=torch.float64))
    tensor([1, 0])
    """
    m, k = vectors.shape
    left = vectors.square().sum(dim=1)  # [m]
    basis = vectors.new_zeros(m, k)
    drawn = torch.empty(k, dtype=torch.int64, device=vectors.device)
    for n in range(k):
        cumulated = left.cumsum(dim=0)
        # The first whose sum is above: one with a length of its own, even where the product rounds up to the total.
        target = torch.minimum(chance[n] * cumulated[-1], cumulated[-1] * (1 - 1e-12))
        best = torch.searchsorted(cumulated, target.view(1), right=True)
        drawn[n : n + 1] = best
        column = vectors @ vectors.index_select(0, best).squeeze(0) - basis @ basis.index_select(0, best).squeeze(0)
        column = column * left.index_select(0, best).rsqrt()
        basis[:, n] = column
        left = (left - column.square()).clamp_min_(0).index_fill(0, drawn[: n + 1], 0.0)
    return drawn
