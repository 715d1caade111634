"""The guard: coverage floors, reuse caps, a share of uniform batches and importance weights around any method."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from saln.selectors.base import Offer, SelectionReport, Selector
from saln.selectors.registry import as_selector, register
from saln.selectors.support.choices import at_least
from saln.selectors.support.schedule import share

Integers = npt.NDArray[np.int64]

INTERVENTIONS = ("uniform_batches", "rows_capped", "caps_lifted", "rows_covered", "floors_lowered")


@dataclass(frozen=True)
class GuardReport(SelectionReport):
    """What a guard did in its last call.

    Attributes
    ----------
    interventions : dict of str to int
        As in `Guard.interventions`, of this call alone.
    """

    interventions: dict[str, int] = field(default_factory=dict)


@register
class Guard(Selector):
    """Any method, kept from starving a class or a group, from repeating itself, and from choosing alone.

    This project's own; that pruning widens the gaps between classes, and that set shares of each class help, is shown
    by Vysogorets, Ahuja & Kempe 2025 (DRoP, arXiv 2404.05579). In this order:

    1. reuse cap: rows that were served `max_reuse` times since `start_epoch` are not offered; where fewer than the size
       are left, the least used come back
    2. the method chooses
    3. coverage floor: with n_g of the m rows offered, group g gets at least `floor` times its proportional number
       size · n_g / m, rounded down, and at least `min_count`, as far as it has rows. A group that is short gets rows of
       its own, drawn uniformly (a choice: within a class random is strong), in place of those that the method chose
       last among the groups with more than their floor. Where all floors together exceed the size the largest are
       lowered.
    4. uniform share: with probability ε the batch is uniform instead
    5. importance weights: given the batch S of step 3, a row is served with probability π_i = ε size / m +
       (1 - ε) [i in S], so that with ε > 0 weights (size / m) / π_i make the weighted mean loss of the batch an
       unbiased estimate of the mean over the rows offered (Horvitz & Thompson 1952). They are in
       `last_report.weights`: small for what the method chose, 1 / ε for what only chance serves, and None for ε = 0,
       where rows left out have no chance. A method's own weights are kept where step 3 did not change its batch.

    Costs what the method costs, and O(M log M) time and O(M) memory; groups and reuse are looked up on the host, one
    synchronisation each on an accelerator, and the times served take O(dataset) memory with a cap.

    Parameters
    ----------
    method : str or Selector
    floor : float
        Share of a group's proportional number, 0 (no floor) to 1 (proportional batches).
    min_count : int
        Rows of every group in the super-batch.
    max_reuse : int, optional
        Needs indices.
    epsilon : float
        ε, 0 to 1.

    Attributes
    ----------
    interventions : dict of str to int
        Counts so far: "uniform_batches" served; "rows_capped" not offered because of the cap; "caps_lifted", rows
        offered in spite of it; "rows_covered" put in for a floor; "floors_lowered", groups whose floor did not fit.
    n_batches : int
        Batches so far.

    Examples
    --------
    Nine samples of one class and one of another, which the method would leave out:

    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import Guard
    >>> labels = torch.tensor([0] * 9 + [1])
    >>> super_batch = SuperBatch(torch.zeros(10, 1), losses=torch.arange(10, 0, -1.0), labels=labels)
    >>> guard = Guard("infobatch", min_count=1)
    >>> 9 in guard.select(super_batch, 5, generator=torch.Generator().manual_seed(1))
    True
    """

    name = "guard"
    description = "any method with coverage floors, reuse caps, uniform batches and weights"
    paper = "this project; after Vysogorets et al. 2025, arXiv 2404.05579"
    finite_in = ("features",)
    chooses_all = True

    def __init__(
        self,
        method: str | Selector = "spectral_candidates",
        *,
        floor: float = 0.5,
        min_count: int = 0,
        max_reuse: int | None = None,
        epsilon: float = 0.0,
    ) -> None:
        self.method = as_selector(method)
        self.inner = (self.method,)
        self.floor = share("floor", floor)
        self.min_count = at_least("min_count", min_count, 0)
        self.max_reuse = None if max_reuse is None else at_least("max_reuse", max_reuse, 1)
        self.epsilon = share("epsilon", epsilon)
        self._forget()

    def _forget(self) -> None:
        self.interventions = dict.fromkeys(INTERVENTIONS, 0)
        self.n_batches = 0
        self._times: Integers = np.zeros(0, dtype=np.int64)  # served since start_epoch, by dataset index

    @property
    def reads(self) -> tuple[str, ...]:
        """As in `Selector`."""
        floors_held = self.floor or self.min_count
        return (*(("labels",) if floors_held else ()), *(("indices",) if self.max_reuse else ()))

    @property
    def gives_weights(self) -> bool:
        """As in `Selector`."""
        return self.epsilon > 0 or super().gives_weights

    def start_epoch(self) -> None:
        """Forget how often samples were served; the reuse cap counts from here."""
        super().start_epoch()
        self._times = np.zeros(0, dtype=np.int64)

    def _choose(self, offer: Offer, size: int) -> Tensor:
        counts = dict.fromkeys(INTERVENTIONS, 0)
        offered = None if self.max_reuse is None else self._offered(offer, size, counts)  # places, [m]
        chosen = offer.chosen_by(self.method, size, offered)
        if offered is None:
            offered = offer.everything.squeeze(0)
        if self.floor or self.min_count:
            chosen = self._covered(offer, offered, chosen, counts)
        chosen, weights = self._mixed(offer, offered, chosen, counts)
        if self.max_reuse is not None:
            np.add.at(self._times, offer["indices"][chosen].cpu().numpy(), 1)
        for name, count in counts.items():
            self.interventions[name] += count
        self.n_batches += 1
        report = self.last_report
        assert report is not None
        inside = self.method.last_report
        stage = None if inside is None else inside.stage
        self.last_report = GuardReport(report.n_rows, report.n_left_out, weights, stage, counts)
        return chosen

    def _offered(self, offer: Offer, size: int, counts: dict[str, int]) -> Tensor | None:
        """Places of the rows below the cap; None, all."""
        indices = offer["indices"].cpu().numpy()
        self._make_room(indices)
        times = self._times[indices]
        fresh = times < self.max_reuse
        lacking = size - int(fresh.sum())
        if lacking > 0:
            least_used = np.flatnonzero(~fresh)[np.argsort(times[~fresh], kind="stable")[:lacking]]
            fresh[least_used] = True
            counts["caps_lifted"] += lacking
        counts["rows_capped"] += int((~fresh).sum())
        return None if fresh.all() else torch.from_numpy(np.flatnonzero(fresh)).to(offer.device)

    def _make_room(self, indices: Integers) -> None:
        most = int(indices.max(initial=-1)) + 1
        if most > self._times.size:
            self._times = np.concatenate([self._times, np.zeros(most - self._times.size, dtype=np.int64)])

    def _covered(self, offer: Offer, offered: Tensor, chosen: Tensor, counts: dict[str, int]) -> Tensor:
        keys = offer.uniform(offered.numel())
        _, groups = np.unique(offer["labels"][offered].cpu().numpy(), return_inverse=True)  # [m]
        places = torch.searchsorted(offered, chosen).cpu().numpy()  # those offered ascend
        swapped, lowered = cover(groups, places, self.floor, self.min_count, keys.cpu().numpy())
        counts["floors_lowered"] += lowered
        n_swapped = int(np.isin(swapped, places, invert=True).sum())
        counts["rows_covered"] += n_swapped
        return offered[torch.from_numpy(swapped).to(offered.device)] if n_swapped else chosen

    def _mixed(
        self, offer: Offer, offered: Tensor, chosen: Tensor, counts: dict[str, int]
    ) -> tuple[Tensor, Tensor | None]:
        m, size = offered.numel(), chosen.numel()
        weights = None if counts["rows_covered"] else self.method.last_weights
        if self.epsilon == 0:
            return chosen, weights
        kept = torch.zeros(len(offer), dtype=torch.bool, device=offer.device).index_fill_(0, chosen, True)
        uniform = float(offer.uniform()) < self.epsilon
        if uniform:
            counts["uniform_batches"] += 1
            chosen = offered[offer.shuffled(m)[:size]]
        if weights is not None:
            return chosen, torch.ones_like(weights) if uniform else weights
        probability = self.epsilon * size / m + (1 - self.epsilon) * kept[chosen].double()
        return chosen, (size / m / probability).float()

    def update(self, reward: float) -> None:
        """As in `Selector`; not passed on where the batch was uniform by ε, and so not the method's."""
        report = self.last_report
        if isinstance(report, GuardReport) and not report.interventions["uniform_batches"]:
            super().update(reward)

    def reset(self) -> None:
        """As in `Selector`."""
        super().reset()
        self._forget()

    def state_dict(self) -> dict[str, Any]:
        """As in `Selector`."""
        return {
            **super().state_dict(),
            "interventions": dict(self.interventions),
            "n_batches": self.n_batches,
            "times": torch.from_numpy(self._times.copy()),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As in `Selector`."""
        super().load_state_dict(state_dict)
        self.interventions = dict(state_dict["interventions"])
        self.n_batches = int(state_dict["n_batches"])
        self._times = state_dict["times"].numpy().copy()


def floors(group_sizes: Integers, size: int, floor: float, min_count: int) -> tuple[Integers, int]:
    """How many rows of each group `[G]` a batch needs at least, and for how many groups that had to be lowered.

    >>> import numpy as np
    >>> from saln.selectors.guard import floors
    >>> floors(np.array([80, 15, 5]), 20, 0.5, 1), floors(np.array([5, 5, 5]), 2, 0.0, 1)
    ((array([8, 1, 1]), 0), (array([1, 1, 0]), 1))
    """
    # Up to rounding of the product, a whole number is reached.
    share_of = np.floor(floor * size * group_sizes / group_sizes.sum() + 1e-9).astype(np.int64)
    wanted = np.minimum(np.maximum(share_of, min_count), group_sizes)
    given = wanted.copy()
    while given.sum() > size:
        given[given.size - 1 - int(given[::-1].argmax())] -= 1  # the last among the largest
    return given, int((given < wanted).sum())


def cover(
    groups: Integers, chosen: Integers, floor: float, min_count: int, keys: npt.NDArray[np.float64]
) -> tuple[Integers, int]:
    """Places chosen, with as few swaps as possible, such that every group has its floor; floors lowered.

    Parameters
    ----------
    groups : array [m]
        Of every place, 0 to G - 1.
    chosen : array [size]
        Places in the order of choice; the last are given up first.
    floor, min_count
        As in `Guard`.
    keys : array [m]
        Random; the smallest come in first.

    Examples
    --------
    >>> import numpy as np
    >>> from saln.selectors.guard import cover
    >>> cover(np.array([0, 0, 0, 0, 1, 1]), np.array([2, 0, 1]), 1.0, 0, np.arange(6) / 6)
    (array([2, 0, 4]), 0)
    """
    needed, lowered = floors(np.bincount(groups), len(chosen), floor, min_count)
    have = np.bincount(groups[chosen], minlength=len(needed))
    surplus, missing = np.maximum(have - needed, 0), np.maximum(needed - have, 0)
    out = int(missing.sum())
    kept = np.ones(len(chosen), dtype=bool)
    for n in range(len(chosen) - 1, -1, -1):
        group = groups[chosen[n]]
        if out and surplus[group]:
            kept[n] = False
            surplus[group] -= 1
            out -= 1
    free = np.ones(len(groups), dtype=bool)
    free[chosen] = False
    order = np.flatnonzero(free)[np.argsort(keys[free], kind="stable")]
    new = [order[groups[order] == group][: missing[group]] for group in np.flatnonzero(missing)]
    return np.concatenate([chosen[kept], *new]), lowered
