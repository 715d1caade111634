"""What the tests here share."""

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """The references are small, and threads would only wait for each other."""
    torch.set_num_threads(1)
