"""Backends to test, and outputs poisoned until written."""

import os
from collections.abc import Iterator

import pytest
import torch

from saln_kernels.backends import native


def require_native() -> None:
    """Fail where the native library is missing, or skip if the environment says it may be."""
    reason = native.missing()
    if reason is not None:
        if os.environ.get("SALN_TESTS_WITHOUT_NATIVE") == "1":
            pytest.skip(reason)
        pytest.fail(f"{reason} (SALN_TESTS_WITHOUT_NATIVE=1 skips these tests)")


@pytest.fixture(params=["reference", "cpu"])
def backend(request: pytest.FixtureRequest) -> str:
    """Every backend that runs here."""
    if request.param == "cpu":
        require_native()
    return request.param


@pytest.fixture
def cpu() -> str:
    """The native backend alone."""
    require_native()
    return "cpu"


@pytest.fixture(autouse=True)
def poison() -> Iterator[None]:
    """PyTorch fills uninitialised memory in deterministic mode: gains with NaN, positions with a huge number."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)
