"""Who answers a call: the reference, the CPU kernels, the CUDA kernels on the CPU, the Triton kernels interpreted.

With `--device` the kernels under test answer there, and nobody else.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from contract.calls import Call, Found, serve
from cuda_on_cpu import simulator
from on_device import moved
from saln_kernels.backends import native
from saln_kernels.backends.dispatch import serving
from saln_kernels.matrices import Problem

NAMES = ("reference", "cpu", "cuda_shim", "triton_interpreted")
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Backend:
    """Its name, and its answers to many calls."""

    name: str
    answer: Callable[..., list[Found]]

    @property
    def is_reference(self) -> bool:
        """Then the oracle is the truth."""
        return self.name == "reference"

    @property
    def interpreted(self) -> bool:
        """Slow, so its cases are small and few."""
        return self.name == "triton_interpreted"


def reference(*calls: Call) -> list[Found]:
    """Plain torch."""
    return [serve(serving("reference", torch.device("cpu")), call) for call in calls]


def cpu(*calls: Call) -> list[Found]:
    """The CPU kernels through their torch ops."""
    native.require()
    return [serve(native.OPS, call) for call in calls]


def cuda_shim(*calls: Call) -> list[Found]:
    """The CUDA kernels, thread by thread under AddressSanitizer, in one process."""
    return list(simulator.simulate(*(simulator.Call(**vars(call)) for call in calls)))


class Interpreted:
    """The Triton kernels interpreted, in one process that serves many calls: Triton decides when it is imported."""

    def __init__(self) -> None:
        path = os.pathsep.join(map(str, (ROOT, ROOT / "python_api", ROOT / "tests")))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "contract.interpreted"],
            env={**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __call__(self, *calls: Call) -> list[Found]:
        """Results in order; the process says what went wrong on its standard error."""
        found = []
        for call in calls:
            pickle.dump(call, self._process.stdin)
            self._process.stdin.flush()
            try:
                found.append(pickle.load(self._process.stdout))
            except EOFError:
                raise AssertionError(f"the interpreter ended with {self._process.wait()}: {call}") from None
        return found

    def close(self) -> None:
        """End the process."""
        self._process.stdin.close()
        assert self._process.wait() == 0


def on(device: torch.device, name: str | None) -> Backend:
    """The kernels under test on a device."""
    ops = serving(name, device)

    def there(call: Call) -> Call:
        if not isinstance(call.problem, Problem):
            return replace(call, problem=moved(call.problem, device))
        parts = [moved(part, device) if isinstance(part, torch.Tensor) else part for part in call.problem]
        return replace(call, problem=Problem(*parts))

    def answer(*calls: Call) -> list[Found]:
        try:
            results = [serve(ops, there(call)) for call in calls]
        except ValueError as error:
            if "serves b up to" in str(error):
                pytest.skip(str(error))
            raise
        return [Found(found.values.cpu(), found.vectors.cpu(), found.bounds.cpu()) for found in results]

    return Backend("device", answer)
