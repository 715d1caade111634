"""The samples of a dataset out of what a caller has of them: features alone, or a super-batch of all of it."""

from __future__ import annotations

import dataclasses
import os
from typing import TypeAlias

import torch
from torch import Tensor
from torch.utils.data import DistributedSampler, Sampler

from saln.features.features import Features, load
from saln.features.fingerprint import Fingerprint
from saln.superbatch import SuperBatch

Given: TypeAlias = Tensor | SuperBatch | Features | str | os.PathLike[str]
"""What a caller may have of the samples."""


def opened(features: Given) -> tuple[Tensor | SuperBatch, Fingerprint | None]:
    """Features in memory or mapped, and what is known of the dataset that they were extracted from.

    >>> import torch
    >>> from saln.sampling.samples import opened
    >>> opened(torch.eye(2))
    (tensor([[1., 0.],
            [0., 1.]]), None)
    """
    if isinstance(features, str | os.PathLike):
        features = load(features)
    return (features.tensor(), features.fingerprint) if isinstance(features, Features) else (features, None)


def samples_of(features: Tensor | SuperBatch, labels: Tensor | None = None) -> SuperBatch:
    """All samples of a dataset, with indices: row i is that of index i where they are not given.

    Parameters
    ----------
    features : Tensor [N, d] or SuperBatch
    labels : Tensor [N], optional
        Beside a tensor; a SuperBatch has them inside.

    Raises
    ------
    TypeError
        If features is neither tensor nor SuperBatch, as when a trainer makes a sampler anew around one of its own.
    ValueError
        If labels are given twice.

    Examples
    --------
    >>> import torch
    >>> from saln.sampling.samples import samples_of
    >>> samples_of(torch.eye(3), labels=torch.tensor([0, 1, 0])).indices
    tensor([0, 1, 2])
    """
    if isinstance(features, Tensor):
        samples = SuperBatch(features, labels=labels)
    elif not isinstance(features, SuperBatch):
        raise TypeError(
            f"features is a {type(features).__name__}, want a tensor [N, d], a SuperBatch or extracted features"
            f"{_advice(features)}"
        )
    elif labels is not None:
        raise ValueError("labels are given twice: leave them in the SuperBatch")
    else:
        samples = features
    if samples.indices is None:
        samples = dataclasses.replace(samples, indices=torch.arange(len(samples), device=samples.device))
    return samples


def _advice(given: object) -> str:
    """What to tell somebody whose trainer made the batch sampler anew around a sampler of its own."""
    if not isinstance(given, Sampler):
        return ""
    # Lightning's samplers for prediction leave no sample out and serve none twice; they are distributed ones, too.
    if isinstance(given, DistributedSampler) and not type(given).__name__.startswith("Unrepeated"):
        return (
            ". A trainer made this batch sampler anew around a sampler of its own; it shares the batches out to the "
            "ranks by itself: with Lightning, Trainer(use_distributed_sampler=False)"
        )
    return (
        ". A trainer made this batch sampler anew around a sampler of its own, as Lightning's Trainer.predict does, "
        "which wants every sample once and in order: give it a loader without this batch sampler"
    )


def check_dataset(dataset: object, samples: SuperBatch, *, whole: bool, fingerprint: Fingerprint | None = None) -> None:
    """Raise a ValueError if the samples cannot be those of a dataset; one that does not know its length passes.

    Parameters
    ----------
    dataset : Dataset
    samples : SuperBatch
        With indices.
    whole : bool
        Whether they are to be all of the dataset; otherwise their indices say which, and have to be in it.
    fingerprint : Fingerprint, optional
        Of the dataset that the features are of: up to 16 rows are read and compared (`Fingerprint.check`).

    Examples
    --------
    >>> import torch
    >>> from saln.sampling.samples import check_dataset, samples_of
    >>> check_dataset(range(4), samples_of(torch.eye(3)), whole=True)
    Traceback (most recent call last):
    ...
    ValueError: the dataset has 4 samples and the batch sampler features of 3, want one row of features per sample; \
for a part of the dataset give SuperBatch(features, indices=...), the index of each row
    """
    try:
        n_samples = len(dataset)  # type: ignore[arg-type]
    except TypeError:
        return
    if whole and len(samples) != n_samples:
        raise ValueError(
            f"the dataset has {n_samples} samples and the batch sampler features of {len(samples)}, want one row of "
            "features per sample; for a part of the dataset give SuperBatch(features, indices=...), the index of each "
            "row"
        )
    last = int(samples.require("indices", by="the sampler").max()) if len(samples) else -1
    if last >= n_samples:
        raise ValueError(f"the batch sampler's indices go up to {last}, the dataset has {n_samples} samples")
    if fingerprint is not None:
        fingerprint.check(dataset)
