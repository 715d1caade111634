"""Selective-Backprop: samples drawn by the percentile of their loss."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from saln.selectors.base import Offer, Selector
from saln.selectors.registry import register
from saln.selectors.support.choices import at_least
from saln.selectors.support.schedule import share


@register
class SelectiveBackprop(Selector):
    """Draw samples without replacement with probability ∝ percentile(loss)^(1/keep - 1).

    From Jiang et al. 2019 (arXiv 1910.00762): probability is a power of the percentile of the loss. The
    paper takes the percentile among recent losses, keeps each sample independently and leaves the power free. Here, as
    in MosaicML's Composer, percentiles are (rank + 1/2) / m within the super-batch, a fixed number is drawn, and the
    power is 1/keep - 1 with keep = size / m; `start`, `end` and `interrupt` are Composer's, too, though not its values:
    the defaults (a choice) select always. Where it does not select, the batch is uniform, so that the size stays.

    O(M log M) time, O(M) memory. Equal losses are ranked by row, a choice.

    Parameters
    ----------
    start, end : float
        Selects while start <= progress < end, shares of training; at progress 1, too, where end is 1.
    interrupt : int
        Every so many calls the batch is uniform; 0: never.

    Attributes
    ----------
    progress : float
        Share of training that is over, set by the trainer.
    step : int
        Calls so far.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import SelectiveBackprop
    >>> super_batch = SuperBatch(torch.zeros(200, 1), losses=torch.arange(200.0))
    >>> rows = SelectiveBackprop().select(super_batch, 20, generator=torch.Generator().manual_seed(0))
    >>> bool(rows.double().mean() > 150)  # power 9
    True
    """

    name = "selective_backprop"
    description = "drawn by the percentile of the loss"
    paper = "Jiang et al. 2019, arXiv 1910.00762"
    reads = ("losses",)
    chooses_all = True

    def __init__(self, *, start: float = 0.0, end: float = 1.0, interrupt: int = 0) -> None:
        if not share("start", start) < share("end", end):
            raise ValueError(f"start is {start}, want less than end, {end}")
        self.start = start
        self.end = end
        self.interrupt = at_least("interrupt", interrupt, 0)
        self.step = 0

    def _choose(self, offer: Offer, size: int) -> Tensor:
        selects = self._selects()
        self.step += 1
        return offer.draw(percentile_logits(offer["losses"], size / len(offer), selects), size)

    def _selects(self) -> bool:
        within = self.start <= self.progress and (self.progress < self.end or self.end == 1)
        return within and (self.interrupt == 0 or (self.step + 1) % self.interrupt != 0)

    def reset(self) -> None:
        """As in `Selector`."""
        super().reset()
        self.step = 0

    def state_dict(self) -> dict[str, Any]:
        """As in `Selector`."""
        return {"step": self.step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As in `Selector`."""
        self.step = int(state_dict["step"])


def percentile_logits(losses: Tensor, keep: float, selects: bool = True) -> Tensor:
    """(1/keep - 1) log percentile of each loss, float64 `[m]`; zeros, uniform, where it does not select.

    >>> import torch
    >>> from saln.selectors.selective_backprop import percentile_logits
    >>> percentile_logits(torch.tensor([5.0, 1.0]), 0.5).exp()
    tensor([0.7500, 0.2500], dtype=torch.float64)
    """
    m = losses.numel()
    if not selects:
        return torch.zeros(m, dtype=torch.float64, device=losses.device)
    percentiles = (torch.arange(m, device=losses.device, dtype=torch.float64) + 0.5) / m
    order = losses.argsort(stable=True)
    return torch.empty_like(percentiles).index_copy_(0, order, (1 / keep - 1) * percentiles.log())
