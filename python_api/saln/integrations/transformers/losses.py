"""Losses of single samples, for `sample_losses`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

SampleLosses = Callable[[Any, Any], Tensor]


def cross_entropy(outputs: Any, labels: Tensor) -> Tensor:
    """`sample_losses` of a classifier of samples or of their tokens: of `outputs["logits"]`, labels -100 left out.

    >>> import torch
    >>> from saln.integrations.transformers import cross_entropy
    >>> cross_entropy({"logits": torch.zeros(2, 4)}, torch.tensor([3, -100]))
    tensor([1.3863, 0.0000])
    """
    logits = outputs["logits"] if isinstance(outputs, dict) else outputs[0]  # [size, ..., C]
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32)).flatten(0, -2)
    losses = nn.functional.cross_entropy(logits, labels.flatten(), reduction="none")
    return losses.view(len(labels), -1).sum(dim=1)


def next_token_cross_entropy(outputs: Any, labels: Tensor) -> Tensor:
    """`sample_losses` of a causal language model, as TRL's SFTTrainer trains: each token's from what comes before it.

    >>> import torch
    >>> from saln.integrations.transformers import next_token_cross_entropy
    >>> next_token_cross_entropy({"logits": torch.zeros(1, 3, 4)}, torch.tensor([[0, 1, -100]]))
    tensor([1.3863])
    """
    logits = outputs["logits"] if isinstance(outputs, dict) else outputs[0]  # [size, T, V]
    return cross_entropy({"logits": logits[:, :-1]}, labels[:, 1:].contiguous())
