"""Criteria against the oracle, the vendi-score package and closed forms."""

import math

import pytest
import torch

import saln_kernels
from cases import make
from saln_kernels.criteria import CRITERIA

SPECTRAL = sorted(set(CRITERIA) - {"algebraic_connectivity"})


def test_connectivity_is_of_the_unnormalized_laplacian_unless_given(backend: str) -> None:
    case = make(9, 4)
    scores = [
        saln_kernels.score_batches(
            case.features, case.candidates, "algebraic_connectivity", laplacian=laplacian, backend=backend
        )
        for laplacian in (None, "unnormalized")
    ]
    assert torch.equal(*scores)


def test_vendi_rank(backend: str) -> None:
    features = torch.randn(20, 30)[:, :4] @ torch.randn(4, 30)
    found = saln_kernels.score_batches(
        features, torch.arange(20).unsqueeze(0), "vendi", q=0, similarity="cosine", backend=backend
    )
    assert found.item() == 4


@pytest.mark.parametrize(
    ("similarity", "score"),
    [
        (torch.eye(3), 3.0),
        (torch.tensor([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]]), 2.1573),
    ],
)
def test_vendi_readme(backend: str, similarity: torch.Tensor, score: float) -> None:
    """The two values in the README of the vendi-score package."""
    found = saln_kernels.score_batches(
        similarity, torch.arange(3).unsqueeze(0), "vendi", similarity="precomputed", backend=backend
    )
    assert found.item() == pytest.approx(score, abs=5e-5)


@pytest.mark.parametrize("q", [0.1, 0.5, 1, 2, 4, "inf"])
@pytest.mark.parametrize("similarity", ["cosine", "rbf"])
def test_vendi_package(backend: str, q: float | str, similarity: str) -> None:
    # score_K, since score_X of the package ignores its q. Full rank: small orders weigh rounding of zeros.
    vendi = pytest.importorskip("vendi_score.vendi")
    case = make(13, 30, similarity=similarity, dtype=torch.float64)
    found = saln_kernels.score_batches(
        case.features, case.candidates, "vendi", q=float(q), similarity=similarity, backend=backend
    )
    matrices = saln_kernels.gram(case.features, case.candidates, similarity=similarity, backend="reference")
    for score, matrix, rows in zip(found, matrices, case.candidates, strict=True):
        real = (rows != -1).nonzero().squeeze(1)
        assert score.item() == pytest.approx(vendi.score_K(matrix[real][:, real].numpy(), q=q), rel=1e-9)


@pytest.mark.parametrize("n", [1, 4, 16, 33])
def test_orthonormal_rows(backend: str, n: int) -> None:
    """Of the identity every criterion has a closed form."""
    features, candidates = torch.eye(n, 40), torch.arange(n).unsqueeze(0)
    wanted = {
        "effective_rank": n,
        "energy": min(8, n) / n,
        "vendi": n,
        "participation_ratio": n,
        "eigenvalue_variance": 0,
        "stable_rank": n,
        "spectral_gap": 0 if n > 1 else 1,
        "nuclear_norm": n,
        "logdet": n * math.log(2),
        "algebraic_connectivity": 0,
    }
    for criterion, value in wanted.items():
        found = saln_kernels.score_batches(features, candidates, criterion, backend=backend)
        assert found.item() == pytest.approx(value, rel=1e-5, abs=1e-5), criterion


@pytest.mark.parametrize("criterion", sorted(CRITERIA))
@pytest.mark.parametrize("solver", ["auto", "randomized"])
def test_solvers(backend: str, criterion: str, solver: str) -> None:
    case = make(48, 64, similarity="cosine", count=3)
    found = saln_kernels.score_batches(
        case.features, case.candidates, criterion, similarity="cosine", solver=solver, backend=backend
    )
    exact = saln_kernels.score_batches(
        case.features.double(), case.candidates, criterion, similarity="cosine", backend="reference"
    )
    torch.testing.assert_close(found.double(), exact, rtol=1e-3, atol=1e-4)
