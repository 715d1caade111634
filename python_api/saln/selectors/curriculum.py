"""Curriculum: the part of the distribution of difficulty that is served moves over training."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from saln.selectors.base import Selector, eligible_rows
from saln.selectors.support.choices import one_of
from saln.selectors.support.schedule import Schedule, share_throughout, value_at
from saln.selectors.wrapping import Wrapper, as_selector, needs_of, select_among
from saln.superbatch import SuperBatch

DIFFICULTIES: dict[str, tuple[str, ...]] = {
    "losses": ("losses",),
    "reference_losses": ("reference_losses",),
    "learnability": ("losses", "reference_losses"),
}
LOW = Schedule(0.0, 0.5, "linear")
HIGH = Schedule(0.5, 1.0, "linear")


class Curriculum(Wrapper):
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

    Attributes
    ----------
    progress : float
        Share of training that is over, set by the trainer.

    Raises
    ------
    ValueError
        If an option is unknown or out of its range; from `select`, if low is above high at the present progress, the
        size does not fit, or the super-batch lacks a tensor.

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

    name: ClassVar[str] = "curriculum"
    description: ClassVar[str] = "any method within a window of difficulty that moves from easy to hard"
    paper: ClassVar[str] = "Bengio et al. 2009; Hacohen & Weinshall 2019, arXiv 1904.03626"
    needs: ClassVar[tuple[str, ...]] = ("losses",)

    def __init__(
        self,
        method: str | Selector = "uniform",
        *,
        difficulty: str = "losses",
        low: float | Schedule = LOW,
        high: float | Schedule = HIGH,
    ) -> None:
        self.method = as_selector(method)
        super().__init__([self.method])
        self.difficulty = one_of("difficulty", difficulty, tuple(DIFFICULTIES))
        self.low = share_throughout("low", low)
        self.high = share_throughout("high", high)
        # Of this instance: what is wrapped decides.
        self.needs = needs_of(self._inner, *DIFFICULTIES[difficulty])  # type: ignore[misc]

    @torch.no_grad()
    def select(self, super_batch: SuperBatch, size: int, *, generator: torch.Generator | None = None) -> Tensor:
        """As in `Selector`."""
        rows, report = eligible_rows(super_batch, size, ("features", *self.needs), by=self.name)
        first, last = window(*self._bounds(), rows.numel(), size)
        order = self._difficulty(super_batch)[rows].argsort(stable=True)
        within = rows[order[first:last]].sort().values  # in the super-batch's order, on which ties are decided
        chosen = select_among(self.method, super_batch, within, size, generator)
        self.last_report = report
        return chosen

    def _bounds(self) -> tuple[float, float]:
        low, high = value_at(self.low, self.progress), value_at(self.high, self.progress)
        if low > high:
            raise ValueError(f"{self.name}: low is {low} at progress {self.progress}, want at most high, {high}")
        return low, high

    def _difficulty(self, super_batch: SuperBatch) -> Tensor:
        values = [super_batch.require(name, by=self.name).double() for name in DIFFICULTIES[self.difficulty]]
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
