"""A candidate for the default: the better labels follow from features, the more of the batch a method chooses."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import torch
from torch import Tensor

from saln.selectors import Selector, Uniform
from saln.selectors.base import SelectionReport, eligible_rows, random_uniform
from saln.selectors.support.choices import one_of
from saln.selectors.support.quality import label_agreement
from saln.superbatch import SuperBatch


class AgreementBlend:
    """Where neighbours do not share labels, hard samples are noise: the less they do, the more of the batch is uniform.

    With the label agreement q of all rows (`label_agreement`, or the super-batch's quality with "given") and C labels
    in the super-batch, the method's share is (mean of q - 1 / C) / (1 - 1 / C), at least 0: 0 where agreement is that
    of chance, 1 where it is perfect. The method finds q as the super-batch's quality.

    Parameters
    ----------
    method : Selector
    agreement : {"features", "given"}
    by : {"rows", "steps"}
        The share is one of the rows of every batch, or the probability that the method chooses all of them.
    """

    name: ClassVar[str] = "agreement_blend"
    description: ClassVar[str] = "a share of the batch by a method, as large as labels agree with features"
    paper: ClassVar[str] = "this project"
    needs: ClassVar[tuple[str, ...]] = ("labels",)

    def __init__(self, method: Selector, *, agreement: str = "features", by: str = "rows") -> None:
        self.method = method
        self.agreement = one_of("agreement", agreement, ("features", "given"))
        self.by = one_of("by", by, ("rows", "steps"))
        self.share = 0.0
        self.last_report: SelectionReport | None = None

    @torch.no_grad()
    def select(self, super_batch: SuperBatch, size: int, *, generator: torch.Generator | None = None) -> Tensor:
        """As in `Selector`."""
        rows, self.last_report = eligible_rows(super_batch, size, ("features", *self.needs), by=self.name)
        labels = super_batch.require("labels", by=self.name)
        if self.agreement == "features":
            everywhere = torch.zeros(len(super_batch), dtype=super_batch.features.dtype, device=rows.device)
            found = label_agreement(super_batch.features, labels, rows).to(everywhere.dtype)
            super_batch = dataclasses.replace(super_batch, quality=everywhere.index_copy_(0, rows, found))
        quality = super_batch.require("quality", by=self.name)
        chance = 1 / max(2, torch.unique(labels[rows]).numel())
        self.share = max(0.0, (float(quality[rows].double().mean()) - chance) / (1 - chance))
        if self.by == "steps":
            drawn = float(random_uniform((), generator=generator, device=rows.device)) < self.share
            selector = self.method if drawn else Uniform()
            return selector.select(super_batch, size, generator=generator)
        chosen = self.method.select(super_batch, round(self.share * size), generator=generator)
        left = rows[~torch.isin(rows, chosen)]
        keys = random_uniform(left.shape, generator=generator, device=rows.device)
        return torch.cat([chosen, left[keys.argsort(stable=True)[: size - chosen.numel()]]])
