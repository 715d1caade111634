"""The batch sampler of a dataset, out of what a user says in one line."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Subset, TensorDataset

from saln.sampling.sampler import SpectralBatchSampler
from saln.sampling.samples import Given, check_dataset, opened, samples_of
from saln.superbatch import INTEGERS, SuperBatch, as_tensor

Features = Given | npt.NDArray[Any]
Labels = Tensor | npt.NDArray[Any] | Sequence[int] | str
NAMES = ("label", "labels")  # of a label column, as Hugging Face has it


def make_sampler(
    dataset: Any,
    batch_size: int,
    *,
    features: Features,
    labels: Labels | None,
    method: str,
    seed: int,
    **options: Any,
) -> SpectralBatchSampler:
    """A `SpectralBatchSampler` of a dataset that was looked at: features fit it, and labels are its own if not given.

    Parameters
    ----------
    dataset : Dataset
        With a length.
    batch_size : int
    features : Tensor or array [N, d], Features, path or SuperBatch
        Features that `saln.extract` wrote, or the path of their npy file, are compared with the dataset.
    labels : Tensor, array or sequence [N], or str, optional
        A str names a column of the dataset. None takes the dataset's own labels, where it has some (`labels_of`).
    method : str
        Name of a selector.
    seed : int
    **options
        Of the sampler or the selector.

    Raises
    ------
    ValueError
        If the features or labels are of another number of samples than the dataset, or it lacks the column.
    TypeError
        If they are of another kind.

    Examples
    --------
    >>> import torch
    >>> from torch.utils.data import TensorDataset
    >>> from saln.integrations.make_sampler import make_sampler
    >>> dataset = TensorDataset(torch.eye(6), torch.tensor([0, 0, 1, 1, 2, 2]))
    >>> make_sampler(dataset, 2, features=torch.eye(6), labels=None, method="uniform", seed=0).samples.labels
    tensor([0, 0, 1, 1, 2, 2])
    """
    if isinstance(features, np.ndarray):
        features = as_tensor("features", features)
    samples = samples_of(opened(features)[0])
    whole = not (isinstance(features, SuperBatch) and features.indices is not None)
    check_dataset(dataset, samples, whole=whole)
    if isinstance(labels, str):
        found = labels_of(dataset, (labels,))
        if found is None:
            raise ValueError(f"labels is {labels!r}, and the dataset has no such column of integers")
    elif labels is not None:
        found = torch.as_tensor(np.asarray(labels))
    else:
        found = None if samples.labels is not None else labels_of(dataset)
        found = found if found is None or whole else found[samples.indices]
    if found is not None and isinstance(features, SuperBatch):
        if features.labels is not None:
            raise ValueError("labels are given twice: leave them in the SuperBatch")
        features, found = dataclasses.replace(features, labels=found), None
    sampler = SpectralBatchSampler(features, batch_size, labels=found, selector=method, seed=seed, **options)
    sampler.check_dataset(dataset)
    return sampler


def labels_of(dataset: Any, names: Sequence[str] = NAMES) -> Tensor | None:
    """A dataset's own labels, int64 `[N]`, where it has one integer per sample and no sample has to be made for it.

    Of a Hugging Face dataset and of a list of dictionaries the column `label` or `labels`, of torchvision's datasets
    `targets`, of a `TensorDataset` its last tensor, of a list of pairs the second of each.

    Examples
    --------
    >>> from saln.integrations.make_sampler import labels_of
    >>> labels_of([{"text": "one", "label": 1}, {"text": "two", "label": 2}])
    tensor([1, 2])
    """
    if isinstance(dataset, Subset):
        inner = labels_of(dataset.dataset, names)
        return None if inner is None else inner[torch.as_tensor(dataset.indices)]
    for found in _columns(dataset, names):
        values = found if isinstance(found, Tensor) else as_tensor("labels", np.asarray(found))
        if values.shape == (len(dataset),) and values.dtype in (*INTEGERS, torch.bool):
            return values.to(torch.int64)
    return None


def _columns(dataset: Any, names: Sequence[str]) -> Iterator[Any]:
    if isinstance(dataset, TensorDataset):
        yield from dataset.tensors[1:][-1:]
    elif isinstance(dataset, (list, tuple)):
        yield from _columns_of_rows(dataset, names)
    elif hasattr(dataset, "column_names") and hasattr(dataset, "features"):  # of Hugging Face
        for name in names:
            if str(getattr(dataset.features.get(name), "dtype", "")).startswith(("int", "uint", "bool")):
                yield dataset[name][:]
    else:
        for name in ("targets", *names):
            if isinstance(found := getattr(dataset, name, None), (Tensor, np.ndarray, list)):
                yield found


def _columns_of_rows(rows: Sequence[Any], names: Sequence[str]) -> Iterator[list[int]]:
    keys: list[Any] = []
    if rows and isinstance(rows[0], dict):
        keys = [name for name in names if name in rows[0]]
    elif rows and isinstance(rows[0], (list, tuple)) and len(rows[0]) > 1:
        keys = [-1]
    for key in keys:
        if _is_integer(rows[0][key]):
            yield [int(row[key]) for row in rows]


def _is_integer(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.dim() == 0 and not (value.is_floating_point() or value.is_complex())
    return isinstance(value, (int, np.integer, np.bool_))
