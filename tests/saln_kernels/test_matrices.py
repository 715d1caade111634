"""eigvalsh and eigh on matrices one already has."""

import numpy as np
import pytest
import scipy.linalg
import torch

import saln_kernels
from cases import DTYPES, SIZES
from tolerance import assert_as_accurate


def symmetric(count: int, b: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    half = torch.randn(count, b, b, generator=generator, dtype=torch.float64)
    return (half + half.mT).to(dtype)


@pytest.mark.parametrize("b", SIZES)
def test_values(backend: str, b: int) -> None:
    matrices = symmetric(3, b, seed=b)
    exact = torch.from_numpy(
        np.stack([scipy.linalg.eigh(matrix.double().numpy(), eigvals_only=True)[::-1] for matrix in matrices])
    )
    plain = torch.linalg.eigvalsh(matrices).flip(1)
    assert_as_accurate(saln_kernels.eigvalsh(matrices, backend=backend), exact, plain)
    k = max(1, b // 4)
    assert_as_accurate(saln_kernels.eigvalsh(matrices, k, backend=backend), exact[:, :k], plain[:, :k])


@pytest.mark.parametrize("b", [1, 2, 5, 16, 33, 64, 65, 100])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_vectors(backend: str, b: int, dtype: torch.dtype) -> None:
    matrices = symmetric(3, b, dtype)
    values, vectors = saln_kernels.eigh(matrices, backend=backend)
    assert values.dtype == vectors.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    tolerance = 32 * b * torch.finfo(values.dtype).eps
    exact, v = matrices.double(), vectors.double()
    norm = torch.linalg.matrix_norm(exact).max()
    assert (exact @ v - v * values.double().unsqueeze(1)).abs().max() <= tolerance * norm
    assert (v.mT @ v - torch.eye(b, dtype=torch.float64)).abs().max() <= tolerance
    assert torch.allclose(v.amax(dim=1), v.abs().amax(dim=1), rtol=1e-4)
    torch.testing.assert_close(
        saln_kernels.eigh(matrices, max(1, b // 2), backend=backend).values, values[:, : max(1, b // 2)]
    )


def test_only_the_lower_triangle_is_read(backend: str) -> None:
    matrices = symmetric(4, 9)
    spoiled = matrices.clone()
    rows, columns = torch.triu_indices(9, 9, offset=1)
    spoiled[:, rows, columns] = torch.nan
    assert torch.equal(
        saln_kernels.eigvalsh(spoiled, backend=backend), saln_kernels.eigvalsh(matrices, backend=backend)
    )
    torch.testing.assert_close(
        saln_kernels.eigh(spoiled, backend=backend).vectors, saln_kernels.eigh(matrices, backend=backend).vectors
    )


def test_strides(backend: str) -> None:
    matrices = symmetric(6, 12)
    for strided in (
        matrices.mT,
        matrices.permute(1, 2, 0).contiguous().permute(2, 0, 1),
        matrices[:1].expand(6, 12, 12),
    ):
        torch.testing.assert_close(
            saln_kernels.eigvalsh(strided, backend=backend), saln_kernels.eigvalsh(strided.clone(), backend=backend)
        )


def test_not_finite(backend: str) -> None:
    matrices = symmetric(5, 7)
    matrices[1, 3, 2] = torch.nan
    matrices[3, 0, 0] = torch.inf
    values, vectors = saln_kernels.eigh(matrices, backend=backend)
    bad = torch.tensor([False, True, False, True, False])
    assert torch.equal(values.isnan().all(dim=1), bad)
    assert torch.equal(values.isnan().any(dim=1), bad)
    assert torch.equal(vectors.isnan().flatten(1).any(dim=1), bad)


@pytest.mark.parametrize("factor", [1e-15, 1e15])
def test_scaled(backend: str, factor: float) -> None:
    matrices = symmetric(3, 20)
    torch.testing.assert_close(
        saln_kernels.eigvalsh(matrices * factor, backend=backend) / factor,
        saln_kernels.eigvalsh(matrices, backend=backend),
        rtol=1e-4,
        atol=1e-4,
    )


def test_empty(backend: str) -> None:
    assert saln_kernels.eigvalsh(torch.zeros(0, 5, 5), 2, backend=backend).shape == (0, 2)
    values, vectors = saln_kernels.eigh(torch.zeros(0, 5, 5), backend=backend)
    assert values.shape == (0, 5)
    assert vectors.shape == (0, 5, 5)


def test_zero_and_identity(backend: str) -> None:
    matrices = torch.stack([torch.zeros(10, 10), torch.eye(10), -torch.eye(10)])
    values, vectors = saln_kernels.eigh(matrices, backend=backend)
    torch.testing.assert_close(values, torch.tensor([0.0, 1.0, -1.0]).unsqueeze(1).expand(3, 10))
    torch.testing.assert_close(vectors.mT @ vectors, torch.eye(10).expand(3, 10, 10), atol=1e-5, rtol=0)
