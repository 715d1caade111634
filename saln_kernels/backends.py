"""Which backend serves a call, and why the others do not."""

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from saln_kernels import native, reference
from saln_kernels.matrices import Problem, result_dtype

NAMES = ("cpu", "cuda", "triton", "reference")

_NOT_BUILT = (
    "this version of saln_kernels has no {} backend; move the tensors to the CPU, or pass backend='reference', "
    "which runs plain torch on any device"
)


class Ops(Protocol):
    """The ops of docs/design.md, by the backend that runs them."""

    def gram(self, problem: Problem) -> Tensor: ...
    def eigvals(self, problem: Problem, k: int, solver: str, n_iter: int, seed: int) -> tuple[Tensor, Tensor]: ...
    def eigh(self, problem: Problem, k: int, solver: str, n_iter: int, seed: int) -> tuple[Tensor, Tensor, Tensor]: ...
    def fiedler(self, problem: Problem, solver: str, n_iter: int, seed: int) -> tuple[Tensor, Tensor, Tensor]: ...
    def score(
        self, problem: Problem, criterion: str, k: int, parameter: float, solver: str, n_iter: int, seed: int
    ) -> Tensor: ...
    def matrix_eigvals(self, matrices: Tensor, k: int) -> Tensor: ...
    def matrix_eigh(self, matrices: Tensor, k: int) -> tuple[Tensor, Tensor]: ...


class Status(NamedTuple):
    """Whether a backend can serve calls here."""

    name: str
    serves: bool
    reason: str  # what it runs on, or why it does not serve and what to do


class Reference:
    """`reference` with its float64 results in the result dtype."""

    def gram(self, problem: Problem) -> Tensor:
        return reference.gram(problem).to(result_dtype(problem.features.dtype))

    def eigvals(self, problem: Problem, k: int, solver: str, n_iter: int, seed: int) -> tuple[Tensor, Tensor]:
        dtype = result_dtype(problem.features.dtype)
        values, bounds = reference.eigvals(problem, k)
        return values.to(dtype), bounds.to(dtype)

    def eigh(self, problem: Problem, k: int, solver: str, n_iter: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        dtype = result_dtype(problem.features.dtype)
        values, vectors, bounds = reference.eigh(problem, k)
        return values.to(dtype), vectors.to(dtype), bounds.to(dtype)

    def fiedler(self, problem: Problem, solver: str, n_iter: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        dtype = result_dtype(problem.features.dtype)
        value, vector, residual = reference.fiedler(problem)
        return value.to(dtype), vector.to(dtype), residual.to(dtype)

    def score(
        self, problem: Problem, criterion: str, k: int, parameter: float, solver: str, n_iter: int, seed: int
    ) -> Tensor:
        return reference.score(problem, criterion, k, parameter).to(result_dtype(problem.features.dtype))

    def matrix_eigvals(self, matrices: Tensor, k: int) -> Tensor:
        return reference.matrix_eigvals(matrices, k).to(result_dtype(matrices.dtype))

    def matrix_eigh(self, matrices: Tensor, k: int) -> tuple[Tensor, Tensor]:
        dtype = result_dtype(matrices.dtype)
        values, vectors = reference.matrix_eigh(matrices, k)
        return values.to(dtype), vectors.to(dtype)


_REFERENCE = Reference()


def serving(backend: Any, device: torch.device) -> Ops:
    """The ops that serve tensors on a device; raises, saying what to do, where nothing does."""
    if backend is None:
        if device.type == "cpu":
            native.require()
            return native.OPS
        if device.type == "cuda":
            raise RuntimeError(f"the tensors are on {device}: " + _NOT_BUILT.format("cuda"))
        raise RuntimeError(f"no backend of saln_kernels runs on {device}; move the tensors to the CPU")
    if backend == "reference":
        return _REFERENCE
    if backend == "cpu":
        if device.type != "cpu":
            raise ValueError(f"backend='cpu' came with tensors on {device}; wanted tensors on the CPU")
        native.require()
        return native.OPS
    if backend in ("cuda", "triton"):
        raise RuntimeError(f"backend={backend!r}: " + _NOT_BUILT.format(backend))
    text = f"backend is {backend!r}; wanted None or one of {', '.join(map(repr, NAMES))}"
    raise ValueError(text) if isinstance(backend, str) else TypeError(text)


def table() -> tuple[Status, ...]:
    """Every backend, whether it serves calls here, and why not."""
    missing = native.missing()
    return (
        Status("cpu", missing is None, missing or "native code, tensors on the CPU"),
        Status("cuda", False, _NOT_BUILT.format("cuda")),
        Status("triton", False, _NOT_BUILT.format("triton")),
        Status("reference", True, "plain torch in float64, slow, tensors on any device"),
    )
