"""What modules of this package need to be there: somebody who applies a selector's weights."""

from __future__ import annotations

import torch
from torch import Tensor

from saln.sampling.ahead import Place
from saln.sampling.sampler import SpectralBatchSampler


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
