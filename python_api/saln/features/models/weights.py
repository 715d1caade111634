"""What tells one model from another."""

from __future__ import annotations

import hashlib
import inspect
from typing import Any

import torch
from torch import Tensor, nn


def architecture(module: nn.Module) -> str:
    """Checksum of a module's layers and their options, and of its own class's source.

    >>> from torch import nn
    >>> from saln.features.models.weights import architecture
    >>> architecture(nn.Linear(2, 3)) == architecture(nn.Linear(2, 3)) != architecture(nn.Linear(2, 4))
    True
    """
    return hashlib.blake2b(f"{source_name(module)} {module}".encode(), digest_size=8).hexdigest()


def weights(module: nn.Module) -> str:
    """Checksum of all parameters and buffers, with their names and dtypes.

    >>> import torch
    >>> from torch import nn
    >>> from saln.features.models.weights import weights
    >>> module = nn.Linear(2, 3)
    >>> before = weights(module)
    >>> with torch.no_grad():
    ...     _ = module.bias[1].add_(1e-3)
    >>> weights(module) == before
    False
    """
    found = hashlib.blake2b(digest_size=8)
    for name, value in module.state_dict(keep_vars=True).items():
        found.update(name.encode())
        if isinstance(value, Tensor):
            found.update(f"{value.dtype} {list(value.shape)}".encode())
            found.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        else:
            found.update(repr(value).encode())
    return found.hexdigest()


def source_name(made: Any) -> str:
    """Where a function, or the class of an object, is written, and a checksum of its source where there is one.

    >>> from saln.features.models.weights import source_name
    >>> source_name(len)
    'builtins.len'
    """
    where = made if hasattr(made, "__qualname__") else type(made)
    name = f"{where.__module__}.{where.__qualname__}"
    try:
        source = inspect.getsource(where)
    except (OSError, TypeError):
        return name
    return f"{name} {hashlib.blake2b(source.encode(), digest_size=8).hexdigest()}"
