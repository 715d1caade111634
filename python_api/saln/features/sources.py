"""The rows of whatever data the user has, one by one and in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, SequentialSampler, default_collate

from saln.datasets import DataError, read_source

WANTED = (
    "a map-style torch Dataset, a DataLoader without shuffling, an array or tensor [N, ...], a list of texts, a "
    "DataFrame, a mapping of columns, a Hugging Face dataset, or the path of a folder or file"
)


@dataclass(frozen=True)
class Rows:
    """A dataset whose items are asked for by number, and how a loader of the user's reads it.

    Attributes
    ----------
    dataset : object
        With a length and items.
    batch_size, num_workers : int or None
        Of the user's loader.
    collate : callable or None
        Of the user's loader, if it is none of torch's.
    notes : tuple of str
        Sentences about what was left out of the data.
    """

    dataset: Any
    batch_size: int | None = None
    num_workers: int | None = None
    collate: Callable[[list[Any]], Any] | None = None
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.dataset)


def open_rows(data: Any, **options: Any) -> Rows:
    """The rows of a dataset, loader, array, list, DataFrame, folder or file.

    Parameters
    ----------
    data : object
        See `saln.extract`.
    **options
        Of `saln.datasets.read_source`, which opens folders, files, DataFrames and Hugging Face datasets.

    Raises
    ------
    TypeError
        If it is nothing of that, or options are given for what is not read from outside.
    ValueError
        If a loader shuffles.
    DataError
        If there are no rows, or a file cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> from saln.features.sources import open_rows
    >>> len(open_rows(np.zeros((5, 2)))), len(open_rows(["a text", "another"]))
    (5, 2)
    """
    rows = _open(data, options)
    if len(rows) == 0:
        raise DataError("data has no rows")
    return rows


def _open(data: Any, options: dict[str, Any]) -> Rows:
    if _is_read(data):
        source = read_source(Path(data) if isinstance(data, os.PathLike) else data, **options)
        return Rows(source, notes=tuple(source.notes))
    if options:
        raise TypeError(f"options {', '.join(options)} are for files, folders and tables; data is a {_named(data)}")
    if isinstance(data, DataLoader):
        return _of_loader(data)
    if isinstance(data, IterableDataset) or not (hasattr(data, "__len__") and hasattr(data, "__getitem__")):
        raise TypeError(f"data is a {_named(data)}, want {WANTED}")
    if isinstance(data, np.ndarray | torch.Tensor) and data.ndim < 2:
        raise TypeError(f"data is an array of {list(data.shape)}, want rows [N, ...]")
    return Rows(data)


def _is_read(data: Any) -> bool:
    """Whether `read_source` opens it: paths, DataFrames, columns by name, Hugging Face datasets."""
    library = type(data).__module__.split(".")[0]
    return isinstance(data, str | os.PathLike | Mapping) or library in ("pandas", "polars", "pyarrow", "datasets")


def _of_loader(loader: DataLoader[Any]) -> Rows:
    sampler = loader.sampler
    plain = loader.batch_sampler is None or type(loader.batch_sampler) is BatchSampler
    if isinstance(loader.dataset, IterableDataset):
        raise TypeError(f"data is a loader of an iterable dataset, whose rows have no numbers; want {WANTED}")
    if not plain or not isinstance(sampler, SequentialSampler):
        used = type(sampler if plain else loader.batch_sampler).__name__
        raise ValueError(
            f"data is a loader with a {used}, which changes the order of rows; want one with shuffle=False and no "
            "sampler, or the dataset itself"
        )
    collate = None if loader.collate_fn is default_collate or loader.batch_size is None else loader.collate_fn
    return Rows(loader.dataset, loader.batch_size, loader.num_workers, collate)


def _named(data: Any) -> str:
    return type(data).__name__


@dataclass(frozen=True)
class Broken:
    """A row that cannot be read.

    Attributes
    ----------
    row : int
    cause : str
    """

    row: int
    cause: str


class Reader(torch.utils.data.Dataset[Any]):
    """Items of rows as a model takes them; one that fails comes as `Broken`. Copied into the loader's workers."""

    def __init__(self, dataset: Any, prepare: Callable[[Any], Any]) -> None:
        self._dataset, self._prepare = dataset, prepare

    def __getitem__(self, row: int) -> Any:
        try:
            return self._prepare(self._dataset[row])
        except Exception as error:  # a dataset or transform raises what it likes
            return Broken(row, in_words(error))


class Read(NamedTuple):
    """A run of rows as it was read; a tuple, so that loaders know how to pin it.

    Attributes
    ----------
    inputs : object
        Those that could be read: a batch, or a list where they are to be batched later.
    n : int
        How many these are.
    broken : list of Broken
    error : str or None
        Why they make no batch.
    """

    inputs: Any
    n: int
    broken: list[Broken]
    error: str | None


class Collate:
    """Items of a run to what is read of it; the function that joins them may be left out."""

    def __init__(self, join: Callable[[list[Any]], Any] | None) -> None:
        self._join = join

    def __call__(self, items: list[Any]) -> Read:
        """The items that are not broken, joined."""
        good = [each for each in items if not isinstance(each, Broken)]
        broken = [each for each in items if isinstance(each, Broken)]
        if self._join is None or not good:
            return Read(good, len(good), broken, None)
        try:
            return Read(self._join(good), len(good), broken, None)
        except ValueError as error:  # raised in a worker it would come with the worker's traceback
            return Read(None, len(good), broken, str(error))
        except Exception as error:  # a function of the user's raises what it likes
            return Read(None, len(good), broken, in_words(error))


def in_words(error: Exception) -> str:
    """An error in one line; ours without its type."""
    text = " ".join(str(error).split())
    return text if isinstance(error, DataError) else f"{type(error).__name__}: {text}"


def read_in_order(
    reader: Reader, collate: Collate, runs: Iterator[range], num_workers: int, pin: bool
) -> Iterator[tuple[range, Read]]:
    """Runs of rows and what is read of them, ahead of time by so many workers."""
    asked: list[range] = []

    def numbers() -> Iterator[list[int]]:
        for run in runs:
            asked.append(run)
            yield list(run)

    loader = DataLoader(
        reader,
        batch_sampler=numbers(),
        collate_fn=collate,
        num_workers=num_workers,
        pin_memory=pin,
        generator=torch.Generator(),  # or the loader would draw a number from the global one
    )
    for read in loader:
        yield asked.pop(0), read
