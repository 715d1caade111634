"""What is exact: the reference in float64 for kernels, the oracle for the reference, candidate by candidate."""

from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

import oracle
from saln_kernels.matrices import Problem, result_dtype
from saln_kernels.truth import reference


class Truth(Protocol):
    """Exact results, NaN for bad candidates."""

    def standard(self, exact: Tensor, plain: Tensor) -> Tensor:
        """What a result may err twice as much as: `plain` torch, or nothing where that is what is tested."""

    def gram(self, problem: Problem) -> Tensor: ...
    def eigvals(self, problem: Problem, k: int) -> Tensor: ...
    def fiedler(self, problem: Problem) -> Tensor: ...
    def score(self, problem: Problem, criterion: str, k: int, parameter: float) -> Tensor: ...


class Reference:
    """Plain torch in float64."""

    def standard(self, exact: Tensor, plain: Tensor) -> Tensor:
        return plain

    def gram(self, problem: Problem) -> Tensor:
        return reference.gram(problem)

    def eigvals(self, problem: Problem, k: int) -> Tensor:
        return reference.eigvals(problem, k)[0]

    def fiedler(self, problem: Problem) -> Tensor:
        return reference.fiedler(problem)[0]

    def score(self, problem: Problem, criterion: str, k: int, parameter: float) -> Tensor:
        return reference.score(problem, criterion, k, parameter)


class Oracle:
    """numpy and scipy, sharing no code with the package."""

    def standard(self, exact: Tensor, plain: Tensor) -> Tensor:
        return exact.to(plain.dtype)

    def gram(self, problem: Problem) -> Tensor:
        count, b = problem.candidates.shape
        result = np.zeros((count, b, b))
        for out, rows in zip(result, problem.candidates.tolist(), strict=True):
            found = _matrix(problem, rows)
            real = [position for position, row in enumerate(rows) if row != -1]
            out[np.ix_(real, real)] = np.nan if found is None else found[0]
            if found is None:
                out[:] = np.nan
        return torch.from_numpy(result)

    def eigvals(self, problem: Problem, k: int) -> Tensor:
        result = np.zeros((len(problem.candidates), k))
        for out, rows in zip(result, problem.candidates.tolist(), strict=True):
            found = _matrix(problem, rows)
            values = np.full(k, np.nan) if found is None else oracle.spectrum(found[0])[:k]
            out[: len(values)] = values
        return torch.from_numpy(result)

    def fiedler(self, problem: Problem) -> Tensor:
        return self.score(problem, "algebraic_connectivity", 1, 1.0)

    def score(self, problem: Problem, criterion: str, k: int, parameter: float) -> Tensor:
        eps = torch.finfo(result_dtype(problem.features.dtype)).eps
        scores = []
        for rows in problem.candidates.tolist():
            found = _matrix(problem, rows)
            if found is None:
                scores.append(np.nan)
            elif criterion == "algebraic_connectivity":
                scores.append(oracle.fiedler_value(*found, problem.laplacian))
            else:
                scores.append(oracle.criterion(criterion, found[0], top=k, q=parameter, sigma=parameter, eps=eps))
        return torch.tensor(scores, dtype=torch.float64)


def _matrix(problem: Problem, rows: list[int]) -> tuple[Any, Any] | None:
    """A candidate's matrix and degrees, None where it is bad."""
    features, residuals, quality = (
        None if part is None else part.double().numpy()
        for part in (problem.features, problem.residuals, problem.quality)
    )
    real = [row for row in rows if row != -1]
    if any(not 0 <= row < len(features) for row in real):
        return None
    held = [features[np.ix_(real, real)] if problem.similarity == "precomputed" else features[real]]
    held += [part[real] for part in (residuals, quality) if part is not None]
    if not all(np.isfinite(part).all() for part in held):
        return None
    return oracle.matrix(
        features,
        rows,
        similarity=problem.similarity,
        center=problem.center,
        gamma=problem.gamma,
        residuals=residuals,
        quality=quality,
        laplacian=None if problem.laplacian == "none" else problem.laplacian,
        negative=problem.negative,
    )
