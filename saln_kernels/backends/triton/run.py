"""The ops of the Triton backend: outputs and a launch each. Importing this module loads Triton."""

from typing import Any

import torch
from torch import Tensor

from saln_kernels.backends.triton.launch import Task, launch, score_task
from saln_kernels.matrices import Problem, result_dtype


def gram(problem: Problem) -> Tensor:
    count, b = problem.candidates.shape
    values = _output(problem.features, count, b, b)
    launch(problem, Task("tile"), values, None, None)
    return values


def eigvals(problem: Problem, k: int, *solver: Any) -> tuple[Tensor, Tensor]:
    count = len(problem.candidates)
    values, bounds = _output(problem.features, count, k), _output(problem.features, count, k)
    launch(problem, Task("values", k), values, None, bounds)
    return values, bounds


def eigh(problem: Problem, k: int, *solver: Any) -> tuple[Tensor, Tensor, Tensor]:
    count, b = problem.candidates.shape
    values, bounds = _output(problem.features, count, k), _output(problem.features, count, k)
    vectors = _output(problem.features, count, b, k)
    launch(problem, Task("vectors", k), values, vectors, bounds)
    return values, vectors, bounds


def fiedler(problem: Problem, *solver: Any) -> tuple[Tensor, Tensor, Tensor]:
    _check_graph(problem)
    count, b = problem.candidates.shape
    value, residual = _output(problem.features, count), _output(problem.features, count)
    vector = _output(problem.features, count, b)
    launch(problem, Task("fiedler"), value, vector, residual)
    return value, vector, residual


def score(problem: Problem, criterion: str, k: int, parameter: float, *solver: Any) -> Tensor:
    if criterion == "algebraic_connectivity":
        _check_graph(problem)
    count, b = problem.candidates.shape
    values = _output(problem.features, count)
    launch(problem, score_task(criterion, k, parameter, b, problem.semidefinite), values, None, None)
    return values


def matrix_eigvals(matrices: Tensor, k: int) -> Tensor:
    count = len(matrices)
    values, bounds = _output(matrices, count, k), _output(matrices, count, k)
    launch(Problem.given(matrices), Task("values", k), values, None, bounds)
    return values


def matrix_eigh(matrices: Tensor, k: int) -> tuple[Tensor, Tensor]:
    count, b = matrices.shape[:2]
    values, bounds = _output(matrices, count, k), _output(matrices, count, k)
    vectors = _output(matrices, count, b, k)
    launch(Problem.given(matrices), Task("vectors", k), values, vectors, bounds)
    return values, vectors


def _check_graph(problem: Problem) -> None:
    if problem.laplacian == "none":
        raise ValueError("laplacian is 'none'; wanted 'unnormalized' or 'symmetric'")


def _output(like: Tensor, *shape: int) -> Tensor:
    return torch.empty(shape, dtype=result_dtype(like.dtype), device=like.device)
