"""The ops as torch knows them: a schema each, and a fake kernel that says what shapes and dtypes come out.

Every op that takes candidates begins with the fields of `Problem`. The native library has the same schemas in C++
(csrc/api); a test compares.
"""

from collections.abc import Callable
from typing import Any, get_type_hints

import torch
from torch import Tensor

from saln_kernels.matrices import Problem, result_dtype

NAMESPACE = "saln"  # of the ops; a copy beside this package has its own: tools.hub_layout

_TYPES = {Tensor: "Tensor", Tensor | None: "Tensor?", str: "str", bool: "bool", float: "float"}

PROBLEM = ", ".join(f"{_TYPES[kind]} {name}" for name, kind in get_type_hints(Problem).items())
_SOLVER = "str solver, int n_iter, int seed"

SCHEMAS = {
    "gram": f"({PROBLEM}) -> Tensor",
    "eigvals": f"({PROBLEM}, int k, {_SOLVER}) -> (Tensor values, Tensor bounds)",
    "eigh": f"({PROBLEM}, int k, {_SOLVER}) -> (Tensor values, Tensor vectors, Tensor bounds)",
    "fiedler": f"({PROBLEM}, {_SOLVER}) -> (Tensor value, Tensor vector, Tensor residual)",
    "score": f"({PROBLEM}, str criterion, int k, float parameter, {_SOLVER}) -> Tensor",
    "matrix_eigvals": "(Tensor matrices, int k) -> Tensor",
    "matrix_eigh": "(Tensor matrices, int k) -> (Tensor values, Tensor vectors)",
    "greedy_logdet": f"({PROBLEM}, int size, float sigma) -> (Tensor positions, Tensor gains)",
    "maxvol": f"({PROBLEM}, int size, float tolerance, int max_swaps) -> (Tensor positions, Tensor gains)",
    "k_center": f"({PROBLEM}, int size, Tensor? start) -> (Tensor positions, Tensor gains)",
}


def argument_names(name: str) -> tuple[str, ...]:
    """The names of an op's arguments after the problem or the matrices."""
    inside, _, _ = SCHEMAS[name].removeprefix("(").partition(")")
    own = inside.removeprefix(PROBLEM).removeprefix("Tensor matrices").removeprefix(", ")
    return tuple(argument.split()[-1] for argument in own.split(", ") if argument)


def on_problem(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of an op's flat arguments that hands the first of them over as one `Problem`."""

    def flat(*arguments: Any) -> Any:
        problem, others = Problem.of(arguments)
        return function(problem, *others)

    return flat


def _empty(like: Tensor, *shape: int) -> Tensor:
    return like.new_empty(shape, dtype=result_dtype(like.dtype))


def _gram(problem: Problem) -> Tensor:
    count, b = problem.candidates.shape
    return _empty(problem.features, count, b, b)


def _eigvals(problem: Problem, k: int, *solver: Any) -> tuple[Tensor, Tensor]:
    count = problem.candidates.shape[0]
    return _empty(problem.features, count, k), _empty(problem.features, count, k)


def _eigh(problem: Problem, k: int, *solver: Any) -> tuple[Tensor, Tensor, Tensor]:
    count, b = problem.candidates.shape
    values, bounds = _eigvals(problem, k)
    return values, _empty(problem.features, count, b, k), bounds


def _fiedler(problem: Problem, *solver: Any) -> tuple[Tensor, Tensor, Tensor]:
    count, b = problem.candidates.shape
    return _empty(problem.features, count), _empty(problem.features, count, b), _empty(problem.features, count)


def _score(problem: Problem, *task: Any) -> Tensor:
    return _empty(problem.features, problem.candidates.shape[0])


def _matrix_eigvals(matrices: Tensor, k: int) -> Tensor:
    return _empty(matrices, matrices.shape[0], k)


def _matrix_eigh(matrices: Tensor, k: int) -> tuple[Tensor, Tensor]:
    count, b = matrices.shape[:2]
    return _empty(matrices, count, k), _empty(matrices, count, b, k)


def _greedy(problem: Problem, size: int, *options: Any) -> tuple[Tensor, Tensor]:
    count = problem.candidates.shape[0]
    return problem.features.new_empty((count, size), dtype=torch.int64), _empty(problem.features, count, size)


FAKES: dict[str, Callable[..., Any]] = {
    "gram": on_problem(_gram),
    "eigvals": on_problem(_eigvals),
    "eigh": on_problem(_eigh),
    "fiedler": on_problem(_fiedler),
    "score": on_problem(_score),
    "matrix_eigvals": _matrix_eigvals,
    "matrix_eigh": _matrix_eigh,
    "greedy_logdet": on_problem(_greedy),
    "maxvol": on_problem(_greedy),
    "k_center": on_problem(_greedy),
}
