"""States of samplers and selectors in files. Nothing in them is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from saln.datasets.errors import DataError, one_line


def load_state(path: Path) -> dict[str, Any]:
    """What `torch.save` wrote of a state: tensors, numbers, texts, lists and dicts of them.

    Raises
    ------
    DataError
        The file is missing, cut off, or holds anything else, such as objects whose reading would run a program.
    """
    import torch

    with one_line(path):
        found = torch.load(path, weights_only=True, map_location="cpu")
    if not isinstance(found, dict):
        raise DataError(f"{path}: holds {type(found).__name__}; wanted the state of a sampler or a selector")
    return found
