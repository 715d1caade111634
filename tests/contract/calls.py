"""A call of an op, whoever serves it, and what comes back."""

from dataclasses import dataclass

import torch
from torch import Tensor

from saln_kernels.backends.protocol import Ops
from saln_kernels.matrices import Problem

NOTHING = torch.empty(0)


@dataclass
class Call:
    """An op's arguments: those of a `Problem`, or `matrices` [C, b, b]."""

    problem: Problem | Tensor
    output: str = "eigvals"
    k: int = 1
    solver: str = "auto"
    n_iter: int = 0
    seed: int = 0
    criterion: str = "effective_rank"
    parameter: float = 1.0

    def __post_init__(self) -> None:
        """A graph's connectivity is of its Laplacian."""
        of_graph = self.output == "fiedler" or (self.output == "score" and self.criterion == "algebraic_connectivity")
        if of_graph and isinstance(self.problem, Problem) and self.problem.laplacian == "none":
            self.problem = self.problem._replace(laplacian="unnormalized")

    def __str__(self) -> str:
        """A call in a line."""
        p = self.problem
        if isinstance(p, Tensor):
            return f"{self.output} of matrices {list(p.shape)} {p.dtype}, k {self.k}"
        return (
            f"{self.output} {self.criterion if self.output == 'score' else ''} of features {list(p.features.shape)} "
            f"{p.features.dtype}, candidates {list(p.candidates.shape)}, {p.similarity}, center {p.center}, "
            f"quality {p.quality is not None}, laplacian {p.laplacian} {p.negative}, k {self.k}, {self.solver}"
        )


@dataclass
class Found:
    """What came back; tensors are empty where an op has no such result."""

    values: Tensor
    vectors: Tensor = NOTHING
    bounds: Tensor = NOTHING


def serve(ops: Ops, call: Call) -> Found:
    """What the ops of a backend answer."""
    problem, how = call.problem, (call.solver, call.n_iter, call.seed)
    if isinstance(problem, Tensor):
        if call.output == "eigvals":
            return Found(ops.matrix_eigvals(problem, call.k))
        return Found(*ops.matrix_eigh(problem, call.k))
    if call.output == "gram":
        return Found(ops.gram(problem))
    if call.output == "eigvals":
        values, bounds = ops.eigvals(problem, call.k, *how)
        return Found(values, bounds=bounds)
    if call.output == "eigh":
        return Found(*ops.eigh(problem, call.k, *how))
    if call.output == "fiedler":
        return Found(*ops.fiedler(problem, *how))
    return Found(ops.score(problem, call.criterion, call.k, call.parameter, *how))
