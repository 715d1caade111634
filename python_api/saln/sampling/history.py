"""What a training run showed of each row from the first epoch to the last, in a file for `saln.prune`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from saln.datasets import ArrayFile, DataError
from saln.datasets.errors import describe, one_line
from saln.sampling.forward import losses_and_residuals, watched
from saln.writing import whole

WITHOUT_SAMPLER = "count in the loop, `with history(model, rows, labels):` around the forward pass"
KEPT = ("n_records", "lengths", "right", "learned", "forgotten")


class History:
    """How wrong a training was about each row early on, and how often it forgot what it had learned.

    One line in the loop of a classifier, `with history(model, rows, labels):` around the forward pass, or
    `sampler.recorder.watch(history)` where a sampler records residuals anyway. A record costs O(B C) and no pass;
    14 bytes a row are kept.

    Parameters
    ----------
    n_rows : int
        N, of the dataset.
    early : int
        Records of a row, one an epoch, whose residuals count for EL2N.
    device : torch.device or str
        Where to count; beside the model, nothing is waited for.

    Examples
    --------
    >>> import torch
    >>> from saln import History
    >>> history = History(3)
    >>> targets = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    >>> logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    >>> history.record(torch.arange(3), logits.softmax(dim=1) - targets)
    >>> logits[1] = torch.tensor([1.0, 0.0])
    >>> history.record(torch.arange(3), logits.softmax(dim=1) - targets)
    >>> history.forgetting()  # the second was right and then wrong, the third was never right
    tensor([0., 1., inf])
    >>> history.el2n().round(decimals=2)
    tensor([0.1700, 0.7100, 1.0300])
    """

    def __init__(self, n_rows: int, *, early: int = 10, device: torch.device | str = "cpu") -> None:
        if n_rows < 0:
            raise ValueError(f"n_rows is {n_rows}, want the number of rows of the dataset")
        if early < 1:
            raise ValueError(f"early is {early}, want at least 1")
        self.n_rows, self.early = n_rows, early
        self.n_records = torch.zeros(n_rows, dtype=torch.int32, device=device)
        self.lengths = torch.zeros(n_rows, device=device)  # summed over the first records
        self.right = torch.zeros(n_rows, dtype=torch.bool, device=device)  # when last recorded
        self.learned = torch.zeros(n_rows, dtype=torch.bool, device=device)  # ever right
        self.forgotten = torch.zeros(n_rows, dtype=torch.int32, device=device)

    @torch.no_grad()
    def record(self, rows: Tensor, residuals: Tensor) -> None:
        """Count what a forward pass of training said of its rows, before the step that follows.

        Parameters
        ----------
        rows : Tensor [B]
            int64, of the dataset, none twice.
        residuals : Tensor [B, C]
            Softmax minus one-hot. A row with a value that is not finite does not count.

        Raises
        ------
        ValueError
            If a shape does not fit.
        """
        if residuals.dim() != 2 or rows.shape != residuals.shape[:1]:
            raise ValueError(f"rows are {list(rows.shape)} and residuals {list(residuals.shape)}, want [B] and [B, C]")
        device = self.lengths.device
        rows, residuals = rows.to(device, non_blocking=True), residuals.detach().float().to(device)
        lengths = residuals.norm(dim=1)
        finite = lengths.isfinite()
        # Of the label's own share, less 1, and the largest other: with two classes one is minus the other.
        right = finite & (1 + residuals.amin(dim=1) > residuals.amax(dim=1))
        was_right = self.right[rows]
        early = finite & (self.n_records[rows] < self.early)
        self.lengths.index_add_(0, rows, torch.where(early, lengths, 0))
        self.forgotten.index_add_(0, rows, (finite & was_right & ~right).int())
        self.n_records.index_add_(0, rows, finite.int())
        self.right[rows] = torch.where(finite, right, was_right)
        self.learned[rows] |= right

    @contextmanager
    def __call__(
        self, model: nn.Module, rows: Tensor, labels: Tensor, *, head: nn.Module | str | None = None
    ) -> Iterator[None]:
        """Count the forward pass of a classifier that is made inside, from what its last layer gives.

        Parameters
        ----------
        model, head
            As in `Recorder.__call__`.
        rows : Tensor [B]
            int64, of the dataset, none twice.
        labels : Tensor [B]
            int64, 0 to C - 1.
        """
        with watched(model, head) as seen:
            yield
        logits = torch.cat(seen.logits)
        self.record(rows, losses_and_residuals(logits, labels.to(logits.device))[1])

    def hear(self, rows: Tensor, values: Mapping[str, Tensor], first: Tensor) -> None:
        """As in `Listener`: of what a recorder keeps, the residuals."""
        if "residuals" not in values:
            raise ValueError("residuals are left out, want them recorded beside losses: a history counts them")
        self.record(rows, values["residuals"])

    def clear(self) -> None:
        """As in `Listener`."""
        for name in KEPT:
            getattr(self, name).zero_()

    def state_dict(self) -> dict[str, Any]:
        """As in `Listener`."""
        return {name: getattr(self, name).cpu().clone() for name in KEPT}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """As in `Listener`; a ValueError, and nothing changes, if the state is of another number of rows."""
        for name in KEPT:
            if state_dict[name].shape != (self.n_rows,):  # one of one row would become all rows
                raise ValueError(f"the state is of {len(state_dict[name])} rows, want {self.n_rows}")
        for name in KEPT:
            getattr(self, name).copy_(state_dict[name])

    def el2n(self) -> Tensor:
        """Mean length of the residual over a row's first `early` records, float32 `[N]`; NaN where there is none.

        Paul, Ganguli & Dziugaite 2021 (arXiv 2107.07075): the expected length of softmax minus one-hot early in
        training, there at one early epoch, averaged over runs of different seeds; here over the epochs until then, too.
        """
        return self.lengths / self.n_records.clamp_max(self.early)

    def forgetting(self) -> Tensor:
        """How often a row was right and then, at its next record, wrong, float32 `[N]`: Toneva et al. 2019 (arXiv
        1812.05159). inf of rows that were never right; NaN of those never recorded.
        """
        events = torch.where(self.learned, self.forgotten.float(), torch.inf)
        return torch.where(self.n_records > 0, events, torch.nan)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an npz file; a ValueError for another ending."""
        path = Path(path)
        if path.suffix != ".npz":
            raise ValueError(f"{path}: unknown ending '{path.suffix}' of a history; wanted .npz")
        with whole(path) as new:
            np.savez(new, early=self.early, **{name: value.numpy() for name, value in self.state_dict().items()})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> History:
        """Read what `save` wrote; a DataError if the file holds something else."""
        path = Path(path)
        file = ArrayFile(path)
        missing = [name for name in (*KEPT, "early") if name not in file.names]
        if missing:
            raise DataError(f"{path}: holds no '{missing[0]}'; wanted a file that saln.History.save wrote")
        arrays = {name: file.read(name) for name in KEPT}
        n_rows = arrays["n_records"].size
        for name, array in arrays.items():
            if array.shape != (n_rows,) or array.dtype.kind not in "fiub":
                raise DataError(f"{path}: '{name}' is {describe(array)}; wanted {n_rows} numbers, one a row")
        with one_line(path):
            found = cls(n_rows, early=int(file.read("early")))
            found.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
        return found
