"""Gram matrices of more than 256 rows, which many blocks form in parts, on the CPU under AddressSanitizer and UBSan."""

from dataclasses import replace

import pytest
import torch

from cases import SIMILARITIES, make
from cuda_on_cpu.checks import check
from cuda_on_cpu.simulator import Call, simulate
from cuda_on_cpu.test_cuda_kernels import outputs, same_bits
from saln_kernels.criteria import CRITERIA
from saln_kernels.matrices import Problem

F32, F64, BF16, F16 = torch.float32, torch.float64, torch.bfloat16, torch.float16


@pytest.mark.parametrize(
    ("b", "d", "dtype", "padding"),
    [(257, 40, F32, 0.0), (300, 136, BF16, 0.1), (385, 63, F16, 0.02), (512, 24, BF16, 0.05), (640, 8, BF16, 0.0)],
)
def test_units(b: int, d: int, dtype: torch.dtype, padding: float) -> None:
    """Triangles and rectangles, whole and not."""
    [result] = check(Call(make(b, d, count=1, dtype=dtype, padding=padding).problem, "gram"))
    assert (result.kernel, result.parts) == ("parts", 1)


@pytest.mark.parametrize(
    ("d", "first", "dtype", "parts"),
    [(4096, 0, BF16, 2), (4096, 1, BF16, 2), (2150, 1, F32, 2), (6177, 0, F16, 3)],
)
def test_parts_of_the_columns(d: int, first: int, dtype: torch.dtype, parts: int) -> None:
    """The last part is shorter; rows that are copied in pieces of 16 bytes, and such that are not."""
    case = make(290, d + first, count=1, rows=290, dtype=dtype, padding=0.4)
    [result] = check(Call(case.problem._replace(features=case.features[:, first:]), "gram"))
    assert result.parts == parts


def test_strides() -> None:
    """Columns that do not follow one another."""
    case = make(260, 30, count=1, padding=0.0)
    for dtype in (F32, F16):
        wide = case.features.to(dtype).T.contiguous().T
        check(Call(case.problem._replace(features=wide), "gram"))


def test_tf32() -> None:
    """Where it is allowed, products round to 11 bits, and certificates say so."""
    problem = make(260, 300, count=1, padding=0.8).problem
    rounded, plain = check(*(Call(problem._replace(allow_tf32=allow), k=20) for allow in (True, False)))
    assert not torch.equal(rounded.values, plain.values)
    assert (rounded.bounds > plain.bounds).all()


def test_solved() -> None:
    """More than 256 real rows."""
    problem = make(270, 300, count=1, dtype=BF16, padding=0.02).problem
    found = check(Call(problem, "score", criterion="nuclear_norm"), Call(problem, "eigvals", k=270))
    assert {result.kernel for result in found} == {"parts"}


@pytest.mark.parametrize(("similarity", "padding"), [("linear", 0.8), ("cosine", 1.0), ("rbf", 0.8)])
def test_outputs(similarity: str, padding: float) -> None:
    """Of every kind; candidates of few real rows and of none."""
    case = make(264, 300, count=1, similarity=similarity, center=True, quality=True, padding=padding)
    every = outputs(case.problem) if similarity == "rbf" else [Call(case.problem, "eigh", k=3)]
    found = check(*every, Call(case.problem, "score", criterion="nuclear_norm"))
    assert {(result.kernel, result.parts) for result in found} == {("parts", 1)}


@pytest.mark.parametrize("criterion", CRITERIA)
def test_criteria(criterion: str) -> None:
    for laplacian in (None, "symmetric"):
        problem = make(258, 300, count=1, dtype=F16, similarity="cosine", laplacian=laplacian, padding=0.85).problem
        [result] = check(Call(problem, "score", k=4, criterion=criterion))
        assert result.parts == 1


def test_estimated() -> None:
    """Lanczos takes the parts too, in shared memory and in the workspace."""
    problem = make(264, 300, count=2, similarity="rbf", center=True, padding=0.8).problem
    call = Call(problem, k=2, solver="randomized", n_iter=6)
    found = check(call, replace(call, shared_limit=150 << 10))
    assert [(result.kernel, result.parts) for result in found] == [("shared", 1), ("global", 1)]


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_who_serves(similarity: str) -> None:
    """Products of two factors, entries and float64 stay with one block a candidate; so does the covariance side."""
    dtypes = (F32, BF16, F64)
    calls = [
        Call(make(260, 8, count=1, dtype=dtype, similarity=similarity, padding=0.95).problem, "gram")
        for dtype in dtypes
    ]
    in_parts = similarity in ("linear", "cosine", "rbf")
    assert [result.parts for result in check(*calls)] == [in_parts, in_parts, 0]
    narrow = Call(make(260, 8, count=1, padding=0.95).problem, "score")
    assert [result.parts for result in check(narrow)] == [0]


def test_company() -> None:
    """Bad rows spoil their own candidate; alone, in other company, in several launches: the same bits."""
    case = make(260, 2100, count=4, dtype=F32, rows=700, padding=0.95)
    features, candidates = case.features.clone(), case.candidates.clone()
    spoiled = candidates[2]
    features[spoiled[spoiled >= 0][0]] = torch.nan
    candidates[1, 7] = len(features)
    problem = case.problem._replace(features=features, candidates=candidates)
    call = Call(problem, "eigvals", k=3)
    [whole] = check(call)
    backward, alone, others = simulate(
        replace(call, grid=2, backward=True),
        replace(call, problem=problem._replace(candidates=candidates[3:])),
        replace(call, problem=problem._replace(candidates=candidates[[3, 1]]), grid=1),
    )
    assert whole.parts == 2
    assert same_bits(whole, backward)
    assert same_bits(whole, alone, slice(3, 4))
    assert same_bits(whole, others, [3, 1])


def test_no_race() -> None:
    whole = make(260, 40, count=1, dtype=BF16, padding=0.0).problem
    few = make(260, 300, count=3, similarity="cosine", quality=True, padding=0.9).problem
    simulate(Call(whole, "gram"), Call(few, "score", grid=1), sanitizer="thread")


def test_nobody_there() -> None:
    """No row at all."""
    problem = Problem(torch.zeros(0, 300), torch.full((2, 260), -1))
    for result in simulate(*outputs(problem)):
        assert all((tensor == 0).all() for tensor in (result.values, result.vectors, result.bounds))
