"""Loaders: the same one with other batches, and those that selection cannot stand in for."""

from __future__ import annotations

from typing import Any

from torch.utils.data import DataLoader, IterableDataset

from saln.sampling.sampler import SpectralBatchSampler

# What makes one DataLoader from another, with the same dataset and another batch sampler.
ARGUMENTS = (
    "num_workers",
    "collate_fn",
    "pin_memory",
    "timeout",
    "worker_init_fn",
    "multiprocessing_context",
    "generator",
    "prefetch_factor",
    "persistent_workers",
    "pin_memory_device",
    "in_order",
)
# Samplers that serve every sample, so that nothing is lost where selection takes their place. Torch's and torchdata's,
# which are no subclasses of them.
EVEN = ("RandomSampler", "SequentialSampler", "DistributedSampler", "StatefulDistributedSampler")


def arguments_of(loader: DataLoader[Any]) -> dict[str, Any]:
    """How a loader was made, but for its dataset and its batches."""
    return {name: getattr(loader, name) for name in ARGUMENTS if hasattr(loader, name)}


def with_batch_sampler(loader: DataLoader[Any], sampler: SpectralBatchSampler) -> DataLoader[Any]:
    """A loader of the same class, dataset, workers and `collate_fn`, with the sampler's batches.

    >>> import torch
    >>> from torch.utils.data import DataLoader
    >>> from saln import SpectralBatchSampler
    >>> from saln.integrations.loaders import with_batch_sampler
    >>> loader = DataLoader(range(6), batch_size=4, collate_fn=tuple)
    >>> [len(batch) for batch in with_batch_sampler(loader, SpectralBatchSampler(torch.eye(6), batch_size=3))]
    [3, 3]
    """
    return type(loader)(loader.dataset, batch_sampler=sampler, **arguments_of(loader))


def read_ahead(loader: Any) -> int:
    """How many batches at most a DataLoader asks for before its trainer has them.

    >>> from torch.utils.data import DataLoader
    >>> from saln.integrations.loaders import read_ahead
    >>> [read_ahead(DataLoader(range(9), num_workers=workers)) for workers in (0, 2)]
    [1, 5]
    """
    # One more for accelerate's loaders, which look whether there is a next one.
    return getattr(loader, "num_workers", 0) * (getattr(loader, "prefetch_factor", None) or 0) + 1


def refuse_iterable(dataset: object) -> None:
    """Raise a ValueError if samples of a dataset cannot be asked for by number."""
    if isinstance(dataset, IterableDataset) or not (hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")):
        raise ValueError(
            f"the dataset is a {type(dataset).__name__}, which gives samples in its own order: selection wants a "
            "dataset with a length, whose samples are asked for by number"
        )


def refuse_loader(loader: object) -> None:
    """Raise an error if a loader's batches are not those of a plain one, shuffled or in order.

    Raises
    ------
    TypeError
        If it is no DataLoader.
    ValueError
        If its dataset is iterable, if it makes no batches, or if it has a sampler or batch sampler whose choice would
        be lost.

    Examples
    --------
    >>> from torch.utils.data import DataLoader, WeightedRandomSampler
    >>> from saln.integrations.loaders import refuse_loader
    >>> refuse_loader(DataLoader(range(2), sampler=WeightedRandomSampler([0.5, 0.5], 2)))
    Traceback (most recent call last):
    ...
    ValueError: the loader has a WeightedRandomSampler, whose choice would be lost: want a loader made with batch_size \
and shuffle=True
    """
    if not isinstance(loader, DataLoader):
        raise TypeError(f"loader is a {type(loader).__name__}, want a DataLoader")
    refuse_iterable(loader.dataset)
    if isinstance(loader.batch_sampler, SpectralBatchSampler):
        raise ValueError("the loader has a SpectralBatchSampler already, want a loader made with batch_size")
    wanted = "want a loader made with batch_size and shuffle=True"
    if loader.batch_size is None and loader.batch_sampler is None:
        raise ValueError(f"the loader's batch_size is None, so that it makes no batches: {wanted}")
    if loader.batch_size is None:
        raise ValueError(
            f"the loader has a {type(loader.batch_sampler).__name__}, whose batches would be lost: {wanted}"
        )
    sampler, n_samples = type(loader.sampler).__name__, len(loader.dataset)  # type: ignore[arg-type]
    partial = sampler == "RandomSampler" and getattr(loader.sampler, "num_samples", n_samples) != n_samples
    if sampler not in EVEN or partial or getattr(loader.sampler, "replacement", False):
        raise ValueError(f"the loader has a {sampler}, whose choice would be lost: {wanted}")
