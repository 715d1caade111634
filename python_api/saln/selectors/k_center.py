"""k-center greedy: always the row farthest from those already chosen."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

import saln_kernels
from saln.selectors.base import SelectionReport, eligible_rows, random_uniform
from saln.selectors.rows import distance_rows
from saln.selectors.support.choices import one_of
from saln.superbatch import SuperBatch

SIMILARITIES = ("linear", "cosine")
STARTS = ("center", "random")


class KCenter:
    """Core-set by farthest-first traversal (Sener & Savarese 2018, arXiv 1708.00489, alg. 1; Gonzalez 1985).

    The radius, the largest distance of any row to the nearest one chosen, is at most twice the best possible for that
    many rows (Gonzalez 1985). The paper starts from what is labelled already; a super-batch has nothing
    of the kind, and where to start is a choice: the row nearest the mean of all, or one drawn.

    O(M d size) time, O(M d) memory: neither an M x M nor a size x M matrix of distances. With the start "center"
    nothing is drawn; ties go to the lower row, and so do copies of rows already chosen once nothing else is left.

    Parameters
    ----------
    similarity : {"linear", "cosine"}
        Euclidean distance of the rows, or of the rows scaled to length 1.
    start : {"center", "random"}
    backend : str, optional
        As in `saln_kernels.k_center`.

    Raises
    ------
    ValueError
        If an option is unknown; from `select`, if the size does not fit.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import KCenter
    >>> KCenter().select(SuperBatch(torch.tensor([[0.0], [1.0], [2.0], [9.0]])), 3)  # their mean is 3
    tensor([2, 3, 0])
    """

    name: ClassVar[str] = "k_center"
    description: ClassVar[str] = "always the sample farthest from those already kept"
    paper: ClassVar[str] = "Sener & Savarese 2018, arXiv 1708.00489"
    needs: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *, similarity: str = "linear", start: str = "center", backend: str | None = None) -> None:
        self.similarity = one_of("similarity", similarity, SIMILARITIES)
        self.start = one_of("start", start, STARTS)
        self.backend = backend
        self.last_report: SelectionReport | None = None

    @torch.no_grad()
    def select(self, super_batch: SuperBatch, size: int, *, generator: torch.Generator | None = None) -> Tensor:
        """As in `Selector`, in the order of choice."""
        rows, self.last_report = eligible_rows(super_batch, size, ("features",), by=self.name)
        if size in (0, rows.numel()):
            return rows[:size]
        if self.start == "center":
            start = distance_rows(super_batch.features, rows, self.similarity).square().sum(dim=1).argmin()
        else:
            start = (random_uniform((), generator=generator, device=rows.device) * rows.numel()).long()
        chosen = saln_kernels.k_center(
            super_batch.features,
            rows.unsqueeze(0),  # [1, m]
            size,
            similarity=self.similarity,
            start=start.view(1),
            backend=self.backend,
        )
        return rows[chosen.positions[0]]
