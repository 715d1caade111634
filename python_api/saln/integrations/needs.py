"""What a module of this package needs, and what it has to know of loaders and selectors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from saln.sampling.ahead import Place
from saln.sampling.sampler import SpectralBatchSampler


def missing(library: str, error: ImportError) -> ImportError:
    """The error to raise where a library is not there: which extra installs it.

    >>> from saln.integrations.needs import missing
    >>> print(missing("lightning", ImportError("No module named 'lightning'")))
    saln.integrations.lightning needs lightning (No module named 'lightning'): pip install 'saln-kernels[lightning]'
    """
    return ImportError(
        f"saln.integrations.{library} needs {library} ({error}): pip install 'saln-kernels[{library}]'",
        name=error.name,
        path=error.path,
    )


def read_ahead(loader: Any) -> int:
    """How many batches at most a DataLoader asks for before its trainer has them.

    >>> from torch.utils.data import DataLoader
    >>> from saln.integrations.needs import read_ahead
    >>> [read_ahead(DataLoader(range(9), num_workers=workers)) for workers in (0, 2)]
    [1, 5]
    """
    # One more for accelerate's loaders, which look whether there is a next one.
    return getattr(loader, "num_workers", 0) * (getattr(loader, "prefetch_factor", None) or 0) + 1


def refuse_dropping_weights(sampler: SpectralBatchSampler, remedy: str) -> None:
    """Raise a ValueError if batches come with weights; to be called where nobody says that they are applied."""
    if sampler.selector.gives_weights:
        raise ValueError(
            f"the selector {sampler.selector.name} gives weights, without which its batches are biased, and nothing "
            f"applies them: {remedy}; or choose another selector"
        )


def weights_at(sampler: SpectralBatchSampler, place: Place, device: torch.device | str | None) -> Tensor:
    """What to multiply the losses of a batch with, `[size]`: ones where its selector gives no weights.

    >>> import torch
    >>> from saln import SpectralBatchSampler
    >>> from saln.integrations.needs import weights_at
    >>> sampler = SpectralBatchSampler(torch.eye(8), batch_size=2)
    >>> batch = next(iter(sampler))
    >>> weights_at(sampler, (0, 0), "cpu")
    tensor([1., 1.])
    """
    batch = sampler.served_at(*place)
    return torch.ones(len(batch.indices), device=device) if batch.weights is None else batch.weights.to(device)
