"""Eigenvectors: norm, orthogonality, residual, sign, subspace, padding."""

import pytest
import torch

import saln_kernels
from cases import SIMILARITIES, make
from saln_kernels.truth import reference


def check(matrices: torch.Tensor, values: torch.Tensor, vectors: torch.Tensor, counts: list[int]) -> None:
    """Check pairs of matrices [C, b, b] in float64."""
    b, k = vectors.shape[1:]
    tolerance = 64 * b * torch.finfo(values.dtype).eps
    norm = torch.linalg.matrix_norm(matrices, ord="fro").view(-1, 1, 1).clamp(min=1e-300)
    v = vectors.double()
    residual = matrices @ v - v * values.double().unsqueeze(1)
    assert (residual.abs() / norm).max() <= tolerance
    for vector, n in zip(v, counts, strict=True):
        kept = min(n, k)
        gram = vector.mT @ vector
        wanted = torch.diag((torch.arange(k) < kept).double())
        assert (gram - wanted).abs().max() <= tolerance
        assert (vector[:, kept:] == 0).all()
        if kept:
            largest = vector[:, :kept].abs().amax(dim=0)
            assert torch.allclose(vector[:, :kept].amax(dim=0), largest, rtol=1e-4), "sign: largest entry positive"


@pytest.mark.parametrize("b", [1, 2, 3, 7, 16, 17, 33, 64, 65, 100])
@pytest.mark.parametrize("d", [3, 40])
def test_vectors(backend: str, b: int, d: int) -> None:
    case = make(b, d, count=4)
    matrices = reference.gram(case.problem)
    counts = (case.candidates != -1).sum(dim=1).tolist()
    for k in {1, min(4, b), b}:
        found = saln_kernels.topk_eigh(case.features, case.candidates, k, backend=backend)
        assert found.vectors.shape == (4, b, k)
        check(matrices, found.values, found.vectors, counts)
        assert (found.vectors[case.candidates == -1] == 0).all()


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("laplacian", [None, "unnormalized", "symmetric"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_options(backend: str, similarity: str, laplacian: str | None, dtype: torch.dtype) -> None:
    case = make(12, 6, similarity=similarity, laplacian=laplacian, quality=True, dtype=dtype)
    found = saln_kernels.topk_eigh(
        case.features, case.candidates, 12, **case.options, return_bounds=True, backend=backend
    )
    values = saln_kernels.topk_eigvals(case.features, case.candidates, 12, **case.options, backend=backend)
    norm = reference.gram(case.problem).flatten(1).norm(dim=1, keepdim=True)
    assert ((found.values - values).abs() <= 32 * torch.finfo(dtype).eps * norm).all()
    assert (found.bounds >= 0).all()
    check(reference.gram(case.problem), found.values, found.vectors, (case.candidates != -1).sum(dim=1).tolist())


@pytest.mark.parametrize("b", [6, 24, 70])
def test_equal_eigenvalues(backend: str, b: int) -> None:
    """Two clusters of equal eigenvalues: single vectors are arbitrary, their spans are not."""
    generator = torch.Generator().manual_seed(b)
    basis, _ = torch.linalg.qr(torch.randn(b, b, generator=generator, dtype=torch.float64))
    half = b // 2
    spectrum = torch.cat([torch.full((half,), 4.0), torch.full((b - half,), 1.0)]).double()
    matrix = ((basis * spectrum) @ basis.mT).unsqueeze(0)
    values, vectors = saln_kernels.eigh(matrix, backend=backend)
    torch.testing.assert_close(values[0], spectrum, rtol=1e-12, atol=1e-12)
    check(matrix, values, vectors, [b])
    projector = vectors[0, :, :half] @ vectors[0, :, :half].mT
    torch.testing.assert_close(projector, basis[:, :half] @ basis[:, :half].mT, rtol=0, atol=1e-10)


def test_randomized(backend: str) -> None:
    case = make(64, 30, count=3, padding=0)
    found = saln_kernels.topk_eigh(case.features, case.candidates, 4, solver="randomized", n_iter=40, backend=backend)
    exact = saln_kernels.topk_eigh(case.features.double(), case.candidates, 4, backend="reference")
    torch.testing.assert_close(found.values.double(), exact.values, rtol=1e-4, atol=0)
    overlap = (found.vectors.double() * exact.vectors).sum(dim=1).abs()
    assert (overlap > 1 - 1e-3).all()
