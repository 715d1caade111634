"""Backends to test, and outputs poisoned with NaN."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

import saln_kernels
from on_device import FUNCTIONS, ONLY_ON_THE_CPU, on_device
from saln_kernels.backends import dispatch, native


def require_native() -> None:
    """Fail where the native library is missing, or skip if the environment says it may be."""
    reason = native.missing()
    if reason is None:
        return
    if os.environ.get("SALN_TESTS_WITHOUT_NATIVE") == "1":
        pytest.skip(reason)
    pytest.fail(f"{reason} (SALN_TESTS_WITHOUT_NATIVE=1 skips these tests)")


@pytest.fixture(params=["reference", "cpu"])
def backend(request: pytest.FixtureRequest, kernels: str) -> str:
    """Every backend that runs here: the reference on the CPU, and the kernels where `--device` says."""
    if request.param == "reference" and kernels != "cpu":
        pytest.skip(ONLY_ON_THE_CPU)
    return kernels if request.param == "cpu" else "reference"


@pytest.fixture
def cpu(kernels: str) -> str:
    """The kernels alone."""
    return kernels


@pytest.fixture
def kernels(request: pytest.FixtureRequest, device: torch.device) -> str:
    """The backend of the kernels under test: "cpu" unless `--device` and `--backend` say otherwise."""
    if device.type == "cpu":
        require_native()
        return "cpu"
    return request.config.getoption("--backend") or next(
        (status.name for status in dispatch.table() if status.serves and status.name in ("cuda", "triton")), "cuda"
    )


@pytest.fixture
def place(device: torch.device) -> Callable[[Tensor], Tensor]:
    """Moves a tensor to where the kernels under test run."""
    return lambda tensor: tensor if device.type == "cpu" else tensor.to(device)


@pytest.fixture
def ops(kernels: str) -> Any:
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


@pytest.fixture(autouse=True)
def poison(device: torch.device) -> Iterator[None]:
    """Outputs are NaN until written: PyTorch fills uninitialised memory in deterministic mode."""
    torch.use_deterministic_algorithms(True, warn_only=device.type != "cpu")
    yield
    torch.use_deterministic_algorithms(False)
