"""`--device cuda` runs the tests of the kernels on a GPU, `--backend triton` on that backend there."""

import os

import pytest
import torch

from on_device import ONLY_ON_THE_CPU


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options."""
    parser.addoption("--device", default="cpu", help="where the kernels' tests put their tensors: cpu, cuda, cuda:1 ..")
    parser.addoption(
        "--backend",
        default=None,
        choices=("cuda", "triton"),
        help="what runs them on a GPU, chosen as for users if not given",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Fail at once where the device is not there; cuBLAS wants to be told before it starts."""
    device = config.getoption("--device")
    if device == "cpu":
        if config.getoption("--backend"):
            raise pytest.UsageError("--backend is for GPUs: give --device cuda too")
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if not torch.cuda.is_available():
        raise pytest.UsageError(f"--device {device}: PyTorch {torch.__version__} sees no GPU")


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> torch.device:
    """Where the kernels' tests put their tensors."""
    return torch.device(request.config.getoption("--device"))


@pytest.fixture
def on_cpu(device: torch.device) -> None:
    """Of a test that says the same on every device."""
    if device.type != "cpu":
        pytest.skip(ONLY_ON_THE_CPU)
