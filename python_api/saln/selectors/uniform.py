"""Uniform: the baseline every other method has to beat."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from saln.selectors.base import SelectionReport, eligible_rows, random_uniform
from saln.superbatch import SuperBatch


class Uniform:
    """Every set of `size` rows is equally likely.

    Rows with a feature that is not finite are left out, so that every method chooses from the same samples. O(M d) to
    look for them and O(M log M) to draw, O(M) memory.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import Uniform
    >>> rows = Uniform().select(SuperBatch(torch.randn(20, 3)), 5, generator=torch.Generator().manual_seed(0))
    >>> rows.shape, rows.unique().numel()
    (torch.Size([5]), 5)
    """

    name: ClassVar[str] = "uniform"
    description: ClassVar[str] = "every sample equally likely; the baseline"
    paper: ClassVar[str] = "-"
    needs: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self.last_report: SelectionReport | None = None

    @torch.no_grad()
    def select(self, super_batch: SuperBatch, size: int, *, generator: torch.Generator | None = None) -> Tensor:
        """As in `Selector`."""
        rows, self.last_report = eligible_rows(super_batch, size, ("features",), by=self.name)
        keys = random_uniform(rows.shape, generator=generator, device=rows.device)  # [m]
        return rows[keys.argsort(stable=True)[:size]]
