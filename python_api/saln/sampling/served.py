"""What a sampler remembers of a batch that it served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from saln.selectors.base import SelectionReport


@dataclass(frozen=True, eq=False)
class ServedBatch:
    """A batch, and what its choice took.

    Attributes
    ----------
    epoch, step : int
        The epoch, and how many batches this rank had of it before.
    indices : tuple of int
        Of the dataset, as they were served.
    rows : Tensor [size]
        The same as rows of the samples, int64 where these are.
    report : SelectionReport
        The selector's; its `weights` are in the order of the indices.
    selection_seconds : float
        What choosing it took, wherever that was done.
    waited_seconds : float
        What the caller waited for it; all of the above, unless batches are chosen ahead.
    staleness : int or None
        Steps from the refresh of its samples' values to this batch; None where values are never refreshed.
    memory : dict or None
        The selector's memory after it, while it is on its way to the sampler, and where that asks for it.
    """

    epoch: int
    step: int
    indices: tuple[int, ...]
    rows: Tensor
    report: SelectionReport
    selection_seconds: float
    waited_seconds: float = 0.0
    staleness: int | None = None
    memory: dict[str, Any] | None = None

    @property
    def weights(self) -> Tensor | None:
        """What to multiply the samples' losses with, `[size]`, or None: see `SelectionReport`."""
        return self.report.weights
