"""RHO-LOSS: the samples whose loss a reference model has and the learner has not yet brought down."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from saln.selectors.base import SelectionReport, draw, eligible_rows, largest
from saln.selectors.support.schedule import Schedule, not_negative_throughout, value_at
from saln.superbatch import SuperBatch


class RHOLoss:
    """Reducible holdout loss (Mindermann et al. 2022, arXiv 2206.07137).

    From the paper, eq. 3: keep the samples with the largest loss - irreducible loss, where the irreducible loss is that
    of a model trained on held-out data, computed once (`reference_losses`); a tenth of the super-batch, 32 of 320.

    A choice: with a temperature above 0 the batch is drawn without replacement with probability ∝
    exp((loss - irreducible loss) / temperature) instead, since under label noise drawn batches did better than the
    largest ones in this project's trial.

    O(M log M) time, O(M) memory. Nothing is drawn at temperature 0; ties go to the lower row. With a temperature,
    samples that are equally reducible are equally likely.

    Parameters
    ----------
    temperature : float or Schedule
        0: the paper's rule.

    Raises
    ------
    ValueError
        If the temperature is negative; from `select`, if the size does not fit or the super-batch lacks losses.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import RHOLoss
    >>> losses = torch.tensor([0.1, 3.0, 3.0])
    >>> reference = torch.tensor([0.1, 0.2, 2.9])  # the last is noise, which no model learns
    >>> RHOLoss().select(SuperBatch(torch.zeros(3, 1), losses=losses, reference_losses=reference), 1)
    tensor([1])
    """

    name: ClassVar[str] = "rho_loss"
    description: ClassVar[str] = "largest learner minus reference loss"
    paper: ClassVar[str] = "Mindermann et al. 2022, arXiv 2206.07137"
    needs: ClassVar[tuple[str, ...]] = ("losses", "reference_losses")

    def __init__(self, *, temperature: float | Schedule = 0.0) -> None:
        self.temperature = not_negative_throughout("temperature", temperature)
        self.progress = 0.0
        self.last_report: SelectionReport | None = None

    @torch.no_grad()
    def select(self, super_batch: SuperBatch, size: int, *, generator: torch.Generator | None = None) -> Tensor:
        """As in `Selector`, best or first drawn first."""
        rows, self.last_report = eligible_rows(super_batch, size, self.needs, by=self.name)
        if size == 0:
            return rows[:0]
        learner = super_batch.require("losses", by=self.name)
        reference = super_batch.require("reference_losses", by=self.name)
        reducible = (learner.double() - reference.double())[rows]  # [m]
        temperature = value_at(self.temperature, self.progress)
        if temperature == 0:
            return rows[largest(reducible, size)]
        return rows[draw(reducible / temperature, size, generator=generator)]
