"""One thread a process, since tests run in as many as there are cores (`make test`).

`--device cuda` runs the tests of the kernels on a GPU, `--backend triton` on that backend there.
"""

import gc
import os
from collections.abc import Iterator

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
    """One thread, here and in programs that tests start; fail where the device is not there."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)
    device = config.getoption("--device")
    if device == "cpu":
        if config.getoption("--backend"):
            raise pytest.UsageError("--backend is for GPUs: give --device cuda too")
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS wants to know before it starts
    if not torch.cuda.is_available():
        raise pytest.UsageError(f"--device {device}: PyTorch {torch.__version__} sees no GPU")


def pytest_collection_finish() -> None:
    """What was imported stays: looking through it for garbage takes a fortieth of all tests' time."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Every test draws the same numbers, whichever ran before it in the same process."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> torch.device:
    """Where the kernels' tests put their tensors."""
    return torch.device(request.config.getoption("--device"))


@pytest.fixture
def threads() -> Iterator[None]:
    """For tests that set a number of threads: back to one."""
    yield
    torch.set_num_threads(1)


@pytest.fixture
def on_cpu(device: torch.device) -> None:
    """Of a test that says the same on every device."""
    if device.type != "cpu":
        pytest.skip(ONLY_ON_THE_CPU)
