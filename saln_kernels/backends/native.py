"""The native op library: found, loaded and completed with fake kernels, gradients and CUDA kernels on first use."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from saln_kernels.backends import cuda
from saln_kernels.matrices import Problem, result_dtype

LIBRARY = Path(__file__).parents[1] / "_ops.so"
BUILD = "pip install --no-build-isolation -e ."

_lock = threading.Lock()
_reason: str | None = "not tried"


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


def missing() -> str | None:
    """None once the library is loaded, else why it is not and what to do. Tries once a process."""
    return _load_once() if _reason is not None else None


def require() -> None:
    """Load the library or raise."""
    if _reason is not None:
        reason = _load_once()
        if reason is not None:
            raise RuntimeError(f"{reason}. backend='reference' needs no library: plain torch in float64, slow")


# torch.compile cannot trace a library being loaded, nor the lock: it calls this while it traces.
@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _load_once() -> str | None:
    global _reason
    with _lock:
        if _reason == "not tried":
            _reason = _load()
        return _reason


def _load() -> str | None:
    if not LIBRARY.exists():
        return f"saln_kernels has no native library ({LIBRARY.name} is not built): build it with `{BUILD}`"
    try:
        torch.ops.load_library(str(LIBRARY))  # type: ignore[no-untyped-call]
    except (OSError, RuntimeError) as error:
        return f"the native library of saln_kernels does not load ({error}): rebuild it with `{BUILD}`"
    complete()
    cuda.load()
    return None


def complete() -> None:
    """Give the ops, once defined, their fake kernels and gradients."""
    from saln_kernels import gradients

    for name, fake in _FAKES.items():
        torch.library.register_fake(f"saln::{name}", fake)
    gradients.register()


# Where k stands after features and candidates.
_K = len(Problem._fields) - 2


def _empty(like: Tensor, *shape: int) -> Tensor:
    return like.new_empty(shape, dtype=result_dtype(like.dtype))


def _fake_gram(features: Tensor, candidates: Tensor, *rest: Any) -> Tensor:
    count, b = candidates.shape
    return _empty(features, count, b, b)


def _fake_eigvals(features: Tensor, candidates: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
    count, k = candidates.shape[0], rest[_K]
    return _empty(features, count, k), _empty(features, count, k)


def _fake_eigh(features: Tensor, candidates: Tensor, *rest: Any) -> tuple[Tensor, Tensor, Tensor]:
    (count, b), k = candidates.shape, rest[_K]
    return _empty(features, count, k), _empty(features, count, b, k), _empty(features, count, k)


def _fake_fiedler(features: Tensor, candidates: Tensor, *rest: Any) -> tuple[Tensor, Tensor, Tensor]:
    count, b = candidates.shape
    return _empty(features, count), _empty(features, count, b), _empty(features, count)


def _fake_score(features: Tensor, candidates: Tensor, *rest: Any) -> Tensor:
    return _empty(features, candidates.shape[0])


def _fake_matrix_eigvals(matrices: Tensor, k: int) -> Tensor:
    return _empty(matrices, matrices.shape[0], k)


def _fake_matrix_eigh(matrices: Tensor, k: int) -> tuple[Tensor, Tensor]:
    count, b = matrices.shape[:2]
    return _empty(matrices, count, k), _empty(matrices, count, b, k)


def _fake_greedy(features: Tensor, candidates: Tensor, size: int) -> tuple[Tensor, Tensor]:
    count = candidates.shape[0]
    return features.new_empty((count, size), dtype=torch.int64), _empty(features, count, size)


_FAKES: dict[str, Callable[..., Any]] = {
    "gram": _fake_gram,
    "eigvals": _fake_eigvals,
    "eigh": _fake_eigh,
    "fiedler": _fake_fiedler,
    "score": _fake_score,
    "matrix_eigvals": _fake_matrix_eigvals,
    "matrix_eigh": _fake_matrix_eigh,
    "greedy_logdet": lambda features, candidates, *rest: _fake_greedy(features, candidates, rest[-2]),
    "maxvol": lambda features, candidates, *rest: _fake_greedy(features, candidates, rest[0]),
    "k_center": lambda features, candidates, *rest: _fake_greedy(features, candidates, rest[-1]),
}
