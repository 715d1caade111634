"""InfoBatch: fewer of the samples that are easy, with their gradients scaled up to make good for it."""

from __future__ import annotations

import torch
from torch import Tensor

from saln.selectors.base import Offer, Selector
from saln.selectors.registry import register
from saln.selectors.support.schedule import share


@register
class InfoBatch(Selector):
    """Unbiased dynamic pruning (Qin et al. 2024, arXiv 2303.04947).

    From the paper: a sample whose loss is below the mean is pruned with probability r, and the gradient of one that
    stays is multiplied with 1 / (1 - r); the last part of training, after a share δ of it, sees everything.

    The paper prunes a whole dataset to whatever size results. Choices, to keep a set number of a super-batch: samples
    below the mean are kept at 1 - r times the rate of the others, whatever rates give that number (the paper's own
    where the number is the paper's; the others are pruned, too, where they alone are too many). Each side gets its
    number, rounded but not to none, and is drawn from uniformly; the weights in `last_report.weights` are one over
    the rates, up to a factor that makes 1 their mean, so that the weighted mean loss of the batch has the mean loss of
    the super-batch for its expectation. A size of 1 cannot hold both sides: the place goes to one by lot, in the
    proportion of the numbers before rounding, and its weight is 1 in the mean over draws. After δ the batch is uniform,
    and so it is where all losses are equal and none is below the mean; the weights are 1 then.

    O(M log M) time, O(M) memory; on an accelerator one synchronisation to count the samples below the mean,
    and at a size of 1 one for the lot.

    Parameters
    ----------
    ratio : float
        r, at least 0 and below 1; 0.5 in the paper.
    delta : float
        δ; 0.875 in the paper.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import InfoBatch
    >>> super_batch = SuperBatch(torch.zeros(10, 1), losses=torch.tensor([0.1] * 8 + [2.0] * 2))
    >>> infobatch = InfoBatch()
    >>> rows = infobatch.select(super_batch, 6, generator=torch.Generator().manual_seed(0))
    >>> super_batch.losses[rows], infobatch.last_report.weights  # the rates are 1 and 1/2
    (tensor([2.0000, 2.0000, 0.1000, 0.1000, 0.1000, 0.1000]), tensor([0.6000, 0.6000, 1.2000, 1.2000, 1.2000, 1.2000]))
    """

    name = "infobatch"
    description = "fewer samples below the mean loss, their gradients scaled up; unbiased"
    paper = "Qin et al. 2024, arXiv 2303.04947"
    reads = ("losses",)
    chooses_all = True
    gives_weights = True

    def __init__(self, *, ratio: float = 0.5, delta: float = 0.875) -> None:
        if not 0 <= ratio < 1:
            raise ValueError(f"ratio is {ratio}, want at least 0 and below 1")
        self.ratio = ratio
        self.delta = share("delta", delta)

    def _choose(self, offer: Offer, size: int) -> Tensor:
        losses, m = offer["losses"], len(offer)  # [m]
        keys = offer.uniform(m)
        if self.progress >= self.delta:
            self._give_weights(losses.new_ones(size))
            return keys.argsort(stable=True)[:size]
        easy = losses.double() < losses.double().mean()  # [m]
        n_easy = int(easy.sum())
        kept_easy, kept_hard = kept_of_each(n_easy, m - n_easy, size, self.ratio)
        expected: tuple[float, float] = kept_easy, kept_hard
        if size == 1 and n_easy:
            hard_share = (m - n_easy) / (m - self.ratio * n_easy)
            kept_hard = int(offer.uniform(1) < hard_share)
            kept_easy, expected = 1 - kept_hard, (1 - hard_share, hard_share)
        order = (keys + easy).argsort(stable=True)  # the hard ones in random order, then the easy ones
        places = torch.cat([order[:kept_hard], order[m - n_easy : m - n_easy + kept_easy]])
        of_easy, of_hard = (n / m / (kept or 1) * size for n, kept in zip((n_easy, m - n_easy), expected, strict=True))
        weights = torch.tensor([of_hard] * kept_hard + [of_easy] * kept_easy, dtype=losses.dtype)
        self._give_weights(weights.to(offer.device))
        return places


def kept_of_each(n_easy: int, n_hard: int, size: int, ratio: float) -> tuple[int, int]:
    """How many easy and hard samples to keep, `size` together, easy ones at 1 - ratio times the rate of hard ones.

    At least one of either kind that there is, from a size of 2; a single one is hard. The hard ones all where their
    rate would be above 1.

    >>> from saln.selectors.infobatch import kept_of_each
    >>> kept_of_each(8, 2, 6, 0.5), kept_of_each(50, 50, 30, 0.5), kept_of_each(9, 1, 5, 0.9)
    ((4, 2), (10, 20), (4, 1))
    """
    if n_easy == 0:
        return 0, size
    hard_rate = min(1.0, size / (n_hard + (1 - ratio) * n_easy))
    kept_hard = round(hard_rate * n_hard)
    kept_hard = max(kept_hard, size - n_easy, min(1, n_hard))
    kept_hard = min(kept_hard, n_hard, size - 1 if size > 1 else size)
    return size - kept_hard, kept_hard
