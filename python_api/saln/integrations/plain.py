"""Selection in plain PyTorch: one line for a DataLoader."""

from __future__ import annotations

from typing import Any

from torch.utils.data import DataLoader

from saln.integrations.loaders import refuse_loader, with_batch_sampler
from saln.integrations.make_sampler import Features, Labels, make_sampler


def select_data(
    loader: DataLoader[Any],
    *,
    features: Features,
    labels: Labels | None = None,
    method: str = "auto",
    seed: int = 0,
    **options: Any,
) -> DataLoader[Any]:
    """The same loader with chosen batches: as many, of the same sizes, so that steps and schedules stay as they are.

    Parameters
    ----------
    loader : DataLoader
        Of the training samples, made with a batch size; torchdata's `StatefulDataLoader` too. On several processes each
        gets its own share of the batches, and a `DistributedSampler` is no longer needed.
    features : Tensor or array [N, d], path or SuperBatch
        Row i is of sample i of the loader's dataset: what a pretrained network makes of it. With a SuperBatch losses
        and more go in, and `indices` train on a part of the dataset.
    labels : Tensor, array or sequence [N], or str, optional
        Integers; a str names a column of the dataset. Left out, the dataset's own labels are taken, if it has some.
    method : str
        `saln methods` lists them. The batches of one that gives weights are biased without them: multiply the losses
        with `loader.batch_sampler.served_at(epoch, step).weights`.
    seed : int
        Of the order of the samples.
    **options
        Of `saln.SpectralBatchSampler` or of the method.

    Returns
    -------
    DataLoader
        Of the same class, dataset, workers and `collate_fn`; its `batch_sampler` is a `SpectralBatchSampler`.

    Raises
    ------
    TypeError
        If loader is no DataLoader, or features are of another kind.
    ValueError
        If the dataset is iterable or has another number of samples than the features, if the loader makes no batches,
        or if it has a sampler whose choice would be lost.

    Examples
    --------
    >>> import torch
    >>> from torch.utils.data import DataLoader, TensorDataset
    >>> import saln
    >>> inputs, labels = torch.randn(300, 8), torch.arange(300) % 3
    >>> loader = DataLoader(TensorDataset(inputs, labels), batch_size=16, shuffle=True)
    >>> loader = saln.select_data(loader, features=inputs)
    >>> len(loader), [len(part) for part in next(iter(loader))]
    (19, [16, 16])
    """
    refuse_loader(loader)
    sampler = make_sampler(
        loader.dataset,
        loader.batch_size or 1,
        features=features,
        labels=labels,
        method=method,
        seed=seed,
        **{"drop_last": loader.drop_last, **options},
    )
    return with_batch_sampler(loader, sampler)
