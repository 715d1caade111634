"""The native op library: found, loaded and wrapped on first use."""

from pathlib import Path

import torch
from torch import Tensor

from saln_kernels.matrices import Problem

LIBRARY = Path(__file__).with_name("_ops.so")
BUILD = "pip install --no-build-isolation -e ."

_state: dict[str, str | None] = {}


class Native:
    """The torch ops, taking a `Problem`."""

    def gram(self, problem: Problem) -> Tensor:
        result: Tensor = torch.ops.saln.gram(*problem)
        return result

    def eigvals(self, problem: Problem, k: int, solver: str, n_iter: int, seed: int) -> tuple[Tensor, Tensor]:
        result: tuple[Tensor, Tensor] = torch.ops.saln.eigvals(*problem, k, solver, n_iter, seed)
        return result

    def eigh(self, problem: Problem, k: int, solver: str, n_iter: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        result: tuple[Tensor, Tensor, Tensor] = torch.ops.saln.eigh(*problem, k, solver, n_iter, seed)
        return result

    def fiedler(self, problem: Problem, solver: str, n_iter: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        result: tuple[Tensor, Tensor, Tensor] = torch.ops.saln.fiedler(*problem, solver, n_iter, seed)
        return result

    def score(
        self, problem: Problem, criterion: str, k: int, parameter: float, solver: str, n_iter: int, seed: int
    ) -> Tensor:
        result: Tensor = torch.ops.saln.score(*problem, criterion, k, parameter, solver, n_iter, seed)
        return result

    def matrix_eigvals(self, matrices: Tensor, k: int) -> Tensor:
        result: Tensor = torch.ops.saln.matrix_eigvals(matrices, k)
        return result

    def matrix_eigh(self, matrices: Tensor, k: int) -> tuple[Tensor, Tensor]:
        result: tuple[Tensor, Tensor] = torch.ops.saln.matrix_eigh(matrices, k)
        return result


OPS = Native()


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def missing() -> str | None:
    """None once the library is loaded, else why it is not and what to do. Tries once a process."""
    if "reason" not in _state:
        _state["reason"] = _load()
    return _state["reason"]


def require() -> None:
    """Load the library or raise."""
    reason = missing()
    if reason is not None:
        raise RuntimeError(f"{reason}; or pass backend='reference', plain torch in float64, slow")


def _load() -> str | None:
    if not LIBRARY.exists():
        return f"saln_kernels has no native library ({LIBRARY.name} is not built): build it with `{BUILD}`"
    try:
        torch.ops.load_library(str(LIBRARY))  # type: ignore[no-untyped-call]
    except OSError as error:
        return f"the native library of saln_kernels does not load ({error}): rebuild it with `{BUILD}`"
    return None
