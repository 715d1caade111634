"""How often, and how long ago, each sample was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

WINDOW = 512.0
"""Samples that count for what training finds of late: of older ones less and less."""


class Trained:
    """Hears of every sample that is trained on.

    Parameters
    ----------
    groups : Tensor [N]
        int64, samples that count as one have one number, from 0 on.

    Attributes
    ----------
    square : Tensor
        float32 scalar, mean square of the residuals that training had of late; NaN before any.

    Examples
    --------
    >>> import torch
    >>> from saln.selectors.support.trained import Trained
    >>> trained = Trained(torch.tensor([0, 1, 2, 0]))  # the last is a copy of the first
    >>> for rows in ([0, 1], [2, 1]):
    ...     trained.hear(torch.tensor(rows), {"residuals": torch.full((2, 1), 0.5)}, torch.ones(2, dtype=torch.bool))
    >>> trained.times(torch.arange(4)).tolist(), trained.square.item()
    ([1.0, 2.0, 1.0, 1.0], 0.25)
    >>> trained.forgotten(torch.arange(4))  # half an epoch ago, just now twice, and never
    tensor([0.3935, 0.0000, 0.0000, 0.0000])
    """

    def __init__(self, groups: Tensor) -> None:
        self._groups, self._device = groups, groups.device
        self._times = torch.zeros(int(groups.amax()) + 1 if len(groups) else 0, device=self._device)  # of groups
        self._at = torch.full((len(groups),), -1.0, dtype=torch.float64, device=self._device)
        self._now = 0  # samples trained on
        self._squares = torch.zeros(2, device=self._device)  # their sum, and how many

    @property
    def square(self) -> Tensor:
        """See the class."""
        return self._squares[0] / self._squares[1]

    def times(self, rows: Tensor) -> Tensor:
        """How often each of rows `[M]`, or a sample that counts as one with it, was trained on: float32 `[M]`."""
        return self._times[self._groups[rows]]

    def forgotten(self, rows: Tensor) -> Tensor:
        """Share of what was found of rows `[M]` that holds no longer, float32 `[M]`: 1 - 1/e after N samples more;
        0 where nothing was found.
        """
        at = self._at[rows]
        return torch.where(at < 0, 0.0, 1 - torch.exp((at - self._now) / len(self._groups))).float()

    def hear(self, rows: Tensor, values: Mapping[str, Tensor], first: Tensor) -> None:
        """As in `Listener`; without residuals it says nothing."""
        residuals = values.get("residuals")
        if residuals is None:
            return
        self._now += len(rows)
        self._at[rows] = float(self._now)
        self._times.index_add_(0, self._groups[rows], torch.ones(len(rows), device=self._device))
        squares = residuals.float().square().sum(dim=1)
        found = torch.stack([squares.nan_to_num(posinf=0.0).sum(), squares.isfinite().sum().float()])
        self._squares = max(0.0, 1 - len(rows) / WINDOW) * self._squares + found

    def clear(self) -> None:
        """As in `Listener`."""
        self._now = 0
        self._at.fill_(-1)
        self._times.zero_()
        self._squares = torch.zeros(2, device=self._device)

    def state_dict(self) -> dict[str, Any]:
        """As in `Listener`."""
        kept = {"at": self._at, "times": self._times, "squares": self._squares}
        return {"now": self._now, **{name: each.cpu().clone() for name, each in kept.items()}}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """As in `Listener`."""
        self._now = int(state_dict["now"])
        self._at, self._times, self._squares = (
            state_dict[name].to(self._device, copy=True) for name in ("at", "times", "squares")
        )
