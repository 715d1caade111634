"""Selective-Backprop: samples drawn by the percentile of their loss."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from saln.selectors.base import SelectionReport, draw, eligible_rows
from saln.selectors.support.schedule import share
from saln.superbatch import SuperBatch


class SelectiveBackprop:
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

    Raises
    ------
    ValueError
        If an option is out of its range; from `select`, if the size does not fit or the super-batch lacks losses.

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

    name: ClassVar[str] = "selective_backprop"
    description: ClassVar[str] = "drawn by the percentile of the loss"
    paper: ClassVar[str] = "Jiang et al. 2019, arXiv 1910.00762"
    needs: ClassVar[tuple[str, ...]] = ("losses",)

    def __init__(self, *, start: float = 0.0, end: float = 1.0, interrupt: int = 0) -> None:
        if not share("start", start) < share("end", end):
            raise ValueError(f"start is {start}, want less than end, {end}")
        if interrupt < 0:
            raise ValueError(f"interrupt is {interrupt}, want at least 0")
        self.start = start
        self.end = end
        self.interrupt = interrupt
        self.progress = 0.0
        self.step = 0
        self.last_report: SelectionReport | None = None

    @torch.no_grad()
    def select(self, super_batch: SuperBatch, size: int, *, generator: torch.Generator | None = None) -> Tensor:
        """As in `Selector`, in the order of drawing."""
        rows, self.last_report = eligible_rows(super_batch, size, self.needs, by=self.name)
        if size == 0:
            return rows[:0]
        selects = self._selects()
        self.step += 1
        losses = super_batch.require("losses", by=self.name)[rows]  # [m]
        return rows[draw(percentile_logits(losses, size / len(losses), selects), size, generator=generator)]

    def _selects(self) -> bool:
        within = self.start <= self.progress and (self.progress < self.end or self.end == 1)
        return within and (self.interrupt == 0 or (self.step + 1) % self.interrupt != 0)

    def reset(self) -> None:
        """As in `Stateful`."""
        self.step = 0

    def state_dict(self) -> dict[str, Any]:
        """As in `Stateful`."""
        return {"step": self.step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As in `Stateful`."""
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
