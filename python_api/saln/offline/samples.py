"""What files know of a dataset's samples, gathered for the batches that are chosen next."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from saln.offline.rows import Reader, Source
from saln.selectors import Selector
from saln.superbatch import FLOATING, SHAPES, SuperBatch


class Gathered(SuperBatch):
    """Some of a dataset's samples, taken by their numbers in the dataset: its indices, which ascend.

    Examples
    --------
    >>> import torch
    >>> from saln.offline.samples import Gathered
    >>> gathered = Gathered(torch.eye(3), indices=torch.tensor([20, 40, 60]))
    >>> gathered.take(torch.tensor([60, 20])).features
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """

    def take(self, rows: Tensor) -> SuperBatch:
        """The super-batch of these samples."""
        places = torch.searchsorted(self.require("indices", by="taking rows"), rows)
        known = {name: getattr(self, name) for name in SHAPES if getattr(self, name) is not None}
        return SuperBatch(**{name: value.index_select(0, places) for name, value in known.items()})


class SampleFiles:
    """The files that hold a dataset, one an argument of `SuperBatch`, opened.

    Not for several threads at once.

    Parameters
    ----------
    sources : mapping of str to Source
        With features; all as long as these.
    n_reads : int
        How many rows are going to be read in all.

    Attributes
    ----------
    n_rows : int
    row_bytes : int
        Of a sample.
    overhead : int
        Bytes that reading takes beside what is read.
    how : str
        The features are read.
    in_place : SuperBatch or None
        All samples, the features as they lie in the file, where that is the better way.
    """

    def __init__(self, sources: Mapping[str, Source], n_reads: int) -> None:
        self._readers: dict[str, Reader] = {name: source.open() for name, source in sources.items()}
        features = self._readers["features"]
        self.n_rows, self.how = features.n_rows, features.how
        for name, reader in self._readers.items():
            if reader.n_rows != self.n_rows:
                raise ValueError(
                    f"{sources[name].path}: {name} are {reader.n_rows}; wanted {self.n_rows}, one a row of features"
                )
        self.row_bytes = sum(reader.row_bytes for reader in self._readers.values())
        self.overhead = max(reader.overhead for reader in self._readers.values())
        self._shapes = {name: (-1,) if SHAPES[name] == "[M]" else (-1, self._readers[name].width) for name in sources}
        mapped = features.mapped(n_reads)
        self.in_place: SuperBatch | None = None
        if mapped is not None:
            others = {name: self.read(name, 0, self.n_rows) for name in sources if name != "features"}
            self.in_place = SuperBatch(mapped, indices=torch.arange(self.n_rows), **others)

    def read(self, name: str, start: int, stop: int) -> Tensor:
        """Consecutive rows of one file."""
        return self._readers[name].read(start, stop).reshape(self._shapes[name])

    def take(self, rows: npt.NDArray[np.int64]) -> SuperBatch:
        """Samples to take those of the rows `[m]` from, ascending and none twice; good until two calls later."""
        if self.in_place is not None:
            return self.in_place
        values = {name: reader.take(rows).reshape(self._shapes[name]) for name, reader in self._readers.items()}
        return Gathered(**values, indices=torch.from_numpy(rows))

    def finite(self, start: int, stop: int, selector: Selector) -> npt.NDArray[np.bool_]:
        """Which of consecutive rows are finite in everything, and small enough for the selector."""
        samples = SuperBatch(**{name: self.read(name, start, stop) for name in self._readers if name in FLOATING})
        finite: npt.NDArray[np.bool_] = (samples.finite_rows(FLOATING) & selector.eligible(samples)).numpy()
        return finite
