"""Curriculum: the part of the distribution of difficulty that is served moves over training."""

from __future__ import annotations

from torch import Tensor

from saln.selectors.base import Offer, Selector
from saln.selectors.registry import as_selector, register
from saln.selectors.support.choices import one_of
from saln.selectors.support.schedule import Schedule, share_throughout, value_at

DIFFICULTIES: dict[str, tuple[str, ...]] = {
    "losses": ("losses",),
    "reference_losses": ("reference_losses",),
    "learnability": ("losses", "reference_losses"),
}
LOW = Schedule(0.0, 0.5, "linear")
HIGH = Schedule(0.5, 1.0, "linear")


@register
class Curriculum(Selector):
    """Any method within a window of quantiles of difficulty, which moves from easy to hard.

    After Bengio et al. 2009 (Curriculum learning, ICML) and Hacohen & Weinshall 2019 (arXiv 1904.03626), who rank
    samples by a difficulty, that of a reference model among others, and serve more of the ranking by a pacing function.
    There the easy samples stay in; a window that leaves them behind, its default bounds (the easier half at first, the
    harder half at the end), and ranks within the super-batch instead of the dataset are choices. With `low` 0 it is
    theirs.

    O(M log M) time beside the method's own, O(M) memory. Equal difficulties are ranked by row.

    Parameters
    ----------
    method : str or Selector
        What chooses within the window.
    difficulty : {"losses", "reference_losses", "learnability"}
        Large is hard; "learnability" is loss - reference loss.
    low, high : float or Schedule
        Bounds of the window, shares of the ranking from 0 to 1. Where it holds fewer rows than the size it grows at
        both ends alike, as far as there are ranks.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import Curriculum
    >>> super_batch = SuperBatch(torch.zeros(8, 1), losses=torch.tensor([4.0, 1.0, 3.0, 2.0, 8.0, 5.0, 7.0, 6.0]))
    >>> curriculum = Curriculum()
    >>> easy = super_batch.losses[curriculum.select(super_batch, 4)].sort().values
    >>> curriculum.progress = 1.0
    >>> easy, super_batch.losses[curriculum.select(super_batch, 4)].sort().values
    (tensor([1., 2., 3., 4.]), tensor([5., 6., 7., 8.]))
    """

    name = "curriculum"
    description = "any method within a window of difficulty that moves from easy to hard"
    paper = "Bengio et al. 2009; Hacohen & Weinshall 2019, arXiv 1904.03626"
    finite_in = ("features",)
    chooses_all = True

    def __init__(
        self,
        method: str | Selector = "uniform",
        *,
        difficulty: str = "losses",
        low: float | Schedule = LOW,
        high: float | Schedule = HIGH,
    ) -> None:
        self.method = as_selector(method)
        self.inner = (self.method,)
        self.difficulty = one_of("difficulty", difficulty, tuple(DIFFICULTIES))
        self.low = share_throughout("low", low)
        self.high = share_throughout("high", high)

    @property
    def reads(self) -> tuple[str, ...]:
        """As in `Selector`."""
        return DIFFICULTIES[self.difficulty]

    def _choose(self, offer: Offer, size: int) -> Tensor:
        first, last = window(*self._bounds(), len(offer), size)
        order = self._difficulty(offer).argsort(stable=True)
        within = order[first:last].sort().values  # in the super-batch's order, on which ties are decided
        chosen = offer.chosen_by(self.method, size, within)
        self._give_weights(self.method.last_weights)
        return chosen

    def _bounds(self) -> tuple[float, float]:
        low, high = value_at(self.low, self.progress), value_at(self.high, self.progress)
        if low > high:
            raise ValueError(f"{self.name}: low is {low} at progress {self.progress}, want at most high, {high}")
        return low, high

    def _difficulty(self, offer: Offer) -> Tensor:
        values = [offer[name].double() for name in DIFFICULTIES[self.difficulty]]
        return values[0] if len(values) == 1 else values[0] - values[1]


def window(low: float, high: float, m: int, size: int) -> tuple[int, int]:
    """Ranks first to last - 1 of m between two quantiles, at least `size` of them.

    >>> from saln.selectors.curriculum import window
    >>> window(0.0, 0.5, 10, 3), window(0.4, 0.6, 10, 6), window(0.9, 1.0, 10, 6)
    ((0, 5), (2, 8), (4, 10))
    """
    first, last = int(low * m), min(m, max(1, -int(-high * m // 1)))
    lacking = max(0, size - (last - first))
    first -= lacking // 2
    last += lacking - lacking // 2
    shift = max(0, -first) - max(0, last - m)
    return max(0, first + shift), min(m, last + shift)
