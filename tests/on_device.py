"""The public functions of `saln_kernels` on another device: tensors move there and results back.

So the tests need not know. Strides move too: what is not contiguous on the CPU is not contiguous there.
"""

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

FUNCTIONS = (
    "gram",
    "topk_eigvals",
    "topk_eigh",
    "fiedler",
    "score_batches",
    "eigvalsh",
    "eigh",
    "greedy_logdet",
    "maxvol",
    "k_center",
)
ONLY_ON_THE_CPU = "the same on every device: tested on the CPU"


def moved(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on a device, with the same strides; differentiable, then with strides of PyTorch's choice."""
    if tensor.requires_grad:
        return tensor.to(device)
    flat = torch.empty(0, dtype=tensor.dtype).set_(tensor.untyped_storage())
    return flat.to(device, copy=True).as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())


def on_device(function: Callable[..., Any], device: torch.device) -> Callable[..., Any]:
    """The function with its CPU tensors moved to a device and its results back; others stay where they are."""

    def travels(value: Any) -> bool:
        return isinstance(value, Tensor) and value.device.type == "cpu"

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        if keywords.get("backend") == "reference":
            return function(*arguments, **keywords)
        if not any(travels(value) for value in (*arguments, *keywords.values())):
            return function(*arguments, **keywords)
        there = [moved(value, device) if travels(value) else value for value in arguments]
        named = {name: moved(value, device) if travels(value) else value for name, value in keywords.items()}
        try:
            result = function(*there, **named)
        except ValueError as error:
            if "serves b up to" in str(error):
                pytest.skip(str(error))
            raise
        return result.cpu() if isinstance(result, Tensor) else type(result)(*(part.cpu() for part in result))

    return call
