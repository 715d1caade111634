"""The Triton backend: the ops of docs/design.md on NVIDIA GPUs without a CUDA build of this package.

One kernel does a candidate from the gather to the result, one program a candidate, so that nothing of size C b d or
C b^2 is written but what was asked for; scratch grows with the programs in flight alone. It serves b up to 128.
Solvers: always exact, also where "randomized" is asked for, whose answer it is at least as good as; the bounds are then
those of rounding. Importing this package loads neither Triton nor a compiler.

It has been interpreted on the CPU and compiled for compute capability 8.0, 9.0, 10.0 and 12.0, and has not run on a
GPU; `python -m tools.triton_compiled` prints registers, spills and shared memory of every configuration.
"""

import importlib
import importlib.util
import os
import threading
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from saln_kernels.backends.triton.shapes import LARGEST
from saln_kernels.matrices import Problem

_lock = threading.Lock()
_registered = False


# torch.compile can trace neither imports nor locks: it calls these functions while it traces.
@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def missing() -> str | None:
    """None where this backend can serve calls, else why it cannot and what to do."""
    if importlib.util.find_spec("triton") is None:
        return "the package triton is not installed: pip install triton"
    if not torch.cuda.is_available() and not _interpreted():
        return (
            "no CUDA device is available to torch; move to a machine with one, or set TRITON_INTERPRET=1 before "
            "Python starts, which interprets the kernels on the CPU, slowly"
        )
    return None


def require(tensor: Tensor) -> None:
    """Raise unless calls with this tensor, features or matrices, can be served."""
    reason = missing()
    if reason is not None:
        raise RuntimeError(f"backend='triton': {reason}")
    wanted = "cpu" if _interpreted() else "cuda"
    if tensor.device.type not in (wanted, "meta"):
        why = ", since TRITON_INTERPRET is set" if wanted == "cpu" else ""
        raise ValueError(f"backend='triton' came with tensors on {tensor.device}; wanted tensors on {wanted}{why}")
    _register_once()


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _interpreted() -> bool:
    return os.environ.get("TRITON_INTERPRET", "0").lower() in ("1", "true", "on")


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _register_once() -> None:
    global _registered
    with _lock:
        if not _registered:
            _ops().register()
            _registered = True


def _ops() -> ModuleType:
    return importlib.import_module("saln_kernels.backends.triton.ops")


class Triton:
    """The ops of the namespace `saln_triton`, taking a `Problem`.

    Raises
    ------
    RuntimeError
        Triton or a CUDA device is missing.
    ValueError
        b is larger than 128, or the tensors are on another device.
    """

    def gram(self, problem: Problem) -> Tensor:
        result: Tensor = _serving(problem).gram(*problem)
        return result

    def eigvals(self, problem: Problem, k: int, solver: str, n_iter: int, seed: int) -> tuple[Tensor, Tensor]:
        result: tuple[Tensor, Tensor] = _serving(problem).eigvals(*problem, k, solver, n_iter, seed)
        return result

    def eigh(self, problem: Problem, k: int, solver: str, n_iter: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        result: tuple[Tensor, Tensor, Tensor] = _serving(problem).eigh(*problem, k, solver, n_iter, seed)
        return result

    def fiedler(self, problem: Problem, solver: str, n_iter: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        result: tuple[Tensor, Tensor, Tensor] = _serving(problem).fiedler(*problem, solver, n_iter, seed)
        return result

    def score(
        self, problem: Problem, criterion: str, k: int, parameter: float, solver: str, n_iter: int, seed: int
    ) -> Tensor:
        ops = _serving(problem)
        result: Tensor = ops.score(*problem, criterion, k, parameter, solver, n_iter, seed)
        return result

    def matrix_eigvals(self, matrices: Tensor, k: int) -> Tensor:
        _check_size("matrices", matrices)
        require(matrices)
        result: Tensor = torch.ops.saln_triton.matrix_eigvals(matrices, k)
        return result

    def matrix_eigh(self, matrices: Tensor, k: int) -> tuple[Tensor, Tensor]:
        _check_size("matrices", matrices)
        require(matrices)
        result: tuple[Tensor, Tensor] = torch.ops.saln_triton.matrix_eigh(matrices, k)
        return result


OPS = Triton()


def _serving(problem: Problem) -> Any:
    _check_size("candidates", problem.candidates)
    require(problem.features)
    return torch.ops.saln_triton


def _check_size(name: str, tensor: Tensor) -> None:
    b = tensor.shape[1]
    if b > LARGEST:
        raise ValueError(
            f"{name} has shape {list(tensor.shape)}, b = {b}; backend='triton' serves b up to {LARGEST}: build the "
            "CUDA library, which serves larger b, or pass backend='reference', slow"
        )
