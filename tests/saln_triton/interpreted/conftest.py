"""Outputs and scratch poisoned with NaN, one thread."""

from collections.abc import Iterator

import pytest
import torch

from saln_kernels import native


@pytest.fixture(autouse=True)
def poison() -> Iterator[None]:
    """Uninitialised memory is NaN: PyTorch fills it in deterministic mode."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """The interpreter is serial."""
    torch.set_num_threads(1)


@pytest.fixture
def cpu() -> object:
    """The ops of the native backend, to compare with."""
    native.require()
    return native.OPS
