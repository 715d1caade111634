"""What files know of a dataset's samples, gathered for the batches that are chosen next."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from saln.offline.rows import Reader, Source
from saln.selectors import Selector
from saln.superbatch import FLOATING, SHAPES, SuperBatch
from saln.writing import whole


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
    readers : dict of str to Reader
    n_rows : int
    row_bytes : int
        Of a sample.
    overhead : int
        Bytes that reading takes beside what is read.
    how : str
        The features are read.
    """

    def __init__(self, sources: Mapping[str, Source], n_reads: int) -> None:
        self.readers: dict[str, Reader] = {name: source.open() for name, source in sources.items()}
        features = self.readers["features"]
        self.n_rows, self.how, self._n_reads = features.n_rows, features.how, n_reads
        for name, reader in self.readers.items():
            if reader.n_rows != self.n_rows:
                raise ValueError(
                    f"{sources[name].path}: {name} are {reader.n_rows}; wanted {self.n_rows}, one a row of features"
                )
        self.row_bytes = sum(reader.row_bytes for reader in self.readers.values())
        self.overhead = max(reader.overhead for reader in self.readers.values())

    @cached_property
    def in_place(self) -> SuperBatch | None:
        """All samples, the features as they lie in the file, where that is the better way."""
        return None if self.mapped("features") is None else self.whole()

    def mapped(self, name: str) -> Tensor | None:
        """All rows of a file as they lie there, where that is the better way."""
        value = self.readers[name].mapped(self._n_reads)
        return None if value is None else _shaped(name, value)

    def read(self, name: str, start: int, stop: int) -> Tensor:
        """Consecutive rows of one file."""
        return _shaped(name, self.readers[name].read(start, stop))

    def gather(self, rows: npt.NDArray[np.int64]) -> dict[str, Tensor]:
        """Rows `[m]` of every file, ascending and none twice; good until two calls later."""
        return {name: _shaped(name, reader.take(rows)) for name, reader in self.readers.items()}

    def zeros(self) -> dict[str, Tensor]:
        """A row of zeros of every file."""
        return {
            name: _shaped(name, torch.zeros(1, reader.width, dtype=reader.dtype))
            for name, reader in self.readers.items()
        }

    def whole(self) -> SuperBatch:
        """All samples, the features as they lie in a file that `mappable` gave, for a method that looks at them all."""
        others = {name: self.read(name, 0, self.n_rows) for name in self.readers if name != "features"}
        features = self.readers["features"].whole()
        if features is None:
            raise ValueError(f"features are {self.how}; wanted a file that is mapped")
        return SuperBatch(features, indices=torch.arange(self.n_rows), **others)

    def take(self, rows: npt.NDArray[np.int64]) -> SuperBatch:
        """Samples to take those of the rows `[m]` from, ascending and none twice; good until two calls later."""
        return (
            self.in_place
            if self.in_place is not None
            else Gathered(**self.gather(rows), indices=torch.from_numpy(rows))
        )

    def finite(self, start: int, stop: int, selector: Selector) -> npt.NDArray[np.bool_]:
        """Which of consecutive rows are finite in everything, and small enough for the selector."""
        samples = SuperBatch(**{name: self.read(name, start, stop) for name in self.readers if name in FLOATING})
        finite: npt.NDArray[np.bool_] = (samples.finite_rows(FLOATING) & selector.eligible(samples)).numpy()
        return finite


def _shaped(name: str, value: Tensor) -> Tensor:
    """Rows as read, `[n, width]`, in the shape that the argument has."""
    return value[:, 0] if SHAPES[name] == "[M]" else value


def mappable(source: Source, copy: Path, block_bytes: int) -> Source:
    """The features' source, or a copy of it that can be mapped, made in blocks of so many bytes if it is not there."""
    reader = source.open()
    if reader.whole() is not None:
        return source
    if not copy.exists():
        step = max(1, block_bytes // max(1, reader.row_bytes))
        dtype = torch.float32 if reader.dtype == torch.bfloat16 else reader.dtype
        descr = np.lib.format.dtype_to_descr(torch.empty(0, dtype=dtype).numpy().dtype)
        header = {"descr": descr, "fortran_order": False, "shape": (reader.n_rows, reader.width)}
        # Written, not mapped: where the disk is full, a mapped file ends the program without a word.
        with whole(copy) as new, new.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for start in range(0, reader.n_rows, step):
                rows = reader.read(start, min(start + step, reader.n_rows)).to(dtype)
                file.write(rows.numpy().data)
    return Source(source.role, copy)
