"""Criteria against the oracle, the vendi-score package and closed forms."""

import math

import pytest
import torch

import oracle
import saln_kernels
from cases import SIMILARITIES, SIZES, WIDTHS, Case, make
from saln_kernels.criteria import CRITERIA
from saln_kernels.matrices import result_dtype
from saln_kernels.truth import reference
from tolerance import assert_as_accurate

SPECTRAL = sorted(set(CRITERIA) - {"algebraic_connectivity"})


def expected(case: Case, criterion: str, **parameters: float) -> torch.Tensor:
    features, options = case.arrays()
    scores = []
    for rows in case.candidates.tolist():
        matrix, degrees = oracle.matrix(features, rows, **options)
        if criterion == "algebraic_connectivity":
            scores.append(oracle.fiedler_value(matrix, degrees, options["laplacian"]))
        else:
            eps = torch.finfo(result_dtype(case.features.dtype)).eps
            scores.append(oracle.criterion(criterion, matrix, **parameters, eps=eps))
    return torch.tensor(scores, dtype=torch.float64)


def check(case: Case, criterion: str, backend: str, **parameters: float) -> None:
    names = {"top": "k"}
    keywords = {names.get(name, name): value for name, value in parameters.items()}
    result = saln_kernels.score_batches(
        case.features, case.candidates, criterion, **case.options, **keywords, backend=backend
    )
    b = case.candidates.shape[1]
    parameter = parameters.get("q", 1.0) if criterion == "vendi" else parameters.get("sigma", 1.0)
    plain = reference.score(
        case.problem, criterion, int(parameters.get("top", min(8, b))), parameter, dtype=result.dtype
    )
    exact = expected(case, criterion, **parameters)
    # Criteria that vanish where eigenvalues coincide are off by what the eigenvalues are, so relative to the trace.
    scale = exact.abs()
    if criterion in ("eigenvalue_variance", "logdet"):
        values, _ = reference.eigvals(case.problem, b)
        power = 2 if criterion == "eigenvalue_variance" else 1
        scale = torch.maximum(scale, values.abs().amax(dim=1) ** power)
    assert_as_accurate(result, exact, plain, scale.clamp(min=1))


@pytest.mark.parametrize("criterion", SPECTRAL)
@pytest.mark.parametrize("b", [b for b in SIZES if b <= 65])
def test_sizes(backend: str, criterion: str, b: int) -> None:
    check(make(b, 2 * b + 5, count=4, similarity="cosine", seed=b), criterion, backend)


@pytest.mark.parametrize("criterion", SPECTRAL)
@pytest.mark.parametrize("d", WIDTHS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_widths(backend: str, criterion: str, d: int, dtype: torch.dtype) -> None:
    check(make(19, d, count=4, dtype=dtype), criterion, backend)


@pytest.mark.parametrize("criterion", SPECTRAL)
@pytest.mark.parametrize("similarity", sorted(set(SIMILARITIES) - {"precomputed"}))
@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("laplacian", [None, "unnormalized", "symmetric"])
def test_options(backend: str, criterion: str, similarity: str, center: bool, laplacian: str | None) -> None:
    dtype = torch.float64 if center else torch.float32
    case = make(10, 24, similarity=similarity, center=center, laplacian=laplacian, quality=True, dtype=dtype)
    check(case, criterion, backend)


@pytest.mark.parametrize("laplacian", ["unnormalized", "symmetric"])
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_algebraic_connectivity(backend: str, laplacian: str, similarity: str) -> None:
    case = make(14, 6, similarity=similarity, laplacian=laplacian)
    check(case, "algebraic_connectivity", backend)
    found = saln_kernels.score_batches(
        case.features, case.candidates, "algebraic_connectivity", **case.options, backend=backend
    )
    pair = saln_kernels.fiedler(case.features, case.candidates, **case.options, backend=backend)
    torch.testing.assert_close(found, pair.value)


def test_connectivity_is_of_the_unnormalized_laplacian_unless_given(backend: str) -> None:
    case = make(9, 4)
    scores = [
        saln_kernels.score_batches(
            case.features, case.candidates, "algebraic_connectivity", laplacian=laplacian, backend=backend
        )
        for laplacian in (None, "unnormalized")
    ]
    assert torch.equal(*scores)


@pytest.mark.parametrize("k", [1, 2, 7, 12])
def test_energy_of_k(backend: str, k: int) -> None:
    check(make(12, 20), "energy", backend, top=k)


@pytest.mark.parametrize("q", [0.0, 0.1, 0.5, 1.0, 1.5, 2.0, 3.0, math.inf])
def test_vendi_orders(backend: str, q: float) -> None:
    check(make(15, 40, similarity="rbf"), "vendi", backend, q=q)


@pytest.mark.parametrize("sigma", [0.1, 1.0, 30.0])
def test_logdet_sigma(backend: str, sigma: float) -> None:
    check(make(15, 40, similarity="cosine"), "logdet", backend, sigma=sigma)


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
def test_zero(backend: str, criterion: str) -> None:
    features = torch.cat([torch.zeros(4, 3), torch.randn(4, 3)])
    candidates = torch.tensor([[0, 1, 2, 3], [-1, -1, -1, -1], [0, -1, -1, 2], [4, 5, 6, 7]])
    found = saln_kernels.score_batches(features, candidates, criterion, backend=backend)
    assert (found[:3] == 0).all()
    assert found[3].isfinite()


@pytest.mark.parametrize(("criterion", "q"), [("effective_rank", 1.0), ("vendi", 1.0), ("vendi", 0.5), ("vendi", 2.0)])
def test_indefinite(backend: str, criterion: str, q: float) -> None:
    """Only positive eigenvalues count; without any the score is 0."""
    matrix = torch.block_diag(torch.tensor([[2.0, 0.3], [0.3, -1.0]]), torch.tensor([[-2.0, 0.3], [0.3, -1.0]]))
    found = saln_kernels.score_batches(
        matrix, torch.tensor([[0, 1], [2, 3]]), criterion, q=q, similarity="precomputed", backend=backend
    )
    wanted = oracle.criterion(criterion, matrix[:2, :2].double().numpy(), q=q)
    torch.testing.assert_close(found.double(), torch.tensor([wanted, 0.0], dtype=torch.float64), rtol=1e-5, atol=1e-6)


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
