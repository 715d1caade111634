"""GSTDS: SALN's filter with its ratio on a schedule over training."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from saln.selectors.base import Offer
from saln.selectors.registry import register
from saln.selectors.saln import SALN
from saln.selectors.support.schedule import Schedule, share_throughout, value_at

RISING = Schedule(0.0, 0.8, "linear")


@register
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

    name = "gstds"
    description = "SALN's filter with its ratio on a schedule over training"
    paper = "Sharifi & Harati 2025, arXiv 2507.04269"

    def __init__(self, keep: str = "abs", *, ratio: float | Schedule = RISING, **options: Any) -> None:
        super().__init__(keep, **options)
        self.ratio = share_throughout("ratio", ratio)

    def kept(self, n_rows: int) -> int:
        """How many of so many rows the filter leaves at the present progress, at least 1."""
        return max(1, round((1 - value_at(self.ratio, self.progress)) * n_rows))

    def _choose(self, offer: Offer, size: int) -> Tensor:
        m = len(offer)
        n_left = max(size, self.kept(m))
        if n_left == m:
            return offer.shuffled(m)[:size]
        left = super()._choose(offer, n_left)
        return left if n_left == size else left[offer.shuffled(n_left)[:size]]
