"""One row of features a sample out of whatever a model returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

POOLINGS = ("mean", "cls", "last")
FIELDS = ("sentence_embedding", "last_hidden_state", "embeddings", "features", "pooler_output", "logits")
"""Fields of a model's output that may be its features, the first of them that is there."""


def tensor_of(output: Any) -> Tensor:
    """The tensor in what a model or layer returned: a field of a mapping, the first of several.

    Raises
    ------
    TypeError
        If there is none.

    Examples
    --------
    >>> import torch
    >>> from saln.features.models.pooling import tensor_of
    >>> tensor_of({"last_hidden_state": torch.ones(2, 1), "loss": None}).shape
    torch.Size([2, 1])
    """
    found = output
    if isinstance(found, Mapping):
        found = next((found[name] for name in FIELDS if found.get(name) is not None), None)
    while isinstance(found, tuple | list) and found:
        found = found[0]
    if isinstance(found, np.ndarray):
        found = torch.from_numpy(found)
    if not isinstance(found, Tensor):
        names = f" with {', '.join(map(str, output))}" if isinstance(output, Mapping) else ""
        raise TypeError(
            f"the model returns a {type(output).__name__}{names}, want a tensor, the first of a tuple, or one of "
            f"{', '.join(FIELDS)}; or name a layer"
        )
    return found


def pooled(output: Tensor, mask: Tensor | None, pooling: str | None) -> Tensor:
    """A row a sample, in float32.

    Parameters
    ----------
    output : Tensor [B], [B, d], [B, T, d] or [B, C, ...]
        Numbers, rows, tokens, or maps of C channels, which are averaged over space.
    mask : Tensor [B, T], optional
        1 where there is a token.
    pooling : str, optional
        Of tokens: their "mean" (the default), the first, "cls", or the "last".

    Returns
    -------
    Tensor [B, d]

    Raises
    ------
    ValueError
        If a pooling is named and there is nothing to pool.

    Examples
    --------
    >>> import torch
    >>> from saln.features.models.pooling import pooled
    >>> tokens = torch.tensor([[[1.0], [3.0], [9.0]]])
    >>> mask = torch.tensor([[1, 1, 0]])
    >>> [pooled(tokens, mask, how).item() for how in (None, "cls", "last")]
    [2.0, 1.0, 3.0]
    >>> pooled(torch.ones(2, 5, 4, 4), None, None).shape
    torch.Size([2, 5])
    """
    found = output.to(torch.promote_types(output.dtype, torch.float32))
    if found.ndim == 3:
        return _pool_tokens(found, mask, pooling or "mean")
    if pooling not in (None, "mean") or found.ndim == 0:
        raise ValueError(f"pooling is {pooling!r}, the model's output {list(output.shape)}: want tokens [B, T, d]")
    if found.ndim > 3:
        return found.flatten(2).mean(2)
    return found.unsqueeze(1) if found.ndim == 1 else found


def _pool_tokens(tokens: Tensor, mask: Tensor | None, pooling: str) -> Tensor:
    """`[B, T, d]` to `[B, d]`; a sample without a token is a mean of nothing, zero."""
    if mask is None or mask.shape != tokens.shape[:2]:  # of tokens that are not the input's, such as patches
        mask = torch.ones(tokens.shape[:2], device=tokens.device)
    mask = mask.to(tokens.dtype)  # [B, T]
    if pooling == "mean":
        return torch.einsum("btd,bt->bd", tokens.masked_fill(mask[..., None] == 0, 0), mask) / mask.sum(
            1, keepdim=True
        ).clamp(min=1)
    order = torch.arange(1, mask.shape[1] + 1, device=mask.device) * mask  # padding on either side
    place = order.argmax(1) if pooling == "last" else mask.argmax(1)  # [B]
    return tokens[torch.arange(len(tokens), device=tokens.device), place]
