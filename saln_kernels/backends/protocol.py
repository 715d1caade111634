"""What a backend does: one function for every op, whatever runs it."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor

from saln_kernels.matrices import Problem


class Ops(ABC):
    """The ops of docs/design.md. A backend says in `call` how it runs one; who calls names it here."""

    @abstractmethod
    def call(self, name: str, subject: Problem | Tensor, *arguments: Any, **solver: Any) -> Any:
        """Run the op of this name on a problem, or on matrices, with the arguments that follow in its schema.

        Those of the solver come by keyword: a backend that has none to choose leaves them out.
        """

    def gram(self, problem: Problem) -> Tensor:
        result: Tensor = self.call("gram", problem)
        return result

    def eigvals(self, problem: Problem, k: int, solver: str, n_iter: int, seed: int) -> tuple[Tensor, Tensor]:
        result: tuple[Tensor, Tensor] = self.call("eigvals", problem, k, solver=solver, n_iter=n_iter, seed=seed)
        return result

    def eigh(self, problem: Problem, k: int, solver: str, n_iter: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        result: tuple[Tensor, Tensor, Tensor] = self.call("eigh", problem, k, solver=solver, n_iter=n_iter, seed=seed)
        return result

    def fiedler(self, problem: Problem, solver: str, n_iter: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        result: tuple[Tensor, Tensor, Tensor] = self.call("fiedler", problem, solver=solver, n_iter=n_iter, seed=seed)
        return result

    def score(
        self, problem: Problem, criterion: str, k: int, parameter: float, solver: str, n_iter: int, seed: int
    ) -> Tensor:
        result: Tensor = self.call("score", problem, criterion, k, parameter, solver=solver, n_iter=n_iter, seed=seed)
        return result

    def matrix_eigvals(self, matrices: Tensor, k: int) -> Tensor:
        result: Tensor = self.call("matrix_eigvals", matrices, k)
        return result

    def matrix_eigh(self, matrices: Tensor, k: int) -> tuple[Tensor, Tensor]:
        result: tuple[Tensor, Tensor] = self.call("matrix_eigh", matrices, k)
        return result

    def greedy_logdet(self, problem: Problem, size: int, sigma: float) -> tuple[Tensor, Tensor]:
        result: tuple[Tensor, Tensor] = self.call("greedy_logdet", problem, size, sigma)
        return result

    def maxvol(self, problem: Problem, size: int, tolerance: float, max_swaps: int) -> tuple[Tensor, Tensor]:
        result: tuple[Tensor, Tensor] = self.call("maxvol", problem, size, tolerance, max_swaps)
        return result

    def k_center(self, problem: Problem, size: int, start: Tensor | None) -> tuple[Tensor, Tensor]:
        result: tuple[Tensor, Tensor] = self.call("k_center", problem, size, start)
        return result
