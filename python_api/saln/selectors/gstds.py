"""GSTDS: SALN's filter with its ratio on a schedule over training."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from saln.selectors.base import random_uniform
from saln.selectors.saln import SALN
from saln.selectors.support.schedule import Schedule, share_throughout, value_at
from saln.superbatch import SuperBatch

RISING = Schedule(0.0, 0.8, "linear")


class GSTDS(SALN):
    """Guided spectrally tuned data selection (Sharifi & Harati 2025, arXiv 2507.04269).

    From the paper: SALN's score, and a filter ratio, the share of a batch it removes, on a schedule set beforehand. The
    schedule's shape could not be established; linear, from nothing removed to 0.8, is a *guess*, and `Schedule` offers
    others. SALN's own choices are chosen here, too (`keep`).

    In the paper the ratio sets how many samples are left: `kept(len(super_batch))` says how many that is at the present
    progress, to be asked for as the size. Where the size is set by others, as in a batch sampler, the filter removes
    its share first, at most down to the size, and the batch is drawn uniformly from what is left, a choice: at ratio 0
    it is uniform, and from 1 - size / M on it is SALN.

    Cost as `SALN`, at ratio 0 as `Uniform`.

    Parameters
    ----------
    keep : {"abs", "positive", "negative", "both_ends", "near_zero"}
        As in `SALN`.
    ratio : float or Schedule
        Share removed, 0 to 1.
    **options
        Of `SALN`.

    Attributes
    ----------
    progress : float
        Share of training that is over, set by the trainer.

    Raises
    ------
    ValueError
        If an option is unknown or out of its range; from `select`, if the size does not fit.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors.support.schedule import Schedule
    >>> from saln.selectors import GSTDS
    >>> gstds = GSTDS(ratio=Schedule(0.0, 0.75, "cosine"))
    >>> gstds.progress = 1.0
    >>> super_batch = SuperBatch(torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.0, 0.2], [0.1, 1.0]]))
    >>> gstds.select(super_batch, gstds.kept(len(super_batch)))
    tensor([3])
    """

    name: ClassVar[str] = "gstds"
    description: ClassVar[str] = "SALN's filter with its ratio on a schedule over training"
    paper: ClassVar[str] = "Sharifi & Harati 2025, arXiv 2507.04269"

    def __init__(self, keep: str = "abs", *, ratio: float | Schedule = RISING, **options: Any) -> None:
        super().__init__(keep, **options)
        self.ratio = share_throughout("ratio", ratio)
        self.progress = 0.0

    def kept(self, n_rows: int) -> int:
        """How many of so many rows the filter leaves at the present progress, at least 1."""
        return max(1, round((1 - value_at(self.ratio, self.progress)) * n_rows))

    @torch.no_grad()
    def select(self, super_batch: SuperBatch, size: int, *, generator: torch.Generator | None = None) -> Tensor:
        """As in `Selector`."""
        rows = self._eligible(super_batch, size)
        n_left = max(size, self.kept(rows.numel()))
        if n_left < rows.numel() and size:
            rows = rows[self._places(super_batch, rows, n_left)]
        if size == rows.numel():
            return rows
        keys = random_uniform(rows.shape, generator=generator, device=rows.device)
        return rows[keys.argsort(stable=True)[:size]]
