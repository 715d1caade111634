"""Outputs and scratch poisoned with NaN, one thread."""

from collections.abc import Iterator

import pytest
import torch

from contract.interpreted import patch_once


@pytest.fixture(autouse=True)
def poison() -> Iterator[None]:
    """Uninitialised memory is NaN: PyTorch fills it in deterministic mode."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture(autouse=True, scope="session")
def patched() -> None:
    """A third of the time."""
    patch_once()
