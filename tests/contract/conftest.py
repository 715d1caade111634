"""Every test here runs on every backend."""

from collections.abc import Iterator

import pytest
import torch

from contract import backends
from contract.backends import Backend


@pytest.fixture(scope="session")
def interpreted() -> Iterator[backends.Interpreted]:
    """One process for all tests."""
    process = backends.Interpreted()
    yield process
    process.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """All backends, or the kernels under test on the device that is given."""
    if "backend" in metafunc.fixturenames:
        here = metafunc.config.getoption("--device") == "cpu"
        metafunc.parametrize("backend", backends.NAMES if here else ["device"], indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out of slow backends what their marks do: `limited(backend, name=values)` says which values run there."""
    items[:] = [item for item in items if not any(_outside(item, mark) for mark in item.iter_markers("limited"))]


def _outside(item: pytest.Item, mark: pytest.Mark) -> bool:
    values = item.callspec.params
    return values["backend"] in mark.args and any(values[name] not in kept for name, kept in mark.kwargs.items())


@pytest.fixture
def backend(request: pytest.FixtureRequest, device: torch.device) -> Backend:
    """Who answers."""
    if request.param == "device":
        return backends.on(device, request.config.getoption("--backend"))
    if request.param == "triton_interpreted":
        return Backend(request.param, request.getfixturevalue("interpreted"))
    return Backend(request.param, getattr(backends, request.param))


@pytest.fixture(autouse=True)
def poison(device: torch.device) -> Iterator[None]:
    """Outputs are NaN until written: PyTorch fills uninitialised memory in deterministic mode."""
    torch.use_deterministic_algorithms(True, warn_only=device.type != "cpu")
    yield
    torch.use_deterministic_algorithms(False)
