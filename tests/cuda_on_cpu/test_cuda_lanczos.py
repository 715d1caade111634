"""Lanczos of the CUDA kernels on the CPU: a matrix in registers or in memory, ranks, duplicates, company."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from cases import make, one_and_a_tail
from contract.checks import norms
from cuda_on_cpu.checks import check
from cuda_on_cpu.simulator import Call, simulate
from saln_kernels.matrices import Problem
from saln_kernels.truth import reference
from tolerance import assert_as_accurate

F32 = torch.float32
APART = 66 << 10  # so little shared memory that the matrix and the basis are in the workspace


def estimate(problem: Problem, output: str = "eigvals", **options: object) -> Call:
    """A call that Lanczos serves."""
    return Call(problem, output, solver="randomized", **options)


def assert_exact(*calls: Call) -> None:
    """Values as accurate as those of an exact solver, certificates and vectors good."""
    for call, result in zip(calls, check(*calls), strict=True):
        exact, plain = (reference.eigvals(call.problem, call.k, dtype=t)[0] for t in (torch.float64, F32))
        assert_as_accurate(result.values, exact, plain, norms(call.problem))


def low_rank(b: int, rank: int, d: int = 300) -> Problem:
    """One candidate of b rows that span `rank` dimensions."""
    generator = torch.Generator().manual_seed(rank)
    left, right = (torch.randn(shape, generator=generator) for shape in ((b, rank), (rank, d)))
    return Problem(left @ right, torch.arange(b).unsqueeze(0))


@pytest.mark.parametrize("b", [2, 3, 15, 16, 17, 31, 33, 63, 80, 127, 128, 129])
def test_full_space(b: int) -> None:
    """As many steps as rows: exact, at any number of rows, padding too."""
    case = make(b, b + 20, count=2, similarity="cosine", seed=b)
    assert_exact(estimate(case.problem, "eigh", k=min(b - 1, 5), n_iter=b))


@pytest.mark.parametrize("b", [130, 200, 240, 241, 255, 256])
@pytest.mark.parametrize("rank", [1, 9])
def test_rank(b: int, rank: int) -> None:
    """Fewer dimensions than eigenvalues or steps: the space is exhausted, and random vectors carry on."""
    assert_exact(estimate(low_rank(b, rank), "eigh", k=4, n_iter=20, seed=b))


@pytest.mark.parametrize("b", [20, 70, 150])
def test_nothing_independent(b: int) -> None:
    """Zeros, one row over and over, a few rows over and over, the identity."""
    rows = torch.randn(5, b + 10, generator=torch.Generator().manual_seed(1))
    several = rows[torch.arange(b) % 5]
    features = torch.cat([torch.zeros(b, b + 10), rows[:1].expand(b, -1), several, torch.eye(b, b + 10)])
    problem = Problem(features, torch.arange(4 * b).view(4, b))
    assert_exact(estimate(problem, "eigh", k=6, n_iter=18), estimate(problem._replace(center=True), k=6, n_iter=18))


@pytest.mark.parametrize("b", [48, 100, 144, 256])
def test_same_space(b: int) -> None:
    """A few steps give what they give on a matrix in memory."""
    case = make(b, b + 9, count=1, similarity="rbf", padding=0.1, seed=b)
    call = estimate(case.problem, k=3, n_iter=6)
    spread, apart = check(call, replace(call, shared_limit=APART))
    assert (spread.place, spread.basis_is_shared) == ("shared", True)
    assert (apart.place, apart.basis_is_shared) == ("global, apart", False)
    assert torch.allclose(spread.values, apart.values, rtol=2e-5, atol=1e-6)
    assert torch.allclose(spread.bounds, apart.bounds, rtol=1e-2, atol=1e-4)


def test_more_than_registers_hold() -> None:
    case = make(258, 12, count=1, similarity="rbf", padding=0)
    [result] = check(estimate(case.problem, k=2, n_iter=4))
    assert (result.place, result.basis_is_shared) == ("shared", True)


def test_matrix_in_workspace() -> None:
    """Where shared memory holds the vectors and not the matrix, the matrix stays where it is."""
    case = make(150, 20, count=2, similarity="rbf")
    spread, apart = check(*(estimate(case.problem, k=3, n_iter=10, shared_limit=limit) for limit in (0, 86 << 10)))
    assert (spread.place, apart.place, apart.basis_is_shared) == ("shared", "global", False)
    assert torch.allclose(spread.values, apart.values, rtol=1e-4)


@pytest.mark.parametrize("dtype", [F32, torch.float64], ids=str)
def test_small_part_unseen(dtype: torch.dtype) -> None:
    """Certificates know that what few steps leave out may be lost in the rounding of the matrix's norm."""
    n, count = 12, 24
    generator = torch.Generator().manual_seed(1)
    basis = torch.linalg.qr(torch.randn(count, n, n, generator=generator, dtype=torch.float64)).Q
    spectra = torch.finfo(dtype).eps ** 0.5 * torch.rand(count, 1, n, generator=generator, dtype=torch.float64)
    spectra[:, 0, :2] = torch.tensor([-1.0, 1.0])
    matrices = torch.block_diag(*(basis * spectra @ basis.mT)).to(dtype)
    problem = Problem(matrices, torch.arange(count * n).view(count, n), similarity="precomputed")
    check(estimate(problem, k=4, n_iter=1))


@pytest.mark.parametrize("b", [64, 200])
def test_small_rest_is_counted(b: int) -> None:
    """Couplings so small that the space counts as exhausted, yet above rounding, are in the certificates."""
    problem = Problem(one_and_a_tail(b, 1e-5, 0), torch.arange(b).unsqueeze(0), similarity="precomputed")
    check(*(estimate(problem, k=4, n_iter=steps) for steps in (b, b // 2, 20)))


def same(one: Tensor, other: Tensor) -> bool:
    """To the bit."""
    return torch.equal(one.contiguous().view(torch.int32), other.contiguous().view(torch.int32))


@pytest.mark.parametrize("limit", [0, APART])
@pytest.mark.parametrize("b", [40, 136])
def test_company(b: int, limit: int) -> None:
    """A candidate alone, in other company, on other blocks, threads the other way round: the same bits."""
    problem = make(b, b + 30, count=3, similarity="rbf", quality=True).problem
    call = estimate(problem, "eigh", k=3, n_iter=10, shared_limit=limit)
    alone = replace(call, problem=problem._replace(candidates=problem.candidates[2:]))
    first, *others, last = simulate(
        replace(call, grid=1), replace(call, grid=2), replace(call, grid=3, backward=True), alone
    )
    assert first.place == ("global, apart" if limit else "shared")
    for other in others:
        for one, two in zip((first.values, first.vectors), (other.values, other.vectors), strict=True):
            assert same(one, two)
    assert same(first.values[2:], last.values)
    assert same(first.vectors[2:], last.vectors)
    assert same(first.bounds[2:], last.bounds)
