"""Chance, drawn where the generator lives, and what is chosen by it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def random_uniform(shape: Sequence[int], *, generator: torch.Generator | None, device: torch.device) -> Tensor:
    """float64 in (0, 1): a generator on the host gives every device the same numbers."""
    where = device if generator is None else generator.device
    drawn = torch.rand(list(shape), generator=generator, device=where, dtype=torch.float64)
    return drawn.clamp_min(torch.finfo(torch.float64).tiny).to(device)


def gumbel(shape: Sequence[int], *, generator: torch.Generator | None, device: torch.device) -> Tensor:
    """Standard Gumbel noise, float64.

    The k largest of `logits + gumbel` are k draws without replacement with probability ∝ exp(logits) (Vieira 2014; Kool
    et al. 2019).
    """
    return -(-random_uniform(shape, generator=generator, device=device).log()).log()


def largest(scores: Tensor, size: int) -> Tensor:
    """Places of the `size` largest scores, int64 `[size]`, best first; among equal ones the lower place comes first.

    >>> import torch
    >>> from saln.selectors.support.chance import largest
    >>> largest(torch.tensor([1.0, 3.0, 3.0, 2.0]), 2)
    tensor([1, 2])
    """
    return scores.argsort(descending=True, stable=True)[:size]


def draw(logits: Tensor, size: int, *, generator: torch.Generator | None) -> Tensor:
    """Places, int64 `[size]`, drawn one after another without replacement with probability ∝ exp(logits).

    >>> import torch
    >>> from saln.selectors.support.chance import draw
    >>> draw(torch.tensor([0.0, 90.0, 0.0]), 1, generator=torch.Generator().manual_seed(0))
    tensor([1])
    """
    # Less the maximum, the leading logits keep their digits when the noise is added.
    logits = logits.double()
    keys = logits - logits.amax() + gumbel(logits.shape, generator=generator, device=logits.device)
    return largest(keys, size)
