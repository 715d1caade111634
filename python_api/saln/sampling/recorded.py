"""What was recorded of each sample, and what rows count for of which nothing was."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from saln.selectors.support.listener import Listener
from saln.superbatch import SuperBatch


class RecordedValues:
    """Values of single samples, row by row, kept where the samples are: NaN where nothing is known.

    Values on a GPU of samples on the host arrive when somebody reads them, so that recording waits for nothing.

    Parameters
    ----------
    n_rows : int
        N.
    device : torch.device
        Where to keep them.
    listeners : sequence of Listener
        Hear of values as they arrive.

    Examples
    --------
    >>> import torch
    >>> from saln.sampling.recorded import RecordedValues
    >>> values = RecordedValues(3, torch.device("cpu"))
    >>> values.put(torch.tensor([2, 0]), {"losses": torch.tensor([0.5, torch.nan])})
    >>> values.get("losses")
    tensor([   nan,    nan, 0.5000])
    """

    def __init__(self, n_rows: int, device: torch.device, listeners: Sequence[Listener] = ()) -> None:
        self.n_rows = n_rows
        self.device = device
        self.listeners = listeners
        self._values: dict[str, Tensor] = {}  # [N] or [N, w], float32
        self._waiting: deque[tuple[Tensor, dict[str, Tensor], torch.Event]] = deque()

    def put(self, rows: Tensor, values: Mapping[str, Tensor]) -> None:
        """Keep values `[B]` or `[B, w]` of rows `[B]`, int64 on the host and none twice.

        A row with a value that is not finite keeps what it had. A ValueError if one is of another width than before.
        """
        self.check_widths(values)
        moved = {name: self._arriving(value.detach().float()) for name, value in values.items()}
        source = next(iter(values.values())).device
        if source.type == "cuda" and self.device.type == "cpu":
            arrival = torch.Event(source)
            arrival.record()
            self._waiting.append((rows, moved, arrival))
        else:
            self._arrive()
            self._write(rows, moved)

    def get(self, name: str) -> Tensor | None:
        """All rows' values, `[N]` or `[N, w]` float32, or None where nothing was recorded yet; not a copy."""
        self._arrive()
        return self._values.get(name)

    def check_widths(self, values: Mapping[str, Tensor]) -> None:
        """Raise a ValueError if values are of another width than before."""
        known = {**self._values, **(self._waiting[-1][1] if self._waiting else {})}
        for name, value in values.items():
            if name in known and known[name].shape[1:] != value.shape[1:]:
                raise ValueError(f"{name} has {value.shape[1]} columns, want {known[name].shape[1]} as before")

    def clear(self) -> None:
        """Nothing is known any more."""
        self._waiting.clear()
        self._values.clear()
        for listener in self.listeners:
            listener.clear()

    def state_dict(self) -> dict[str, Tensor]:
        """Copies, by name, on the host."""
        self._arrive()
        return {name: value.cpu().clone() for name, value in self._values.items()}

    def load_state_dict(self, state_dict: Mapping[str, Tensor]) -> None:
        """Go on from there."""
        self.clear()
        self._values = {name: value.to(self.device, copy=True) for name, value in state_dict.items()}

    def check_state(self, n_rows: int, n_listeners: int) -> None:
        """Raise a ValueError if a state of so many rows and listeners is of something else."""
        if n_rows != self.n_rows:
            raise ValueError(f"the state is of {n_rows} rows, want {self.n_rows}: it is of another dataset")
        if n_listeners != len(self.listeners):
            raise ValueError(
                f"the state holds what {n_listeners} listeners heard, want {len(self.listeners)}: it is of another "
                "version or method, or a history watched that does not now"
            )

    def _arrive(self) -> None:
        """Wait for what is on its way."""
        while self._waiting:
            rows, values, arrival = self._waiting.popleft()
            arrival.synchronize()
            self._write(rows, values)

    def _arriving(self, value: Tensor) -> Tensor:
        """On its way; from another kind of device than a GPU it is waited for."""
        return value.to(self.device, non_blocking=value.device.type in ("cpu", "cuda"))

    def _write(self, rows: Tensor, values: Mapping[str, Tensor]) -> None:
        rows = rows.to(self.device, non_blocking=True)
        if self.listeners:
            known = self._values.get("losses")
            first = torch.ones_like(rows, dtype=torch.bool) if known is None else known[rows].isnan()
            for listener in self.listeners:
                listener.hear(rows, values, first)
        good = torch.ones(rows.shape, dtype=torch.bool, device=self.device)
        for value in values.values():
            good &= (value if value.dim() == 1 else value.sum(dim=1)).isfinite()
        all_good = self.device.type == "cpu" and bool(good.all())  # elsewhere it would be waited for
        for name, value in values.items():
            kept = self._values.get(name)
            if kept is None:
                kept = torch.full((self.n_rows, *value.shape[1:]), torch.nan, device=self.device)
                self._values[name] = kept
            if not all_good:
                value = torch.where(good if value.dim() == 1 else good[:, None], value, kept.index_select(0, rows))
            kept.index_copy_(0, rows, value)

    def __getstate__(self) -> dict[str, Any]:
        self._arrive()
        return self.__dict__


class StandIns:
    """What a sample counts for before anything of it is recorded: what a learner that guesses would make of it.

    What was given at first, if anything; else with labels of C classes the loss log C and the residual 1/C - one-hot;
    else the mean of what is recorded, of the super-batch if that holds any, or of all samples; and where nothing is
    recorded at all, the same for every sample.

    Parameters
    ----------
    samples : SuperBatch
        Of the whole dataset, as they were given.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.sampling.recorded import StandIns
    >>> stand_ins = StandIns(SuperBatch(torch.eye(4), labels=torch.tensor([0, 1, 1, 0])))
    >>> stand_ins.fill("residuals", torch.tensor([[torch.nan, torch.nan], [0.1, -0.1]]), torch.tensor([1, 3]), None)
    tensor([[ 0.5000, -0.5000],
            [ 0.1000, -0.1000]])
    """

    def __init__(self, samples: SuperBatch) -> None:
        self._samples = samples

    @cached_property
    def label_range(self) -> tuple[int, int]:
        """The lowest and the highest label."""
        lowest, highest = self._samples.require("labels", by="the recorder").aminmax()
        return int(lowest), int(highest)

    @cached_property
    def _classes(self) -> tuple[Tensor, int]:
        """Of each sample its class from 0 to C - 1, `[N]`, and C."""
        labels = self._samples.require("labels", by="the recorder")
        distinct, classes = torch.unique(labels, return_inverse=True)
        return classes, distinct.numel()

    def fill(self, name: str, values: Tensor | None, rows: Tensor, everything: Tensor | None) -> Tensor:
        """Values of rows `[M]`, with stand-ins where they are NaN.

        Parameters
        ----------
        name : {"losses", "residuals", "activations"}
        values : Tensor [M] or [M, w], optional
            Recorded; None where nothing is at all.
        rows : Tensor [M]
            On the samples' device.
        everything : Tensor [N] or [N, w], optional
            What is recorded of all samples.
        """
        width = None if values is None or values.dim() == 1 else values.shape[1]
        stand_ins = self._guessed(name, rows, width)
        if values is None:
            if stand_ins is None:
                stand_ins = torch.ones(rows.shape if name == "losses" else (rows.numel(), 1), device=rows.device)
            return stand_ins
        unknown = values.isnan() if values.dim() == 1 else values[:, :1].isnan()
        if stand_ins is None:
            assert everything is not None
            own = values.nanmean(dim=0)
            if bool(own.isnan().any()):
                own = torch.where(own.isnan(), everything.nanmean(dim=0).nan_to_num(), own)
            stand_ins = own
        return torch.where(unknown, stand_ins, values)

    def _guessed(self, name: str, rows: Tensor, width: int | None) -> Tensor | None:
        """`[M]` or `[M, w]`; None where neither given values nor labels say anything."""
        given: Tensor | None = None if name == "activations" else getattr(self._samples, name)
        if given is not None:
            return given[rows].float()
        if self._samples.labels is None or name == "activations":
            return None
        classes, c = self._classes
        if name == "losses":
            return torch.full(rows.shape, math.log(c), device=rows.device)
        if width is not None and width != c:
            lowest, highest = self.label_range
            if not 0 <= lowest <= highest < width:
                return None
            classes, c = self._samples.labels, width
        return 1 / c - torch.nn.functional.one_hot(classes[rows], c).float()
