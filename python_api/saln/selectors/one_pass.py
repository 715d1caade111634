"""One look at the dataset, then every sample in its turn."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from saln.inspection.copies import find_copies
from saln.inspection.labels import judge_labels
from saln.mapping import take
from saln.selectors.base import Offer, Selector
from saln.selectors.registry import register
from saln.selectors.support.schedule import share
from saln.superbatch import SuperBatch

LOOKED_AT = 2000
"""Rows among which copies are looked for first; where there are few, all rows are taken for different."""
LEAST_SEEN = 0.01
"""Share of these that must be near copies of others."""
LEAST_SURPLUS = 0.05
"""Share of all rows that must be copies of others for any to count: else there is little to gain."""
LEAST_CREDIBLE = 0.05
"""Nothing is left out for good: the least credible sample comes this many times as often as the most of its class."""
LEAST_NOISE = 0.1
"""Share of wrong labels below which every label is believed: samples that are hard but right are worth more than what
would be found."""
LEAST_SKILL = 0.45
"""Skill below which every label is believed: features that hardly tell classes apart (pixels, say) do not tell which
labels are wrong either."""
LEAST_ROWS = 1000
"""In smaller datasets every label is believed: estimates of the noise scatter too much."""


@register
class OnePass(Selector):
    """Every sample in its turn, as often as one look at the dataset says it is worth.

    This project's own, the default until `Auto` (docs/log/one-pass.md). `prepare` looks at the dataset once: how many
    copies each sample has (`saln.inspection.copies`), and how likely its label is right (`saln.inspection.labels`). A
    sample is worth that probability, at least `LEAST_CREDIBLE`, over its number of
    copies; classes keep the shares that they have without copies, or with `balance` more even ones. Nothing is looked
    at while training goes on: no forward pass is added, and choosing takes a fraction of a millisecond.

    Samples then take turns: with w the worth over the largest one, a sample comes first in a round between 1 and 1/w,
    drawn evenly, and again 1/w rounds later. From a super-batch those whose round comes first are taken, in the order
    in which the super-batch offers them: it is to come shuffled, as those of loaders do. Unlike with independent draws
    nothing is repeated before its turn, which matters as much as the weights do where labels are wrong. Where all
    samples are worth the same there is nothing to choose by: it `abstains`, and the first rows of the super-batch are
    taken, what a shuffled epoch would have given.

    A super-batch of a dataset that was not looked at stands for itself, its order counts for nothing, and nothing is
    remembered of it.

    O(N d) time for the look, less where it finds nothing (see there), O(N) memory; O(M log M) a batch. With one class,
    or without labels, copies alone count.

    Parameters
    ----------
    copies : bool
        Whether copies share one sample's turns.
    credibility : bool
        Whether labels are doubted.
    balance : float
        0: classes keep their shares; 1: all get the same; between, shares to the power of 1 - balance. What is right
        depends on what the model is for, and is not to be seen in the data.
    seed : int
        Of rounds and looks.

    Attributes
    ----------
    worth : Tensor or None
        `[N]` float64, at most 1, of the dataset that was looked at, by ascending index.
    noise : float or None
        Estimated share of wrong labels.
    abstains : bool
        Whether all samples of the dataset that was looked at are worth the same.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import OnePass
    >>> features = torch.tensor([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0], [5.0, 6.0]])
    >>> dataset = SuperBatch(features, indices=torch.arange(4))
    >>> selector = OnePass()
    >>> selector.prepare(dataset)
    >>> selector.worth
    tensor([0.5000, 1.0000, 0.5000, 1.0000], dtype=torch.float64)
    >>> [selector.select(dataset, 3).tolist() for _ in range(2)]
    [[0, 1, 3], [1, 2, 3]]
    """

    name = "one_pass"
    description = "every sample in its turn, by copies and label credibility; one look at the dataset"
    paper = "this project"
    finite_in = ("features",)
    chooses_all = True
    wants_dataset = True

    def __init__(self, *, copies: bool = True, credibility: bool = True, balance: float = 0.0, seed: int = 0) -> None:
        self.copies = copies
        self.credibility = credibility
        self.balance = share("balance", balance)
        self.seed = seed
        self.worth: Tensor | None = None
        self.noise: float | None = None
        self._indices: npt.NDArray[np.int64] | None = None  # [N] ascending, if they are not 0 to N - 1
        self._alike = False
        self._turn = np.empty(0)  # [N] when each comes next, in rounds
        self._pause = self._turn  # [N] rounds from one turn to the next

    @property
    def reads(self) -> tuple[str, ...]:
        """As in `Selector`; features are looked at once, by `prepare`."""
        return () if self.worth is None or self.abstains else ("indices",)

    @property
    def abstains(self) -> bool:
        """As in `Selector`: whether all samples of the dataset that was looked at are worth the same."""
        return self._alike

    @torch.no_grad()
    def prepare(self, pool: SuperBatch) -> None:
        """As in `Selector`: look at the whole dataset; features, and labels and indices where it has them.

        Raises a ValueError if two of the indices are the same.
        """
        indices = pool.indices if pool.indices is not None else torch.arange(len(pool), device=pool.device)
        worth, self.noise = self.look(pool)
        self._indices = None
        if not torch.equal(indices, torch.arange(len(pool), device=pool.device)):
            ascending, order = indices.sort()
            if bool((ascending.diff() == 0).any()):
                raise ValueError("indices of the dataset holds one twice, want each once")
            self._indices, worth = ascending.cpu().numpy(), worth[order]
        self.worth = worth
        self._alike = bool((worth == 1).all())
        self._pause = 1 / worth.cpu().numpy()
        self._draw_turns()

    def _draw_turns(self) -> None:
        drawn = torch.rand(len(self._pause), generator=torch.Generator().manual_seed(self.seed), dtype=torch.float64)
        self._turn = (1 - drawn.numpy()) * self._pause

    def reset(self) -> None:
        """As in `Selector`."""
        super().reset()
        self._draw_turns()

    def state_dict(self) -> dict[str, Any]:
        """As in `Selector`: when each sample comes next."""
        return {"turn": torch.from_numpy(self._turn.copy())}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As in `Selector`; a ValueError if it is of another dataset."""
        turn = state_dict["turn"]
        if len(turn) != len(self._turn):
            raise ValueError(f"state_dict is of {len(turn)} samples, want {len(self._turn)}: `prepare` comes first")
        self._turn = turn.numpy().copy()

    def _choose(self, offer: Offer, size: int) -> Tensor:
        if self.worth is None:
            worth, _ = self.look(offer.samples)
            drawn = offer.uniform(len(offer))
            # Exponential waiting times: one draw after another, without replacement, in proportion to worth.
            return ((-drawn.log()).log() - worth.log()).argsort(stable=True)[:size]
        if self.abstains:
            return offer.everything[0, :size]
        places = self._places(offer["indices"].cpu().numpy())
        # When each comes next, in rounds; few operations on few numbers, which numpy is quicker at.
        turn = self._turn[places]
        first = np.ceil(turn).argsort(kind="stable")[:size]
        places = places[first]
        self._turn[places] = turn[first] + self._pause[places]
        return torch.from_numpy(first).to(offer.device)

    def _places(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Where samples lie in the dataset, by index."""
        n = len(self._turn)
        if self._indices is None:
            places = indices
            known = not len(indices) or (indices.min() >= 0 and indices.max() < n)
        else:
            places = np.searchsorted(self._indices, indices).clip(max=n - 1)
            known = bool((self._indices[places] == indices).all())
        if not known:
            strange = indices[~np.isin(indices, np.arange(n) if self._indices is None else self._indices)]
            raise ValueError(f"indices has {strange[0]}, which is not in the dataset given to `prepare`")
        return places

    def look(self, pool: SuperBatch) -> tuple[Tensor, float | None]:
        """Worth `[N]` over the largest, and the estimated share of wrong labels, if any were looked at."""
        different = torch.ones(len(pool), dtype=torch.float64, device=pool.device)
        among = noise = None
        if self.copies:
            counts, among = count_copies(pool.features, seed=self.seed)
            different = 1 / counts
        worth = different
        if pool.labels is not None:
            if self.credibility:
                judged = judge_labels(pool.features, pool.labels, among=among, seed=self.seed)
                noise = judged.noise
                n = len(pool) if among is None else len(among)
                if n >= LEAST_ROWS and noise >= LEAST_NOISE and judged.skill >= LEAST_SKILL:
                    # Classes that are too small to be judged are believed, rows that are broken are not.
                    quality = judged.quality.double().where(judged.losses.isnan() | ~judged.quality.isnan(), 1.0)
                    worth = worth * quality.nan_to_num(0.0).clamp_min(LEAST_CREDIBLE)
            worth = worth * self._class_factors(worth, different, pool.labels)
        return worth / worth.amax() if len(worth) else worth, noise

    def _class_factors(self, worth: Tensor, different: Tensor, labels: Tensor) -> Tensor:
        """What brings each row's class to its share `[N]`: doubts move turns within a class, not between classes."""
        if worth is different and self.balance == 0:
            return torch.ones_like(worth)
        _, classes, sizes = torch.unique(labels, return_inverse=True, return_counts=True)
        shares, doubted = (each.new_zeros(len(sizes)).index_add_(0, classes, each) for each in (different, worth))
        return (shares.pow(1 - self.balance) / doubted)[classes]


def count_copies(features: Tensor, *, seed: int = 0) -> tuple[Tensor, Tensor | None]:
    """How many copies each row has, itself included, `[N]` float64, and one row of each group of copies.

    Some rows are looked at first, and all only if copies are among these. Copies that make up less than `LEAST_SURPLUS`
    of all rows are taken for different: then counts are 1, and None comes in the place of rows.
    """
    n = len(features)
    alone = torch.ones(n, dtype=torch.float64, device=features.device)
    if n > LOOKED_AT:
        some = torch.randperm(n, generator=torch.Generator().manual_seed(seed))[:LOOKED_AT].to(features.device)
        found = find_copies(take(features, some), seed=seed)
        if not bool(found.exact.any()) and _surplus(found.groups) < LEAST_SEEN:
            return alone, None
    found = find_copies(features, seed=seed)
    if _surplus(found.groups) < LEAST_SURPLUS:
        return alone, None
    first = torch.full((int(found.groups.amax()) + 1,), n, device=features.device)
    rows = torch.arange(n, device=features.device)
    return found.counts.double(), first.scatter_reduce(0, found.groups, rows, "amin")


def _surplus(groups: Tensor) -> float:
    """Share of rows that are copies of an earlier one; groups are numbered from 0."""
    return 1 - (int(groups.amax()) + 1) / len(groups) if len(groups) else 0.0
