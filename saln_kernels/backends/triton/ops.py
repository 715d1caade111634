"""The torch ops of the Triton backend, namespace `saln_triton`: schemas, outputs, and a launch each.

They have the schemas of `torch.ops.saln`, and its fake kernels and gradients.
"""

from typing import Any

import torch
from torch import Tensor

from saln_kernels import gradients
from saln_kernels.backends import native
from saln_kernels.backends.triton.launch import INTERPRETED, Task, launch, score_task
from saln_kernels.gradients import PROBLEM_SCHEMA
from saln_kernels.matrices import Problem, result_dtype

NAMESPACE = "saln_triton"
_SOLVER = "str solver, int n_iter, int seed"
_FIELDS = len(Problem._fields)

_library: torch.library.Library | None = None


def register() -> None:
    """Define the ops for CUDA tensors, for CPU tensors where the kernels are interpreted."""
    global _library
    library = torch.library.Library(NAMESPACE, "DEF")  # type: ignore[no-untyped-call]
    for schema, kernel in _OPS.items():
        name = schema.split("(")[0]
        library.define(schema)  # type: ignore[no-untyped-call]
        library.impl(name, kernel, "CPU" if INTERPRETED else "CUDA")  # type: ignore[no-untyped-call]
        torch.library.register_fake(f"{NAMESPACE}::{name}", native._FAKES[name], lib=library)
    gradients.register(NAMESPACE)
    _library = library


def _gram(*arguments: Any) -> Tensor:
    problem = Problem(*arguments)
    count, b = problem.candidates.shape
    values = _output(problem.features, count, b, b)
    launch(problem, Task("gram", "tile", 1), values, None, None)
    return values


def _eigvals(*arguments: Any) -> tuple[Tensor, Tensor]:
    problem, k = Problem(*arguments[:_FIELDS]), arguments[_FIELDS]
    count = len(problem.candidates)
    values, bounds = _output(problem.features, count, k), _output(problem.features, count, k)
    launch(problem, Task("values", "spectrum", k), values, None, bounds)
    return values, bounds


def _eigh(*arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
    problem, k = Problem(*arguments[:_FIELDS]), arguments[_FIELDS]
    count, b = problem.candidates.shape
    values, bounds = _output(problem.features, count, k), _output(problem.features, count, k)
    vectors = _output(problem.features, count, b, k)
    launch(problem, Task("vectors", "spectrum", k), values, vectors, bounds)
    return values, vectors, bounds


def _fiedler(*arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
    problem = Problem(*arguments[:_FIELDS])
    if problem.laplacian == "none":
        raise ValueError("laplacian is 'none'; wanted 'unnormalized' or 'symmetric'")
    count, b = problem.candidates.shape
    value, residual = _output(problem.features, count), _output(problem.features, count)
    vector = _output(problem.features, count, b)
    launch(problem, Task("fiedler", "fiedler", 1), value, vector, residual)
    return value, vector, residual


def _score(*arguments: Any) -> Tensor:
    problem, (criterion, k, parameter) = Problem(*arguments[:_FIELDS]), arguments[_FIELDS : _FIELDS + 3]
    if criterion == "algebraic_connectivity" and problem.laplacian == "none":
        problem = problem._replace(laplacian="unnormalized")
    count, b = problem.candidates.shape
    graph = problem.laplacian != "none"
    semidefinite = problem.negative != "keep" if graph else problem.similarity != "precomputed"
    values = _output(problem.features, count)
    launch(problem, score_task(criterion, k, parameter, b, semidefinite), values, None, None)
    return values


def _matrix_eigvals(matrices: Tensor, k: int) -> Tensor:
    count = len(matrices)
    values, bounds = _output(matrices, count, k), _output(matrices, count, k)
    launch(_given(matrices), Task("values", "spectrum", k), values, None, bounds)
    return values


def _matrix_eigh(matrices: Tensor, k: int) -> tuple[Tensor, Tensor]:
    count, b = matrices.shape[:2]
    values, bounds = _output(matrices, count, k), _output(matrices, count, k)
    vectors = _output(matrices, count, b, k)
    launch(_given(matrices), Task("vectors", "spectrum", k), values, vectors, bounds)
    return values, vectors


def _given(matrices: Tensor) -> Problem:
    """Matrices one already has, as what a launch takes."""
    return Problem(matrices, matrices.new_empty(0, dtype=torch.int64), similarity="given")


def _output(like: Tensor, *shape: int) -> Tensor:
    return torch.empty(shape, dtype=result_dtype(like.dtype), device=like.device)


_OPS = {
    f"gram({PROBLEM_SCHEMA}) -> Tensor": _gram,
    f"eigvals({PROBLEM_SCHEMA}, int k, {_SOLVER}) -> (Tensor values, Tensor bounds)": _eigvals,
    f"eigh({PROBLEM_SCHEMA}, int k, {_SOLVER}) -> (Tensor values, Tensor vectors, Tensor bounds)": _eigh,
    f"fiedler({PROBLEM_SCHEMA}, {_SOLVER}) -> (Tensor value, Tensor vector, Tensor residual)": _fiedler,
    f"score({PROBLEM_SCHEMA}, str criterion, int k, float parameter, {_SOLVER}) -> Tensor": _score,
    "matrix_eigvals(Tensor matrices, int k) -> Tensor": _matrix_eigvals,
    "matrix_eigh(Tensor matrices, int k) -> (Tensor values, Tensor vectors)": _matrix_eigh,
}
