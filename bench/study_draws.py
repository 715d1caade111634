"""Quality without diversity: the ablation of a drawn gradient log-det."""

from typing import ClassVar

import torch
from torch import Tensor

from saln.selectors.base import SelectionReport, draw, eligible_rows
from saln.selectors.support.choices import one_of
from saln.selectors.support.quality import QUALITIES, READS, row_quality
from saln.superbatch import SuperBatch


class DrawnByWorth:
    """Draw without replacement with probability ∝ q², or q² K_ii with `gradient`, K_ii the squared gradient norm.

    The latter is what `GradientLogDet` does at temperature 1 and a large ridge, where what is chosen already does not
    matter.

    Parameters
    ----------
    quality : str
        As in `GradientLogDet`.
    gradient : bool
    """

    name: ClassVar[str] = "drawn_by_worth"
    description: ClassVar[str] = "drawn by quality, or quality times gradient norm, without regard to the others"
    paper: ClassVar[str] = "this project"
    needs: ClassVar[tuple[str, ...]] = ("residuals",)

    def __init__(self, quality: str, *, gradient: bool = False) -> None:
        self.quality = one_of("quality", quality, QUALITIES)
        self.gradient = gradient
        self.last_report: SelectionReport | None = None

    @torch.no_grad()
    def select(self, super_batch: SuperBatch, size: int, *, generator: torch.Generator | None = None) -> Tensor:
        """As in `Selector`."""
        reads = ("features", *self.needs, *READS[self.quality])
        rows, self.last_report = eligible_rows(super_batch, size, reads, by=self.name)
        worth = row_quality(self.quality, super_batch, rows, by=self.name)
        worth = torch.ones(rows.numel(), dtype=torch.float64) if worth is None else worth.square()
        if self.gradient:
            residuals = super_batch.require("residuals", by=self.name)
            for factor in (super_batch.features, residuals):
                worth = worth * factor[rows].double().square().sum(dim=1)
        return rows[draw(worth.clamp_min(1e-30).log(), size, generator=generator)]
