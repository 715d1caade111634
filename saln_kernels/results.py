"""The named results of the public functions."""

from typing import NamedTuple

from torch import Tensor


class Eigvals(NamedTuple):
    """Eigenvalues with certificates."""

    values: Tensor  # [C, k] descending
    bounds: Tensor  # [C, k], |exact - values| <= bounds


class Eigh(NamedTuple):
    """Eigenpairs."""

    values: Tensor  # [C, k] descending
    vectors: Tensor  # [C, b, k], one column an eigenvector


class BoundedEigh(NamedTuple):
    """Eigenpairs with certificates of the values."""

    values: Tensor  # [C, k] descending
    vectors: Tensor  # [C, b, k], one column an eigenvector
    bounds: Tensor  # [C, k], |exact - values| <= bounds


class Fiedler(NamedTuple):
    """Fiedler pairs."""

    value: Tensor  # [C]
    vector: Tensor  # [C, b]
    residual: Tensor  # [C], ||L v - value v||_2


class Greedy(NamedTuple):
    """Rows chosen one after the other."""

    positions: Tensor  # [C, size] int64 into the rows of candidates, -1 where there was none left
    gains: Tensor  # [C, size], what each choice added
