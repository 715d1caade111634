"""The right answers in float64, by LAPACK, and how far a result is from them."""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.cases import Inputs

Array = NDArray[np.float64]


class WrongResult(AssertionError):
    """A variant that is to be timed gives a wrong answer."""


@dataclass(frozen=True)
class Check:
    """How far one result is from the truth, and how far it may be."""

    error: float
    allowed: float  # infinity where a variant is approximate by nature: its error is only reported
    measure: str = "relative error"

    @property
    def passed(self) -> bool:
        """Whether the error is within what is allowed; NaN is not."""
        return self.error <= self.allowed


@cache
def truth_of(inputs: Inputs, dtype: torch.dtype | None = None) -> "Truth":
    """The truth about features, rounded to a dtype if one is named, computed once."""
    return Truth(inputs, dtype or inputs.case.dtype)


class Truth:
    """Float64 spectra of the first n candidates of turn 0; of a result as many are looked at as it has."""

    def __init__(self, inputs: Inputs, dtype: torch.dtype) -> None:
        self._features = inputs.features.to(dtype)
        self._candidates = inputs.candidates[: inputs.case.n_true].cpu()  # [n, b]
        self.n, self.k = len(self._candidates), inputs.case.k

    @cached_property
    def grams(self) -> Array:
        """K [n, b, b] of the features as they are given."""
        return self._grams(self._features.cpu().double().numpy())

    @cached_property
    def eigvals(self) -> Array:
        """Eigenvalues [n, b] of K, descending."""
        return np.linalg.eigvalsh(self.grams)[:, ::-1]

    @cached_property
    def laplacians(self) -> Array:
        """Unnormalized Laplacians [n, b, b] of the cosine similarities, negative weights clamped."""
        rows = self._features.cpu().double().numpy()
        weights = np.maximum(self._grams(rows / np.linalg.norm(rows, axis=1, keepdims=True)), 0)
        diagonal = np.arange(weights.shape[1])
        weights[:, diagonal, diagonal] = 0
        laplacians = -weights
        laplacians[:, diagonal, diagonal] = weights.sum(axis=2)
        return laplacians

    def _grams(self, rows: Array) -> Array:
        blocks = []
        for candidates in self._candidates.split(64):
            block = rows[candidates.numpy()]  # [64, b, d]
            blocks.append(block @ block.transpose(0, 2, 1))
        return np.concatenate(blocks)

    def top(self, values: Tensor, allowed: float = 1e-5) -> Check:
        """Relative error of the k leading eigenvalues [C, k], the worst of all."""
        found = self._array(values)
        wanted = self.eigvals[: len(found), : self.k]
        return Check(_worst(np.abs(found - wanted) / wanted), allowed)

    def certified(self, values: Tensor, bounds: Tensor) -> Check:
        """The largest |eigenvalue - value| over its certificate, which may not exceed 1."""
        errors = np.abs(self._array(values) - self.eigvals[:, : self.k])
        return Check(_worst(errors / self._array(bounds)), 1.0, "error / certificate")

    def pairs(self, values: Tensor, vectors: Tensor) -> Check:
        """The largest residual |K v - value v| over the largest eigenvalue."""
        columns = self._array(vectors)  # [n, b, k]
        residuals = np.linalg.norm(self.grams @ columns - columns * self._array(values)[:, None, :], axis=1)  # [n, k]
        lengths = np.abs(np.linalg.norm(columns, axis=1) - 1)
        return Check(
            max(_worst(residuals / self.eigvals[:, :1]), _worst(lengths)), 1e-5, "residual / largest eigenvalue"
        )

    def fiedler(self, value: Tensor, vector: Tensor) -> Check:
        """The largest of |second smallest - value| and |L v - value v|, over the largest eigenvalue of L."""
        spectra = np.linalg.eigvalsh(self.laplacians)  # [n, b] ascending
        values, vectors = self._array(value), self._array(vector)
        residuals = np.einsum("cij,cj->ci", self.laplacians, vectors) - values[:, None] * vectors
        error = np.maximum(np.abs(values - spectra[:, 1]), np.linalg.norm(residuals, axis=1))
        return Check(_worst(error / spectra[:, -1]), 1e-5, "residual / largest eigenvalue")

    def matrices(self, grams: Tensor, allowed: float = 1e-5) -> Check:
        """The largest error of an entry of K [C, b, b], over the largest eigenvalue."""
        return Check(_worst(np.abs(self._array(grams) - self.grams).max(axis=(1, 2)) / self.eigvals[:, 0]), allowed)

    def effective_rank(self, scores: Tensor) -> Check:
        """Relative error of exp(-sum p log p)."""
        shares = self.eigvals.clip(1e-300) / self.eigvals.clip(0).sum(axis=1, keepdims=True)
        return self._score(scores, np.exp(-(shares * np.log(shares)).sum(axis=1)))

    def participation_ratio(self, scores: Tensor) -> Check:
        """Relative error of tr^2 / |K|^2."""
        return self._score(scores, self.eigvals.sum(axis=1) ** 2 / (self.eigvals**2).sum(axis=1))

    def eigenvalue_variance(self, scores: Tensor) -> Check:
        """Relative error of the variance of the eigenvalues."""
        return self._score(scores, self.eigvals.var(axis=1))

    def _score(self, scores: Tensor, wanted: Array) -> Check:
        return Check(_worst(np.abs(self._array(scores) - wanted) / wanted), 1e-5)

    def _array(self, values: Tensor) -> Array:
        result: Array = torch.as_tensor(values)[: self.n].cpu().double().numpy()
        return result


def _worst(errors: Array) -> float:
    # NaN stays NaN, and NaN passes no check
    return float(errors.max())
