"""Who judges labels better: the look at the features, or the learner on samples that it meets for the first time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

HELD_BACK = 1 / 16
"""Share of the samples that nobody chooses until training has met them; as large a share of a batch are some of them,
so that about an epoch has met them all."""
WINDOW = 128.0
"""First sights that count: of older ones less and less."""
LEAST = 32.0
"""First sights before there is a verdict."""
DOUBTED = 0.5
"""Trust below which the learner takes a label for wrong."""


class FirstSight:
    """Hears what the learner makes of samples it has never trained on, until it judges them as well as the look does.

    Both judge out of sample there: who names the given label more often knows more, whatever share of the labels is
    wrong. Samples that are chosen because the look believes them would flatter the look, and those left over the
    learner; so one of sixteen is held back, drawn at random, until it was met at random.

    Once the learner has named at least as many of the last labels as the look, it is the judge for good: of every
    sample that it first meets after that it says how sure it is of another label.

    Parameters
    ----------
    labels : Tensor [N]
        Of the dataset, columns of the residuals.
    right : Tensor [N]
        bool, where the look names the given label.
    seed : int
        Of what is held back.

    Attributes
    ----------
    held : Tensor [N]
        bool, samples that are held back still.
    trust : Tensor [N]
        float32: 1 less what the learner finds another label more probable by; 1 for samples it has not judged.
    overtaken : bool
        Whether the learner is the judge.

    Examples
    --------
    >>> import torch
    >>> from saln.selectors.support.first_sight import FirstSight
    >>> labels = torch.arange(1024) % 2
    >>> sight = FirstSight(labels, right=torch.arange(1024) % 4 > 0)
    >>> met = sight.held.nonzero().squeeze(1)
    >>> knows = torch.nn.functional.one_hot(labels[met], 2) * 0.8 + 0.1  # the learner's softmax
    >>> residuals = knows - torch.nn.functional.one_hot(labels[met], 2)
    >>> sight.hear(met, {"residuals": residuals}, first=torch.ones(len(met), dtype=torch.bool))
    >>> sight.overtaken, bool(sight.held.any())
    (True, False)
    """

    def __init__(self, labels: Tensor, right: Tensor, *, seed: int = 0) -> None:
        self._labels = labels
        self._right = right
        drawn = torch.rand(labels.numel(), generator=torch.Generator().manual_seed(seed)) < HELD_BACK
        self._drawn = drawn.to(labels.device)
        self.held, self.trust, self.overtaken = self._drawn, torch.empty(0), False
        self._counts = (0.0, 0.0, 0.0)  # first sights that learner and look were right on, and all
        self.clear()

    @property
    def shares(self) -> tuple[float, float]:
        """How often learner and look named the label at the latest first sights; NaN before any."""
        learner, look, n = self._counts
        return (learner / n, look / n) if n else (torch.nan, torch.nan)

    def hear(self, rows: Tensor, values: Mapping[str, Tensor], first: Tensor) -> None:
        """As in `Listener`; without residuals it says nothing."""
        residuals = values.get("residuals")
        if residuals is None:
            return
        rows, residuals = rows[first], residuals[first]
        fair = self.held[rows]
        self.held[rows] = False
        own = self._labels[rows][:, None]
        shares = residuals.scatter_add(1, own, residuals.new_ones(own.shape))  # [B, C] the learner's softmax
        believed = shares.gather(1, own).squeeze(1)
        lead = shares.amax(dim=1) - believed
        if self.overtaken:
            self.trust[rows] = 1 - lead
            return
        n = int(fair.sum())
        if not n:
            return
        found = (float((lead[fair] <= 0).sum()), float(self._right[rows[fair]].sum()), float(n))
        kept = max(0.0, 1 - n / WINDOW)
        learner, look, n_met = (kept * before + now for before, now in zip(self._counts, found, strict=True))
        self._counts = (learner, look, n_met)
        self.overtaken = n_met >= LEAST and learner >= look

    def clear(self) -> None:
        """As in `Listener`."""
        self.held = self._drawn.clone()
        self.trust = torch.ones(self._labels.shape, device=self._labels.device)
        self.overtaken = False
        self._counts = (0.0, 0.0, 0.0)

    def state_dict(self) -> dict[str, Any]:
        """As in `Listener`."""
        kept = {"held": self.held.cpu().clone(), "trust": self.trust.cpu().clone()}
        return {**kept, "overtaken": self.overtaken, "counts": self._counts}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """As in `Listener`."""
        self.held, self.trust = (state_dict[name].to(self._labels.device, copy=True) for name in ("held", "trust"))
        self.overtaken = bool(state_dict["overtaken"])
        learner, look, n_met = state_dict["counts"]
        self._counts = (learner, look, n_met)
