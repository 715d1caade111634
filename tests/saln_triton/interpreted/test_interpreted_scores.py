"""Criteria, and inputs at the edges, interpreted."""

import math

import pytest
import torch

from cases import Case, make
from saln_kernels.backends.triton import OPS
from saln_kernels.criteria import CRITERIA
from saln_kernels.truth import reference
from tolerance import assert_as_accurate

ORDERS = (0.0, 0.4, 0.999999, 1.0, 1.0001, 2.0, 300.0, math.inf)
SCORES = [(name, 1.0) for name in CRITERIA if name != "vendi"] + [("vendi", q) for q in ORDERS]


def problem_of(case: Case, criterion: str) -> object:
    graph = criterion == "algebraic_connectivity" and case.problem.laplacian == "none"
    return case.problem._replace(laplacian="unnormalized") if graph else case.problem


def check(case: Case, criterion: str, k: int, parameter: float) -> None:
    problem = problem_of(case, criterion)
    found = OPS.score(problem, criterion, k, parameter, "auto", 0, 0)
    exact = reference.score(problem, criterion, k, parameter)
    plain = reference.score(problem, criterion, k, parameter, dtype=found.dtype)
    # Criteria that vanish where eigenvalues coincide are off by what the eigenvalues are, so relative to the trace.
    scale = exact.abs()
    if criterion in ("eigenvalue_variance", "logdet"):
        values, _ = reference.eigvals(case.problem, case.candidates.shape[1])
        scale = torch.maximum(scale, values.abs().amax(dim=1) ** (2 if criterion == "eigenvalue_variance" else 1))
    assert_as_accurate(found, exact, plain, scale.clamp(min=1))


@pytest.mark.parametrize(("criterion", "parameter"), SCORES)
@pytest.mark.parametrize(("b", "similarity"), [(4, "linear"), (11, "cosine")])
def test_criteria(criterion: str, parameter: float, b: int, similarity: str) -> None:
    check(make(b, 30, similarity=similarity, count=3), criterion, 3, parameter)


@pytest.mark.parametrize("criterion", ["effective_rank", "logdet", "eigenvalue_variance"])
def test_float64(criterion: str) -> None:
    check(make(9, 30, dtype=torch.float64, count=2), criterion, 3, 0.7)


@pytest.mark.parametrize(
    ("criterion", "q", "wanted"), [("nuclear_norm", 1.0, 6 + 3), ("vendi", 0.5, 1.8), ("vendi", 0, 2)]
)
def test_rounding_is_no_eigenvalue(criterion: str, q: float, wanted: float) -> None:
    """12 copies of one row and 3 of another, orthogonal to it, of square 3: eigenvalues 36 and 9."""
    features = torch.tensor([[1.0, 1.0, 1.0, 0.0, 0.0, 0.0]]).repeat(15, 1)
    features[12:] = features[0].flip(0)
    case = Case(features, torch.arange(15).unsqueeze(0), {"similarity": "linear"})
    found = OPS.score(case.problem, criterion, 1, q, "auto", 0, 0)
    assert found.item() == pytest.approx(wanted, rel=2e-6)


def test_cosine_of_any_length() -> None:
    """Rows whose squares overflow or vanish, and a row of zeros."""
    case = make(9, 40, count=2, similarity="cosine", padding=0.1)
    features = case.features * 2.0 ** torch.tensor([-120.0, -70.0, 0.0, 66.0, 122.0])[
        torch.arange(len(case.features)) % 5
    ].unsqueeze(1)
    zero = case.candidates[0, 1]
    features[zero] = case.features[zero] = 0
    found = OPS.gram(case.problem._replace(features=features))
    torch.testing.assert_close(found.double(), reference.gram(case.problem), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("criterion", "parameter"), SCORES)
def test_zero_empty_and_bad(criterion: str, parameter: float) -> None:
    features = torch.cat([torch.zeros(4, 3), torch.randn(4, 3), torch.tensor([[1.0, torch.nan, 0.0]])])
    candidates = torch.tensor([[0, 1, 2], [-1, -1, -1], [4, 5, -1], [8, 4, -1], [4, 9, 5], [4, -2, 5]])
    case = Case(features, candidates, {"similarity": "linear"})
    found = OPS.score(problem_of(case, criterion), criterion, 2, parameter, "auto", 0, 0)
    assert (found[:2] == 0).all()
    assert found[2].isfinite()
    assert found[3:].isnan().all()


@pytest.mark.parametrize(("criterion", "q"), [("effective_rank", 1.0), ("vendi", 1.0), ("vendi", 0.5), ("vendi", 2.0)])
def test_indefinite(criterion: str, q: float) -> None:
    """Only positive eigenvalues count; without any the score is 0."""
    matrix = torch.block_diag(torch.tensor([[2.0, 0.3], [0.3, -1.0]]), torch.tensor([[-2.0, 0.3], [0.3, -1.0]]))
    case = Case(matrix, torch.tensor([[0, 1], [2, 3]]), {"similarity": "precomputed"})
    found = OPS.score(case.problem, criterion, 1, q, "auto", 0, 0)
    torch.testing.assert_close(found.double(), reference.score(case.problem, criterion, 1, q), rtol=1e-5, atol=1e-6)
    assert found[1] == 0


def test_logdet_of_an_indefinite_matrix() -> None:
    case = Case(torch.diag(torch.tensor([1.0, -1.5, 2.0])), torch.tensor([[0, 2], [0, 1]]), {})
    case.options["similarity"] = "precomputed"
    found = OPS.score(case.problem, "logdet", 1, 1.0, "auto", 0, 0)
    torch.testing.assert_close(found[0], torch.tensor(6.0).log())
    assert found[1].isnan()


def every_result(case: Case) -> list[torch.Tensor]:
    graph = case.problem._replace(laplacian="unnormalized")
    return [
        OPS.gram(case.problem),
        *OPS.eigvals(case.problem, 2, "auto", 0, 0),
        *OPS.eigh(case.problem, 3, "auto", 0, 0),
        *OPS.fiedler(graph, "auto", 0, 0),
    ]


@pytest.mark.parametrize("similarity", ["precomputed", "gradient"])
def test_bad_candidates_alone_are_nan(similarity: str) -> None:
    case = make(5, 4, similarity=similarity, quality=True, count=4, rows=40)
    row = int(case.candidates[0, 2])
    clean = every_result(case)
    where = case.options["quality"] if similarity == "gradient" else case.features[row]
    where[row] = torch.inf
    case.candidates[3, 1] = 40
    bad = (case.candidates == row).any(dim=1)
    bad[3] = True
    assert not bad.all()
    for found, before in zip(every_result(case), clean, strict=True):
        assert found[bad].isnan().all()
        assert torch.equal(found[~bad], before[~bad])


def test_nothing_there() -> None:
    features = torch.randn(9, 4)
    for result in every_result(Case(features, torch.zeros(0, 5, dtype=torch.int64), {"similarity": "linear"})):
        assert len(result) == 0
    for result in every_result(Case(features[:0], torch.full((2, 5), -1), {"similarity": "cosine"})):
        assert (result == 0).all()
    for result in every_result(Case(features[:0], torch.zeros(2, 5, dtype=torch.int32), {"similarity": "rbf"})):
        assert result.isnan().all()


def test_duplicates_and_zero_rows() -> None:
    features = torch.randn(3, 6)
    features[0] = 0
    candidates = torch.tensor([[1] * 7, [0, 1, 2, 0, 1, 2, -1]])
    case = Case(features, candidates, {"similarity": "cosine"})
    values, _ = OPS.eigvals(case.problem, 7, "exact", 0, 0)
    torch.testing.assert_close(values[0], torch.tensor([7.0, 0, 0, 0, 0, 0, 0]), rtol=1e-5, atol=1e-5)
    assert (OPS.gram(case.problem)[1, [0, 3]] == 0).all()
    centered = case.problem._replace(similarity="linear", center=True)
    assert (OPS.gram(centered)[0] == 0).all()


@pytest.mark.parametrize("factor", [1e-15, 1e15])
def test_scaled(factor: float) -> None:
    case = make(6, 20, count=2)
    scaled = Case(case.features * factor, case.candidates, case.options)
    values, bounds = OPS.eigvals(case.problem, 6, "auto", 0, 0)
    found, other = OPS.eigvals(scaled.problem, 6, "auto", 0, 0)
    torch.testing.assert_close(found.double() / factor**2, values.double(), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(other.double() / factor**2, bounds.double(), rtol=1e-2, atol=0)
    for criterion in ("effective_rank", "participation_ratio", "spectral_gap"):
        scores = [OPS.score(one.problem, criterion, 1, 1.0, "auto", 0, 0) for one in (case, scaled)]
        torch.testing.assert_close(*scores, rtol=1e-4, atol=1e-4)
