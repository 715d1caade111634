"""Criteria of every kind of matrix, from every backend."""

import math

import pytest
import torch

from cases import SIMILARITIES, make
from contract.backends import Backend
from contract.calls import Call
from contract.checks import check
from pairwise import pairwise
from saln_kernels.criteria import CRITERIA
from saln_kernels.matrices import Problem

ORDERS = (0.0, 0.1, 0.5, 0.999999, 1.0, 1.0001, 2.0, 300.0, math.inf)
PARAMETERS = {"vendi": ORDERS, "logdet": (0.5, 1.0, 3.0)}
SCORES = [(criterion, parameter) for criterion in CRITERIA for parameter in PARAMETERS.get(criterion, (1.0,))]


KINDS = pairwise(
    (1, 2, 3, 5, 8, 14, 16, 17, 33, 40, 64, 65),
    ("linear", "cosine", "rbf"),
    (torch.float32, torch.float64, torch.bfloat16),
)
FEW_KINDS = [(4, "linear", torch.float32), (11, "cosine", torch.float32), (9, "rbf", torch.float64)]


@pytest.mark.parametrize(("criterion", "parameter"), SCORES)
def test_criteria(backend: Backend, criterion: str, parameter: float) -> None:
    kinds = FEW_KINDS if backend.interpreted else KINDS
    check(
        backend,
        *(
            Call(make(b, 2 * b + 5, count=2, similarity=similarity, dtype=dtype, seed=b).problem, "score",
                 k=min(b, 8), criterion=criterion, parameter=parameter)
            for b, similarity, dtype in kinds
        ),
    )  # fmt: skip


@pytest.mark.parametrize("criterion", CRITERIA)
def test_widths(backend: Backend, criterion: str) -> None:
    """Fewer columns than rows, and more."""
    b, kinds = 19, pairwise((1, 3, 16, 17, 63, 512), (torch.float32, torch.float64, torch.bfloat16))
    if backend.interpreted:
        b, kinds = 6, [(3, torch.float32)]
    check(
        backend,
        *(
            Call(make(b, d, count=2, dtype=dtype).problem, "score", k=min(8, b), criterion=criterion)
            for d, dtype in kinds
        ),
    )


OPTIONS = pairwise(
    list(CRITERIA),
    [similarity for similarity in SIMILARITIES if similarity != "precomputed"],
    (False, True),
    (False, True),
    ("none", "unnormalized", "symmetric"),
)


@pytest.mark.parametrize(("criterion", "similarity", "center", "quality", "laplacian"), OPTIONS)
def test_options(
    backend: Backend, criterion: str, similarity: str, center: bool, quality: bool, laplacian: str
) -> None:
    """Centering makes an exact zero eigenvalue: in float64."""
    b, d = (5, 12) if backend.interpreted else (10, 24)
    dtype = torch.float64 if center else torch.float32
    case = make(b, d, count=3, similarity=similarity, center=center, quality=quality, dtype=dtype)
    check(backend, Call(case.problem._replace(laplacian=laplacian), "score", k=min(8, b), criterion=criterion))


@pytest.mark.parametrize("k", [1, 2, 7, 12])
def test_energy_of_k(backend: Backend, k: int) -> None:
    check(backend, Call(make(12, 20, count=3).problem, "score", k=k, criterion="energy"))


@pytest.mark.parametrize("laplacian", ["unnormalized", "symmetric"])
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_algebraic_connectivity(backend: Backend, laplacian: str, similarity: str) -> None:
    """It is the value of a Fiedler pair."""
    b = 7 if backend.interpreted else 14
    problem = make(b, 6, count=3, similarity=similarity, laplacian=laplacian).problem
    score, pair = check(backend, Call(problem, "score", criterion="algebraic_connectivity"), Call(problem, "fiedler"))
    torch.testing.assert_close(score.values, pair.values)


@pytest.mark.parametrize(
    ("criterion", "q", "wanted"), [("nuclear_norm", 1.0, 6 + 3), ("vendi", 0.5, 1.8), ("vendi", 0, 2)]
)
def test_rounding_is_no_eigenvalue(backend: Backend, criterion: str, q: float, wanted: float) -> None:
    """12 copies of one row and 3 of another, orthogonal to it, of square 3: eigenvalues 36 and 9."""
    features = torch.tensor([[1.0, 1.0, 1.0, 0.0, 0.0, 0.0]]).repeat(15, 1)
    features[12:] = features[0].flip(0)
    problem = Problem(features, torch.arange(15).unsqueeze(0))
    [found] = backend.answer(Call(problem, "score", criterion=criterion, parameter=q))
    assert found.values.item() == pytest.approx(wanted, rel=2e-6)


@pytest.mark.parametrize(("criterion", "parameter"), SCORES)
def test_zero_empty_and_bad(backend: Backend, criterion: str, parameter: float) -> None:
    features = torch.cat([torch.zeros(4, 3), torch.randn(4, 3), torch.tensor([[1.0, torch.nan, 0.0]])])
    candidates = torch.tensor([[0, 1, 2], [-1, -1, -1], [4, 5, -1], [8, 4, -1], [4, 9, 5], [4, -2, 5]])
    [found] = backend.answer(
        Call(Problem(features, candidates), "score", k=2, criterion=criterion, parameter=parameter)
    )
    assert (found.values[:2] == 0).all()
    assert found.values[2].isfinite()
    assert found.values[3:].isnan().all()


@pytest.mark.parametrize(("criterion", "q"), [("effective_rank", 1.0), ("vendi", 1.0), ("vendi", 0.5), ("vendi", 2.0)])
def test_indefinite(backend: Backend, criterion: str, q: float) -> None:
    """Only positive eigenvalues count; without any the score is 0."""
    matrix = torch.block_diag(torch.tensor([[2.0, 0.3], [0.3, -1.0]]), torch.tensor([[-2.0, 0.3], [0.3, -1.0]]))
    problem = Problem(matrix, torch.tensor([[0, 1], [2, 3]]), similarity="precomputed")
    [found] = check(backend, Call(problem, "score", criterion=criterion, parameter=q))
    assert found.values[1] == 0


def test_logdet_of_an_indefinite_matrix(backend: Backend) -> None:
    matrix, candidates = torch.diag(torch.tensor([1.0, -1.5, 2.0])), torch.tensor([[0, 2], [0, 1]])
    problem = Problem(matrix, candidates, similarity="precomputed")
    [found] = check(backend, Call(problem, "score", criterion="logdet"))
    torch.testing.assert_close(found.values[0], torch.tensor(6.0).log())
    assert found.values[1].isnan()
