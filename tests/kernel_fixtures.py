"""Fixtures of the tests that call the public functions: which kernels are under test, and where.

`--device cuda` has them run on a GPU; the functions take and return CPU tensors all the same, and tests need not know.
"""

import os
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from on_device import ONLY_ON_THE_CPU
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


@pytest.fixture(autouse=True)
def poison(device: torch.device) -> Iterator[None]:
    """Outputs are NaN until written, positions a huge number: PyTorch fills memory in deterministic mode."""
    torch.use_deterministic_algorithms(True, warn_only=device.type != "cpu")
    yield
    torch.use_deterministic_algorithms(False)
