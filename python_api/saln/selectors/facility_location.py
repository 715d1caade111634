"""Facility location: rows among which every row of the super-batch has one that resembles it."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

import saln_kernels
from saln.selectors.base import SelectionReport, eligible_rows
from saln.superbatch import SuperBatch


class FacilityLocation:
    """Greedy maximum of f(S) = Σ_i max_{j in S} s_ij over the rows i of the super-batch.

    The uncapacitated facility location function (Cornuéjols, Fisher & Nemhauser 1977), whose greedy maximum is within
    1 - 1/e of the best (Nemhauser, Wolsey & Fisher 1978); in core-set selection Mirzasoleiman, Bilmes &
    Leskovec 2020 (CRAIG, arXiv 1906.01827). With f of the empty set 0 the bound needs s_ij >= 0, so negative
    similarities count as 0, a choice.

    O(M² d + M² size) time, O(M²) memory. The gains of all rows are computed at every step rather than lazily: without a
    queue there is nothing for an accelerator to wait for. Nothing is drawn; ties go to the lower row, and so do the
    rows left once every row has its like among those chosen.

    Parameters
    ----------
    similarity : str
        As in `saln_kernels.gram`; "gradient" needs residuals.
    backend : str, optional
        As in `saln_kernels.gram`.

    Raises
    ------
    ValueError
        If the similarity is unknown; from `select`, if the size does not fit or residuals are missing.

    Examples
    --------
    Two directions, and the row in the middle of the larger bundle:

    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import FacilityLocation
    >>> features = torch.tensor([[1.0, 0.2, 0.0], [1.0, 0.0, 0.0], [1.0, -0.2, 0.0], [0.0, 0.0, 1.0]])
    >>> FacilityLocation().select(SuperBatch(features), 2)
    tensor([1, 3])
    """

    name: ClassVar[str] = "facility_location"
    description: ClassVar[str] = "every sample resembles one that is kept; greedy"
    paper: ClassVar[str] = "Nemhauser et al. 1978; Mirzasoleiman et al. 2020, arXiv 1906.01827"
    needs: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *, similarity: str = "cosine", backend: str | None = None) -> None:
        self.similarity = similarity
        self.backend = backend
        self.last_report: SelectionReport | None = None

    @torch.no_grad()
    def select(self, super_batch: SuperBatch, size: int, *, generator: torch.Generator | None = None) -> Tensor:
        """As in `Selector`, in the order of choice; the generator is not used."""
        gradient = self.similarity == "gradient"
        reads = ("features", "residuals") if gradient else ("features",)
        rows, self.last_report = eligible_rows(super_batch, size, reads, by=self.name)
        if size in (0, rows.numel()):
            return rows[:size]
        similarity = saln_kernels.gram(
            super_batch.features,
            rows.unsqueeze(0),  # [1, m]
            similarity=self.similarity,
            residuals=super_batch.residuals if gradient else None,
            check_bounds=False,
            backend=self.backend,
        )[0]  # [m, m]
        return rows[greedy_facility_location(similarity.clamp_min_(0), size)]


def greedy_facility_location(similarity: Tensor, size: int) -> Tensor:
    """Places, int64 `[size]`, in the order of choice, by a symmetric similarity `[m, m]` without negative entries.

    >>> import torch
    >>> from saln.selectors.facility_location import greedy_facility_location
    >>> greedy_facility_location(torch.tensor([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]]), 2)
    tensor([0, 2])
    """
    m = similarity.shape[0]
    chosen = torch.empty(size, dtype=torch.int64, device=similarity.device)
    served = similarity.new_zeros(m, 1)  # of each row i, the best similarity to those chosen
    with_each = torch.empty_like(similarity)
    for n in range(size):
        value = torch.maximum(similarity, served, out=with_each).sum(dim=0)  # [m], f with each row
        if n:
            value.index_fill_(0, chosen[:n], -1.0)
        chosen[n] = value.argmax()
        served = torch.maximum(served, similarity.index_select(0, chosen[n : n + 1]).T)
    return chosen
