"""The greedy functions, on the device that is given."""

import pytest
import torch

from kernel_fixtures import backend, cpu, kernels, place, poison  # noqa: F401 - fixtures
from on_device import on_device
from saln_kernels import greedy_logdet, k_center, maxvol

GREEDY = (greedy_logdet, maxvol, k_center)


@pytest.fixture(autouse=True)
def elsewhere(request: pytest.FixtureRequest, device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    """On another device the functions take and return CPU tensors all the same, by whatever name a test has them."""
    if device.type == "cpu":
        return
    names = vars(request.module)
    for scope in [names, *(value for value in names.values() if isinstance(value, dict))]:
        for name, value in list(scope.items()):
            if any(value is function for function in GREEDY):
                monkeypatch.setitem(scope, name, on_device(value, device))
