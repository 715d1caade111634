"""Inputs at the edges, from every backend: nothing there, nothing independent, huge, tiny, not finite, out of range."""

import pytest
import torch

from cases import SIMILARITIES, make
from contract.backends import Backend
from contract.calls import Call
from contract.checks import check
from saln_kernels.matrices import Problem


def every_result(problem: Problem, backend: Backend) -> list[Call]:
    """A call of every kind; of fewer criteria where kernels are interpreted."""
    k = min(3, problem.candidates.shape[1])
    criteria = ("logdet",) if backend.interpreted else ("effective_rank", "logdet", "stable_rank")
    return [
        Call(problem, "gram"),
        Call(problem, k=k),
        Call(problem, "eigh", k=k),
        Call(problem, "fiedler"),
        *(Call(problem, "score", k=k, criterion=criterion) for criterion in criteria),
    ]


def parts(results: list) -> list[torch.Tensor]:
    """All tensors that came back."""
    return [part for found in results for part in (found.values, found.vectors, found.bounds) if part.numel()]


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.limited("triton_interpreted", similarity=("precomputed", "gradient"))
def test_bad_candidates_alone_are_nan(backend: Backend, similarity: str) -> None:
    """Those that hold what is not finite or a row that is not there; the others are the same to the bit."""
    case = make(5, 4, similarity=similarity, quality=True, count=5, rows=40).definite()
    row = int(case.candidates[0, 2])
    clean = backend.answer(*every_result(case.problem, backend))
    case.features[row, row if similarity == "precomputed" else 3] = torch.nan
    case.candidates[3, 1], case.candidates[4, 0] = 40, -2
    bad = (case.candidates == row).any(dim=1)
    bad[3:] = True
    assert not bad.all()
    for found, before in zip(parts(check(backend, *every_result(case.problem, backend))), parts(clean), strict=True):
        assert found[bad].isnan().all()
        assert torch.equal(found[~bad], before[~bad])


@pytest.mark.parametrize("value", [torch.inf, -torch.inf])
@pytest.mark.parametrize("similarity", ["linear", "cosine", "rbf", "gradient"])
@pytest.mark.limited("triton_interpreted", value=(torch.inf,))
def test_infinite(backend: Backend, similarity: str, value: float) -> None:
    case = make(5 if backend.interpreted else 9, 20, similarity=similarity, quality=True, count=3, rows=60)
    case.features[case.candidates[0, 1]] = value
    check(backend, *every_result(case.problem, backend))


@pytest.mark.parametrize("name", ["quality", "residuals"])
def test_bad_weights(backend: Backend, name: str) -> None:
    case = make(5 if backend.interpreted else 9, 5, similarity="gradient", quality=True, count=3, rows=60)
    case.options[name][case.candidates[0, 1]] = torch.nan
    check(backend, *every_result(case.problem, backend))


def test_nothing_there(backend: Backend) -> None:
    features, no_rows = torch.randn(9, 4), torch.zeros(0, 4)
    padding, no_candidates = torch.full((2, 5), -1), torch.zeros(0, 5, dtype=torch.int64)
    outside = torch.zeros(2, 5, dtype=torch.int32)
    for part in parts(backend.answer(*every_result(Problem(no_rows, padding, similarity="cosine"), backend))):
        assert (part == 0).all()
    for part in parts(backend.answer(*every_result(Problem(no_rows, outside), backend))):
        assert part.isnan().all()
    for result in backend.answer(*every_result(Problem(features, no_candidates), backend)):
        assert len(result.values) == 0


@pytest.mark.parametrize("similarity", ["linear", "cosine", "rbf"])
def test_duplicates_zero_rows_and_single_rows(backend: Backend, similarity: str) -> None:
    features = torch.randn(9, 6)
    features[0] = 0
    candidates = torch.tensor([[1] * 7, [0, 1, 2, 0, 1, 2, -1], [-1, -1, 4, -1, -1, -1, -1], [0] * 7, [-1] * 7])
    problem = Problem(features, candidates, similarity=similarity, gamma=0.1)
    gram, *_ = check(backend, *every_result(problem, backend))
    if similarity == "cosine":
        assert (gram.values[1, [0, 3]] == 0).all()
    centered, _ = check(backend, Call(problem._replace(center=True), "gram"), Call(problem._replace(center=True), k=7))
    assert (centered.values[0] == 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("factor", [1e-15, 1e15])
def test_scaled(backend: Backend, factor: float, dtype: torch.dtype) -> None:
    case = make(6 if backend.interpreted else 12, 20, dtype=dtype, count=2)
    problem = case.problem._replace(features=(case.features.double() * factor).to(dtype))
    criteria = ("effective_rank", "participation_ratio", "spectral_gap")
    check(
        backend,
        Call(problem, "gram"),
        Call(problem, "eigh", k=4),
        Call(problem, k=6),
        *(Call(problem, "score", criterion=criterion) for criterion in criteria),
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("b", [4, 7])
@pytest.mark.limited("triton_interpreted", b=(4,))
def test_vectors_of_repeated_eigenvalues(backend: Backend, b: int, dtype: torch.dtype) -> None:
    """Matrices a 1ᵀ + 1 aᵀ: all but two eigenvalues are zero, and no vector of theirs has a part of another's."""
    count = {"cpu": 20_000, "triton_interpreted": 20}.get(backend.name, 100)
    a = torch.randn(count, b, dtype=torch.float64, generator=torch.Generator().manual_seed(b))
    matrices = (a.unsqueeze(1) + a.unsqueeze(2)).to(dtype)
    [found] = backend.answer(Call(matrices, "eigh", k=b))
    v, exact = found.vectors.double(), matrices.double()
    residual = (exact @ v - v * found.values.double().unsqueeze(1)).norm(dim=1)
    eps = torch.finfo(dtype).eps
    assert (residual <= 8 * b * eps * torch.linalg.matrix_norm(exact).unsqueeze(1)).all()
    assert (v.mT @ v - torch.eye(b)).abs().max() <= 8 * b * eps


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("b", [9, 20, 50, 100])
@pytest.mark.limited("triton_interpreted", b=(9,))
def test_residuals_of_several_slabs(backend: Backend, b: int, dtype: torch.dtype) -> None:
    """Features and residuals wider than kernels take at once."""
    case = make(b, 70, similarity="gradient", count=3, rows=150, dtype=dtype)
    residuals = torch.randn(150, 75, generator=torch.Generator().manual_seed(b)).to(dtype)
    check(backend, *every_result(case.problem._replace(residuals=residuals), backend))


@pytest.mark.parametrize("b", [5, 18])
@pytest.mark.limited("triton_interpreted", b=(5,))
def test_company(backend: Backend, b: int) -> None:
    """To the bit, whatever else is in the call."""
    case = make(b, 6, count=6, similarity="cosine", quality=True)
    case.candidates[2] = -1
    case.candidates[4, 1:] = -1
    whole = backend.answer(*every_result(case.problem, backend))
    for part in ([0], [3, 4, 5], [5, 4, 1]):
        some = backend.answer(*every_result(case.problem._replace(candidates=case.candidates[part]), backend))
        for one, other in zip(whole, some, strict=True):
            assert torch.equal(one.values[part], other.values)
            assert not other.vectors.numel() or torch.equal(one.vectors[part], other.vectors)
            assert not other.bounds.numel() or torch.equal(one.bounds[part], other.bounds)


def test_cosine_of_any_length(backend: Backend) -> None:
    """Rows whose squares overflow or vanish, and a row of zeros."""
    case = make(9, 40, count=2, similarity="cosine", padding=0.1)
    powers = torch.tensor([-120.0, -70.0, 0.0, 66.0, 122.0])[torch.arange(len(case.features)) % 5]
    features = case.features * 2.0 ** powers.unsqueeze(1)
    features[case.candidates[0, 1]] = case.features[case.candidates[0, 1]] = 0
    wanted, found = (
        backend.answer(Call(case.problem._replace(features=each), "gram"))[0] for each in (case.features, features)
    )
    torch.testing.assert_close(found.values, wanted.values, rtol=0, atol=1e-6)
