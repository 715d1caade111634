"""RHO-LOSS: the samples whose loss a reference model has and the learner has not yet brought down."""

from __future__ import annotations

from torch import Tensor

from saln.selectors.base import Offer, Selector
from saln.selectors.registry import register
from saln.selectors.support.chance import largest
from saln.selectors.support.schedule import Schedule, not_negative_throughout, value_at


@register
class RHOLoss(Selector):
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

    name = "rho_loss"
    description = "largest learner minus reference loss"
    paper = "Mindermann et al. 2022, arXiv 2206.07137"
    reads = ("losses", "reference_losses")
    chooses_all = True

    def __init__(self, *, temperature: float | Schedule = 0.0) -> None:
        self.temperature = not_negative_throughout("temperature", temperature)

    def _choose(self, offer: Offer, size: int) -> Tensor:
        reducible = offer["losses"].double() - offer["reference_losses"].double()  # [m]
        temperature = value_at(self.temperature, self.progress)
        return largest(reducible, size) if temperature == 0 else offer.draw(reducible / temperature, size)
