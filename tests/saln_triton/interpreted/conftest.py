"""Outputs and scratch poisoned with NaN, one thread."""

from collections.abc import Iterator

import pytest
import torch
from triton.runtime.interpreter import InterpretedFunction

from saln_kernels.backends import native


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


@pytest.fixture(autouse=True, scope="session")
def patch_once() -> Iterator[None]:
    """A call inside a kernel patches Triton's language anew, which its first call has done for good: a third of the
    time.
    """
    original = InterpretedFunction.__call__
    seen = set()

    def call(self: InterpretedFunction, *arguments: object, **keywords: object) -> object:
        if self.fn in seen:
            return self.rewrite()(*arguments, **keywords)
        seen.add(self.fn)
        return original(self, *arguments, **keywords)

    InterpretedFunction.__call__ = call
    yield
    InterpretedFunction.__call__ = original
