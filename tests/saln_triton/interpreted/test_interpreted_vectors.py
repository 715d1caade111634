"""Eigenvectors and Fiedler pairs, interpreted: norm, orthogonality, residual, sign, clusters, padding."""

import math

import pytest
import torch

from cases import SIMILARITIES, Case, make
from saln_kernels.backends.triton import OPS
from saln_kernels.truth import reference
from tolerance import assert_as_accurate


def check_pairs(matrices: torch.Tensor, values: torch.Tensor, vectors: torch.Tensor, counts: list[int]) -> None:
    """Check pairs of matrices [C, b, b] in float64."""
    b, k = vectors.shape[1:]
    tolerance = 64 * b * torch.finfo(values.dtype).eps
    norm = torch.linalg.matrix_norm(matrices).view(-1, 1, 1).clamp(min=1e-300)
    v = vectors.double()
    residual = matrices @ v - v * values.double().unsqueeze(1)
    assert (residual.abs() / norm).max() <= tolerance
    for vector, n in zip(v, counts, strict=True):
        kept = min(n, k)
        wanted = torch.diag((torch.arange(k) < kept).double())
        assert (vector.mT @ vector - wanted).abs().max() <= tolerance
        assert (vector[:, kept:] == 0).all()
        if kept:
            largest = vector[:, :kept].abs().amax(dim=0)
            assert torch.allclose(vector[:, :kept].amax(dim=0), largest, rtol=1e-4)


def check_vectors(case: Case, k: int) -> None:
    values, vectors, bounds = OPS.eigh(case.problem, k, "exact", 0, 0)
    check_pairs(reference.gram(case.problem), values, vectors, (case.candidates != -1).sum(dim=1).tolist())
    assert (vectors[case.candidates == -1] == 0).all()
    assert (bounds >= 0).all()
    again, same = OPS.eigvals(case.problem, k, "exact", 0, 0)
    norm = reference.gram(case.problem).flatten(1).norm(dim=1, keepdim=True)
    assert ((again - values).abs() <= 32 * torch.finfo(values.dtype).eps * norm).all()
    assert torch.equal(same, bounds)


@pytest.mark.parametrize(("b", "d", "k"), [(1, 3, 1), (2, 1, 2), (5, 3, 5), (16, 40, 3), (17, 3, 17)])
def test_vectors(b: int, d: int, k: int) -> None:
    check_vectors(make(b, d, count=2 if b > 5 else 4), k)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_indefinite(dtype: torch.dtype) -> None:
    check_vectors(make(10, 6, similarity="precomputed", quality=True, dtype=dtype, count=2), 10)


@pytest.mark.parametrize("b", [6, 24])
def test_equal_eigenvalues(b: int) -> None:
    """Two clusters of equal eigenvalues: single vectors are arbitrary, their spans are not."""
    generator = torch.Generator().manual_seed(b)
    basis, _ = torch.linalg.qr(torch.randn(b, b, generator=generator, dtype=torch.float64))
    half = b // 2
    spectrum = torch.cat([torch.full((half,), 4.0), torch.full((b - half,), 1.0)]).double()
    matrix = ((basis * spectrum) @ basis.mT).unsqueeze(0)
    values, vectors = OPS.matrix_eigh(matrix, b)
    torch.testing.assert_close(values[0], spectrum, rtol=1e-12, atol=1e-12)
    check_pairs(matrix, values, vectors, [b])
    projector = vectors[0, :, :half] @ vectors[0, :, :half].mT
    torch.testing.assert_close(projector, basis[:, :half] @ basis[:, :half].mT, rtol=0, atol=1e-10)


def test_zero_identity_and_clusters() -> None:
    """Without off-diagonals, with all eigenvalues equal, and with gaps that rounding hides."""
    generator = torch.Generator().manual_seed(0)
    basis, _ = torch.linalg.qr(torch.randn(12, 12, generator=generator, dtype=torch.float64))
    close = (basis * (1 + 1e-7 * torch.arange(12, 0, -1))) @ basis.mT
    matrices = torch.stack([torch.zeros(12, 12), torch.eye(12), close.float()])
    values, vectors = OPS.matrix_eigh(matrices, 12)
    check_pairs(matrices.double(), values, vectors, [12] * 3)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize(("laplacian", "negative"), [("unnormalized", "keep"), ("symmetric", "shift")])
def test_fiedler(similarity: str, laplacian: str, negative: str) -> None:
    case = make(9, 8, similarity=similarity, laplacian=laplacian, negative=negative, quality=True, count=3)
    value, vector, residual = OPS.fiedler(case.problem, "auto", 0, 0)
    exact, _, _ = reference.fiedler(case.problem)
    plain, _, plain_residual = reference.fiedler(case.problem, dtype=torch.float32)
    matrices = reference.gram(case.problem)
    norm = torch.linalg.matrix_norm(matrices)
    assert_as_accurate(value, exact, plain, norm)
    v = vector.double()
    left = (matrices @ v.unsqueeze(2)).squeeze(2) - value.double().unsqueeze(1) * v
    limit = (2 * (plain_residual.double() / norm).max() + 128 * 2**-23) * norm
    assert (left.norm(dim=1) <= limit).all()
    assert (residual <= 2 * limit).all()
    assert torch.allclose(v.norm(dim=1), torch.ones(3, dtype=torch.float64), atol=1e-5)
    assert (vector[case.candidates == -1] == 0).all()
    assert torch.allclose(vector.amax(dim=1), vector.abs().amax(dim=1), rtol=1e-4)


@pytest.mark.parametrize("n", [2, 17])
def test_fiedler_of_a_path(n: int) -> None:
    weights = torch.zeros(n, n, dtype=torch.float64)
    index = torch.arange(n - 1)
    weights[index, index + 1] = weights[index + 1, index] = 1
    case = Case(weights, torch.arange(n).unsqueeze(0), {"similarity": "precomputed", "laplacian": "unnormalized"})
    value, vector, residual = OPS.fiedler(case.problem, "auto", 0, 0)
    assert float(value) == pytest.approx(2 - 2 * math.cos(math.pi / n), abs=1e-12)
    assert float(residual) <= 1e-11
    wanted = torch.cos(math.pi * (torch.arange(n) + 0.5).double() / n)
    assert float(vector[0] @ wanted) / float(wanted.norm()) == pytest.approx(1, abs=1e-9)


def test_fiedler_of_small_candidates() -> None:
    candidates = torch.tensor([[-1, -1, -1], [-1, 2, -1], [0, 1, -1]])
    case = Case(torch.randn(5, 3), candidates, {"similarity": "rbf", "laplacian": "unnormalized"})
    value, vector, residual = OPS.fiedler(case.problem, "auto", 0, 0)
    for result in (value, vector, residual):
        assert (result[:2] == 0).all()
    torch.testing.assert_close(vector[2].abs(), torch.tensor([0.5**0.5, 0.5**0.5, 0]))


@pytest.mark.parametrize("name", ["gram", "eigh", "score"])
def test_opcheck(name: str) -> None:
    arguments = {"gram": (), "eigh": (2, "auto", 0, 0), "score": ("participation_ratio", 1, 0.0, "auto", 0, 0)}
    problem = make(3, 2, count=1, quality=True).problem
    OPS.gram(problem)
    torch.library.opcheck(getattr(torch.ops.saln_triton, name), (*problem, *arguments[name]))


def test_compile() -> None:
    """One graph, the same numbers."""
    case = make(4, 3, count=2, dtype=torch.float64)

    def run(features: torch.Tensor) -> torch.Tensor:
        return OPS.eigvals(case.problem._replace(features=features), 2, "auto", 0, 0)[0].exp()

    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(case.features), run(case.features))


def test_gradients() -> None:
    """Forward and backward through the Triton ops, against plain autograd of the reference."""
    case = make(4, 3, count=2, similarity="gradient", quality=True, dtype=torch.float64)
    tensors = [case.features, case.options["residuals"], case.options["quality"]]
    slopes = []
    for ops in (OPS, None):
        leaves = [tensor.clone().requires_grad_() for tensor in tensors]
        problem = case.problem._replace(features=leaves[0], residuals=leaves[1], quality=leaves[2])
        graph = problem._replace(laplacian="unnormalized")
        if ops is not None:
            parts = [
                OPS.gram(problem).sin().sum(),
                OPS.eigvals(problem, 2, "auto", 0, 0)[0].sum(),
                OPS.eigh(problem, 3, "auto", 0, 0)[0].square().sum(),
                OPS.fiedler(graph, "auto", 0, 0)[0].sum(),
                OPS.score(problem, "effective_rank", 1, 0.0, "auto", 0, 0).sum(),
            ]
        else:
            parts = [
                reference.gram(problem).sin().sum(),
                reference.eigvals(problem, 2)[0].sum(),
                reference.eigh(problem, 3)[0].square().sum(),
                reference.fiedler(graph)[0].sum(),
                reference.score(problem, "effective_rank", 1, 0.0).sum(),
            ]
        slopes.append(torch.autograd.grad(sum(parts), leaves))
    for ours, theirs in zip(*slopes, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-8)
