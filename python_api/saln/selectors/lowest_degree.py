"""Lowest degree: the ablation of SALN that needs no eigenvector."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

import saln_kernels
from saln.selectors.base import SelectionReport, eligible_rows, largest
from saln.selectors.rows import unit_rows
from saln.selectors.support.choices import one_of
from saln.superbatch import SuperBatch

NEGATIVE = ("clamp", "keep")


class LowestDegree:
    """Keep the samples least similar to all the others together.

    This project's ablation of SALN, without a paper: the magnitude of a Fiedler vector's entry goes with a low degree
    D_ii = Σ_{j≠i} S_ij of the similarity graph (Sharifi 2024's L = D - S), so that a rule on the degree alone says what
    the eigenvector adds.

    O(M² d) time and O(M²) memory with "clamp"; O(M d) and O(M + d) with "keep" and the similarities "linear" and
    "cosine", where the degrees are one product with the sum of all rows. Nothing is drawn; ties, all rows where
    they are alike, go to the lower row. Rows of zeros are similar to none and come first under "cosine".

    Parameters
    ----------
    similarity : str
        As in `saln_kernels.gram`.
    negative : {"clamp", "keep"}
        Whether negative similarities count as 0, as in SALN's default, or as they are.
    backend : str, optional
        As in `saln_kernels.gram`.

    Raises
    ------
    ValueError
        If an option is unknown; from `select`, if the size does not fit.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import LowestDegree
    >>> LowestDegree().select(SuperBatch(torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.0, 0.2], [0.1, 1.0]])), 1)
    tensor([3])
    """

    name: ClassVar[str] = "lowest_degree"
    description: ClassVar[str] = "least similar to the rest of the super-batch; SALN without its eigenvector"
    paper: ClassVar[str] = "this project"
    needs: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *, similarity: str = "cosine", negative: str = "clamp", backend: str | None = None) -> None:
        self.similarity = similarity
        self.negative = one_of("negative", negative, NEGATIVE)
        self.backend = backend
        self.last_report: SelectionReport | None = None

    @torch.no_grad()
    def select(self, super_batch: SuperBatch, size: int, *, generator: torch.Generator | None = None) -> Tensor:
        """As in `Selector`, lowest degree first; the generator is not used."""
        rows, self.last_report = eligible_rows(super_batch, size, ("features",), by=self.name)
        if size in (0, rows.numel()):
            return rows[:size]
        return rows[largest(-self._degrees(super_batch.features, rows), size)]

    def _degrees(self, features: Tensor, rows: Tensor) -> Tensor:
        if self.negative == "keep" and self.similarity in ("linear", "cosine"):
            x = features[rows].float() if features.dtype != torch.float64 else features[rows]  # [m, d]
            x = unit_rows(x) if self.similarity == "cosine" else x
            return x @ x.sum(dim=0) - x.square().sum(dim=1)
        weights = saln_kernels.gram(
            features, rows.unsqueeze(0), similarity=self.similarity, check_bounds=False, backend=self.backend
        )[0]  # [m, m]
        if self.negative == "clamp":
            weights = weights.clamp_min_(0)
        return weights.fill_diagonal_(0).sum(dim=1)
