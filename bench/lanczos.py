"""Batched Lanczos with full reorthogonalisation in plain torch, as a user would write it, and compiled."""

from collections.abc import Callable

import torch
from torch import Tensor

Step = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]


def step(matrices: Tensor, basis: Tensor, vector: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """One step: matrices [C, b, b], basis [C, j, b], its last vector [C, b] -> alpha [C], beta [C], next [C, b]."""
    image = torch.bmm(matrices, vector[:, :, None])  # [C, b, 1]
    alpha = (vector[:, None, :] @ image)[:, 0, 0]
    # twice is enough (Parlett, The Symmetric Eigenvalue Problem, section 6.9)
    image = image - torch.bmm(basis.mT, torch.bmm(basis, image))
    image = image - torch.bmm(basis.mT, torch.bmm(basis, image))
    beta = torch.linalg.vector_norm(image[:, :, 0], dim=1)
    return alpha, beta, image[:, :, 0] / beta.clamp_min(1e-30)[:, None]


def eigvals(features: Tensor, candidates: Tensor, k: int, n_iter: int, one_step: Step, whole_basis: bool) -> Tensor:
    """The k leading Ritz values [C, k] of every candidate's Gram matrix, descending.

    A compiled step wants one shape for all steps: with `whole_basis` it gets the basis with zeros below.
    """
    rows = features[candidates]  # [C, b, d]
    start = torch.randn(candidates.shape[1], generator=torch.Generator().manual_seed(0))
    found = tridiagonals(torch.bmm(rows, rows.mT), start / start.norm(), n_iter, one_step, whole_basis)
    return torch.linalg.eigvalsh(found)[:, -k:].flip(1)


def tridiagonals(matrices: Tensor, start: Tensor, n_iter: int, one_step: Step, whole_basis: bool) -> Tensor:
    """T [C, n_iter, n_iter] of matrices [C, b, b] from a unit vector start [b]; only the lower triangle is written."""
    count, b = matrices.shape[:2]
    basis = matrices.new_zeros(count, n_iter, b)
    basis[:, 0] = start
    tridiagonal = matrices.new_zeros(count, n_iter, n_iter)
    for j in range(n_iter):
        vectors = basis if whole_basis else basis[:, : j + 1]
        alpha, beta, following = one_step(matrices, vectors, basis[:, j])
        tridiagonal[:, j, j] = alpha
        if j + 1 < n_iter:
            tridiagonal[:, j + 1, j] = beta  # the lower triangle is what eigvalsh reads
            basis[:, j + 1] = following
    return tridiagonal


def compiled_step(matrices: Tensor, n_iter: int) -> Step:
    """`step` under torch.compile, tried on matrices [C, b, b].

    Raises
    ------
    RuntimeError
        Nothing can be compiled here, and why.
    """
    count, b = matrices.shape[:2]
    compiled: Step = torch.compile(step, dynamic=False)
    try:
        compiled(matrices, matrices.new_zeros(count, n_iter, b), matrices.new_ones(count, b))
    except Exception as error:  # whatever the compiler raises: the reason is printed, the variant left out
        raise RuntimeError(f"torch.compile does not work here: {str(error).strip().splitlines()[0][:200]}") from error
    return compiled
