"""The functions of spectra and scores, on the device that is given."""

from typing import Any

import pytest
import torch

import saln_kernels
from kernel_fixtures import backend, cpu, kernels, place, poison  # noqa: F401 - fixtures
from on_device import FUNCTIONS, on_device


@pytest.fixture
def ops(kernels: str) -> Any:  # noqa: F811 - the fixture
    """The torch ops of the kernels under test."""
    return torch.ops.saln_triton if kernels == "triton" else torch.ops.saln


@pytest.fixture(autouse=True)
def elsewhere(device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    """On another device the public functions take and return CPU tensors all the same."""
    if device.type == "cpu":
        return
    for name in FUNCTIONS:
        if hasattr(saln_kernels, name):
            monkeypatch.setattr(saln_kernels, name, on_device(getattr(saln_kernels, name), device))
