"""What methods share that compare rows by a similarity of `saln_kernels`."""

from __future__ import annotations

import dataclasses

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

    def _taken(self, super_batch: SuperBatch, rows: Tensor) -> SuperBatch:
        taken = super_batch.take(rows)
        if self.similarity != "precomputed":
            return taken
        return dataclasses.replace(taken, features=taken.features.index_select(1, rows))
