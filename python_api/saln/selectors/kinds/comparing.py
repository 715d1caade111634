"""What methods share that compare rows by a similarity of `saln_kernels`."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

import saln_kernels
from saln.selectors.base import Offer, Selector
from saln.superbatch import SuperBatch


class Comparing(Selector):
    """A method with the options `similarity` and, as they apply, `backend` and `use_quality`."""

    similarity: str
    backend: str | None
    use_quality: bool = False

    @property
    def reads(self) -> tuple[str, ...]:
        """As in `Selector`: residuals for gradients, quality where rows are weighted."""
        residuals = ("residuals",) if self.similarity == "gradient" else ()
        return ("features", *residuals, *(("quality",) if self.use_quality else ()))

    def residuals(self, offer: Offer) -> Tensor | None:
        """`[m, c]` for the similarity "gradient", for which alone the kernels take them."""
        return offer["residuals"] if self.similarity == "gradient" else None

    def gram(self, offer: Offer) -> Tensor:
        """The similarities of all rows offered, `[m, m]`."""
        return saln_kernels.gram(
            offer.features,
            offer.everything,
            similarity=self.similarity,
            residuals=self.residuals(offer),
            check_bounds=False,
            backend=self.backend,
        )[0]

    def unit_quality(self, offer: Offer, quality: Tensor | None = None) -> Tensor:
        """Quality `[m]`, 1 where None, over the root of the mean of K_ii.

        With it the diagonal of K is 1 on average (before quality), and a ridge means the same for features of any
        scale.
        """
        features = offer.features
        weight = torch.ones(len(offer), dtype=torch.float64, device=offer.device) if quality is None else quality
        scale = mean_diagonal(features, self.residuals(offer), self.similarity)
        if scale is not None:
            weight = weight / torch.where(scale > 0, scale, 1).sqrt()
        return weight.to(torch.float64 if features.dtype == torch.float64 else torch.float32)

    def _taken(self, super_batch: SuperBatch, rows: Tensor) -> SuperBatch:
        taken = super_batch.take(rows)
        if self.similarity != "precomputed":
            return taken
        return dataclasses.replace(taken, features=taken.features.index_select(1, rows))


def mean_diagonal(features: Tensor, residuals: Tensor | None, similarity: str) -> Tensor | None:
    """The mean of K_ii, float64 `[]`; None where it is 1 anyway.

    >>> import torch
    >>> from saln.selectors.kinds.comparing import mean_diagonal
    >>> mean_diagonal(torch.tensor([[3.0, 4.0], [1.0, 0.0]]), None, "linear")
    tensor(13., dtype=torch.float64)
    """
    if similarity in ("cosine", "rbf"):
        return None
    if similarity == "precomputed":
        return features.diagonal().double().mean()
    squares = _square_norms(features)
    if residuals is not None:
        squares = squares * _square_norms(residuals)
    return squares.mean()


def _square_norms(x: Tensor) -> Tensor:
    x = x if x.dtype == torch.float64 else x.float()
    norms: Tensor = torch.linalg.vector_norm(x, dim=1)
    return norms.double().square()
