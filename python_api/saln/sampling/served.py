"""What a sampler remembers of a batch that it served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
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
    age : float or None
        Mean steps from the record of a sample to this batch, of those in its super-batch that were recorded (see
        `Recorder`); None where none was.
    unseen : float or None
        Share of the super-batch of which nothing was recorded; None where nothing is to be.
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
    age: float | None = None
    unseen: float | None = None
    memory: dict[str, Any] | None = None

    @property
    def weights(self) -> Tensor | None:
        """What to multiply the samples' losses with, `[size]`, or None: see `SelectionReport`."""
        return self.report.weights

    def state_dict(self) -> dict[str, Any]:
        """What `from_state` makes the batch from."""
        names = ("epoch", "step", "indices", "staleness", "age", "unseen")
        report = {"n_rows": self.report.n_rows, "n_left_out": self.report.n_left_out, "weights": self.weights}
        return {name: getattr(self, name) for name in names} | {"rows": self.rows.cpu(), "report": report}

    @classmethod
    def from_state(cls, state_dict: Mapping[str, Any], device: torch.device) -> ServedBatch:
        """The batch as it was served, with no more of its report than every report has."""
        kept = {name: value for name, value in state_dict.items() if name not in ("rows", "report", "memory")}
        report = SelectionReport(**state_dict["report"])
        return cls(**kept, rows=state_dict["rows"].to(device), report=report, selection_seconds=0.0)
