"""Gram matrices and eigenvalues of every kind, interpreted, against the reference by the project's tolerance.

16-bit features are converted before the product here: NumPy, which interprets, knows no bfloat16, and the product of
the tensor cores adds the same exact products in float32. What only a GPU can show is not shown.
"""

import pytest
import torch

from cases import DTYPES, LAPLACIANS, SIMILARITIES, Case, make
from saln_kernels.backends.triton import OPS
from saln_kernels.truth import reference
from tolerance import assert_as_accurate


def norms(case: Case) -> torch.Tensor:
    """What rounding is relative to [C]: the norm before centering and Laplacian cancel, if that is larger."""
    raw = case.problem._replace(center=False, laplacian="none")
    found = torch.stack([torch.linalg.matrix_norm(reference.gram(problem)) for problem in (raw, case.problem)])
    return found.amax(dim=0)


def check_gram(case: Case) -> None:
    found = OPS.gram(case.problem)
    plain = reference.gram(case.problem, dtype=found.dtype)
    assert_as_accurate(found, reference.gram(case.problem), plain, norms(case))
    assert torch.equal(found, found.mT)


def check_values(case: Case, k: int, solver: str = "auto") -> torch.Tensor:
    values, bounds = OPS.eigvals(case.problem, k, solver, 0, 0)
    exact, own = reference.eigvals(case.problem, k)
    plain, _ = reference.eigvals(case.problem, k, dtype=values.dtype)
    assert_as_accurate(values, exact, plain, norms(case))
    # The reference errs too, by no more than its own bound.
    slack = own - torch.finfo(values.dtype).eps * exact.abs()
    assert ((values.double() - exact).abs() <= bounds.double() + slack).all()
    return values


@pytest.mark.parametrize(("b", "d"), [(1, 1), (2, 3), (3, 17), (5, 1), (16, 63), (17, 5), (31, 16), (33, 40)])
def test_sizes(b: int, d: int) -> None:
    case = make(b, d, count=2, seed=b)
    check_gram(case)
    check_values(case, b)


def test_64() -> None:
    check_values(make(64, 33, count=1, similarity="cosine"), 5, "randomized")


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize(("laplacian", "negative"), LAPLACIANS)
def test_options(similarity: str, laplacian: str | None, negative: str) -> None:
    # Small degrees amplify rounding without bound in float32.
    dtype = torch.float64 if laplacian == "symmetric" else torch.float32
    options = {"similarity": similarity, "laplacian": laplacian, "negative": negative, "dtype": dtype}
    case = make(5, 9, center=negative != "shift", quality=negative != "keep", count=2, **options)
    check_gram(case)
    check_values(case, 5)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_dtypes(dtype: torch.dtype) -> None:
    case = make(9, 33, dtype=dtype, similarity="gradient", quality=True, count=2)
    check_gram(case)
    values = check_values(case, 9)
    assert values.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)


def test_gamma() -> None:
    case = make(6, 4, similarity="rbf", dtype=torch.float64)
    case.options["gamma"] = 0.3
    check_gram(case)


@pytest.mark.parametrize("index", [torch.int32, torch.int64], ids=str)
def test_strides(index: torch.dtype) -> None:
    case = make(6, 17, index=index)
    wanted = OPS.gram(case.problem)
    wide = torch.full((len(case.features), 35), torch.nan)
    wide[:, 1::2] = case.features
    problem = case.problem._replace(features=wide[:, 1::2][:, :17], candidates=case.candidates.T.contiguous().T)
    assert torch.equal(OPS.gram(problem), wanted)


def test_native_agrees(cpu: object) -> None:
    case = make(9, 20, similarity="cosine", center=True, quality=True, count=3)
    norm = norms(case).view(-1, 1)
    for ours, theirs in zip(
        OPS.eigvals(case.problem, 9, "exact", 0, 0), cpu.eigvals(case.problem, 9, "exact", 0, 0), strict=True
    ):
        assert ((ours - theirs).abs() <= 32 * torch.finfo(torch.float32).eps * norm).all()


def test_order_and_padding_below_negative_values() -> None:
    case = make(8, 8, similarity="precomputed", count=3)
    values = check_values(case, 8)
    for row, n in zip(values, (case.candidates != -1).sum(dim=1).tolist(), strict=True):
        assert (row[:n].diff() <= 0).all()
        assert row[n - 1] < 0
        assert (row[n:] == 0).all()


def test_candidates_do_not_mix() -> None:
    """To the bit, whatever else is in the call; programs take several candidates each and reuse their scratch."""
    case = make(5, 6, count=6)
    case.candidates[2] = -1
    case.candidates[4, 1:] = -1
    whole, _ = OPS.eigvals(case.problem, 5, "exact", 0, 0)
    for part in (slice(0, 1), slice(3, 6)):
        problem = case.problem._replace(candidates=case.candidates[part])
        assert torch.equal(OPS.eigvals(problem, 5, "exact", 0, 0)[0], whole[part])


@pytest.mark.parametrize("b", [1, 5, 18])
def test_given_matrices(b: int) -> None:
    half = torch.randn(2, b, b, generator=torch.Generator().manual_seed(b), dtype=torch.float64)
    matrices = (half + half.mT).float()
    wanted = reference.matrix_eigvals(matrices, b)
    spoiled = matrices.mT.clone().mT
    rows, columns = torch.triu_indices(b, b, offset=1)
    spoiled[:, rows, columns] = torch.nan
    plain = torch.linalg.eigvalsh(matrices).flip(1)
    assert_as_accurate(OPS.matrix_eigvals(spoiled, b), wanted, plain)
    matrices[1, b // 2, 0] = torch.inf
    found = OPS.matrix_eigvals(matrices, b)
    assert found[0].isfinite().all()
    assert found[1].isnan().all()
