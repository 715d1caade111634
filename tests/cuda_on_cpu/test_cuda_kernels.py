"""What only the CUDA kernels have, on the CPU under AddressSanitizer and UBSan: the kernel that serves a call, memory
that is shared or apart, the same bits on other blocks. What every backend has is in tests/contract.
"""

from dataclasses import replace

import pytest
import torch

from cases import DTYPES, LAPLACIANS, SIMILARITIES, make
from cuda_on_cpu.checks import check
from cuda_on_cpu.simulator import Call, Result, simulate
from saln_kernels.matrices import Problem

F32, F64 = torch.float32, torch.float64
# Candidate width, element type and limit of shared memory that lead to each kernel of an exact solver; "apart" has a
# candidate's vectors in the workspace.
KERNELS = {
    "registers32": (9, F32, 0),
    "registers64": (40, F32, 0),
    "registers128": (66, F32, 0),
    "shared": (130, F32, 0),
    "global_double": (9, F64, 0),
    "global_double, apart": (20, F64, 38 << 10),
}


def outputs(problem: Problem, **options: object) -> list[Call]:
    """A call of every kind."""
    k = min(3, problem.candidates.shape[1])
    graph = problem._replace(laplacian="unnormalized")
    return [
        Call(problem, "gram", **options),
        Call(problem, "eigh", k=k, **options),
        Call(graph, "fiedler", **options),
        *(Call(problem, "score", k=k, criterion=c, **options) for c in ("effective_rank", "logdet", "stable_rank")),
    ]


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("kernel", ["registers32", "registers64", "global_double", "global_double, apart"])
def test_bad_rows(kernel: str, similarity: str) -> None:
    """NaN in exactly the candidates that hold a number that is not finite, or a row that is not there."""
    b, dtype, limit = KERNELS[kernel]
    case = make(b, 7, similarity=similarity, count=4, rows=8 * b, dtype=dtype, padding=0.1).definite()
    features, candidates = case.features.clone(), case.candidates.clone()
    row = int(candidates[0, b // 2])
    features[row, row if similarity == "precomputed" else 3] = torch.nan
    candidates[2, 1] = len(features)
    candidates[3, 0] = -2
    problem = case.problem._replace(features=features, candidates=candidates)
    check(*outputs(problem, shared_limit=limit))


def test_every_kernel_is_reached() -> None:
    """Whatever the plan decides."""
    calls = [
        Call(make(b, 150, count=1, dtype=dtype).problem, shared_limit=limit) for b, dtype, limit in KERNELS.values()
    ]
    assert [result.place for result in simulate(*calls)] == list(KERNELS)


@pytest.mark.parametrize("kernel", [name for name in KERNELS if name != "shared"])
def test_nothing_there(kernel: str) -> None:
    """All padding, one real row, duplicates, zero rows."""
    b, dtype, limit = KERNELS[kernel]
    case = make(b, 11, count=5, rows=3 * b, dtype=dtype, padding=0)
    features, candidates = case.features.clone(), case.candidates
    candidates[0] = -1
    candidates[1, torch.arange(b) != b // 2] = -1
    candidates[2] = candidates[2, 0]
    features[candidates[3, :4]] = 0
    features[candidates[4]] = 0
    live = (features[candidates[3]] != 0).any(dim=1)
    problem = Problem(features, candidates.int(), gamma=0.1)
    check(*outputs(problem, shared_limit=limit), *outputs(problem._replace(similarity="rbf"), shared_limit=limit))
    # Cosine of zero rows, centred duplicates: exact zeros.
    cosine, centred = simulate(
        Call(problem._replace(similarity="cosine"), "gram", shared_limit=limit),
        Call(problem._replace(center=True), "gram", shared_limit=limit),
    )
    assert (cosine.values[3, ~live] == 0).all()
    assert torch.equal(cosine.values[3].diagonal(), live.to(dtype))
    assert (cosine.values[4] == 0).all()
    assert (centred.values[2] == 0).all()
    no_rows = Problem(torch.zeros(0, 4, dtype=dtype), torch.full((2, b), -1))
    for result in simulate(*outputs(no_rows, shared_limit=limit)):
        assert all((tensor == 0).all() for tensor in (result.values, result.vectors, result.bounds))


@pytest.mark.parametrize("limit", [0, 84 << 10, 66 << 10])
def test_large(limit: int) -> None:
    """More than a warp holds: from shared memory, or in the workspace with vectors in either."""
    case = make(150, 40, count=1, similarity="rbf")
    graph = make(131, 20, count=1, similarity="cosine", laplacian="symmetric", dtype=torch.bfloat16)
    options = {"shared_limit": limit}
    calls = [Call(case.problem, "eigh", k=5, **options), Call(graph.problem, "fiedler", **options)]
    places = {result.place for result in check(*calls, Call(case.problem, "score", criterion="logdet", **options))}
    assert places == {{0: "shared", 84 << 10: "global", 66 << 10: "global, apart"}[limit]}


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_options_apart(similarity: str) -> None:
    """Of float64 with a candidate's vectors in the workspace."""
    limit = 50 << 10
    calls = []
    for center in (False, True):
        for quality in (False, True):
            for laplacian, negative in LAPLACIANS:
                case = make(
                    13, 16, count=2, dtype=torch.float64, similarity=similarity, center=center, quality=quality,
                    laplacian=laplacian, negative=negative,
                )  # fmt: skip
                calls.append(Call(case.problem, k=5, shared_limit=limit))
                if laplacian is None:
                    calls.append(Call(case.problem, "gram", shared_limit=limit))
                elif not center:
                    calls.append(Call(case.problem, "fiedler", shared_limit=limit))
    check(*calls)


@pytest.mark.parametrize("kernel", [*KERNELS, "covariance", "matrix_free"])
def test_cosine_of_any_length(kernel: str) -> None:
    """Rows whose squares overflow or vanish, and a row of zeros."""
    b, dtype, limit = {"covariance": (40, F32, 0), "matrix_free": (90, F32, 0)}.get(kernel) or KERNELS[kernel]
    case = make(b, 20 if kernel == "covariance" else 70, count=2, dtype=dtype, similarity="cosine", padding=0.1)
    powers = (-120.0, -70.0, 0.0, 66.0, 122.0) if dtype == F32 else (-1000.0, -600.0, 0.0, 520.0, 1000.0)
    scale = 2.0 ** torch.tensor(powers, dtype=F64)[torch.arange(len(case.features)) % 5]
    features = (case.features.double() * scale.unsqueeze(1)).to(dtype)
    features[case.candidates[0, 1]] = 0
    problem = case.problem._replace(features=features)
    calls = [Call(problem, "gram", shared_limit=limit), Call(problem, k=3, shared_limit=limit)]
    if kernel == "covariance":
        calls = [Call(problem, k=3), Call(problem, "score", criterion="effective_rank")]
    if kernel == "matrix_free":
        calls = [Call(problem, k=2, solver="randomized", n_iter=3)]
    results = check(*calls)
    assert {result.place for result in results} == {"shared" if kernel == "covariance" else kernel}


def test_rounding_is_no_eigenvalue() -> None:
    """Copies of five orthogonal rows, on both sides of the Gram matrix: their numbers are the eigenvalues."""
    counts = torch.tensor([20, 10, 5, 3, 2])
    half = torch.randn(60, 60, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rows = torch.linalg.qr(half).Q[:5].repeat_interleave(counts, dim=0)
    shares = counts / counts.sum().double()
    wanted = {
        ("nuclear_norm", 1.0): counts.double().sqrt().sum(),
        ("effective_rank", 1.0): (-shares * shares.log()).sum().exp(),
        ("vendi", 0.0): torch.tensor(5.0),
        ("vendi", 0.1): shares.pow(0.1).sum() ** (1 / 0.9),
        ("vendi", 0.5): shares.pow(0.5).sum() ** 2,
    }
    for features in (rows.float(), rows, torch.eye(5).repeat_interleave(counts, dim=0)):
        problem = Problem(features, torch.arange(40).unsqueeze(0))
        calls = [Call(problem, "score", criterion=name, parameter=parameter) for name, parameter in wanted]
        for result, value in zip(simulate(*calls), wanted.values(), strict=True):
            torch.testing.assert_close(result.values.double(), value.double().view(1), rtol=1e-5, atol=0)


@pytest.mark.parametrize("dtype", [F32, F64, torch.float16], ids=str)
def test_randomized(dtype: torch.dtype) -> None:
    """Lanczos: estimates lie within their certificates; a full space is exact; graphs; the basis anywhere."""
    calls = []
    for limit in (0, 53 << 10, 38 << 10) if dtype == F64 else (0, 66 << 10):
        case = make(40, 60, count=2, dtype=dtype, similarity="cosine", center=True, quality=True)
        graph = make(40, 9, count=2, dtype=dtype, similarity="rbf", laplacian="symmetric")
        eye = Problem(torch.eye(40, 50, dtype=dtype), torch.arange(40).unsqueeze(0))
        calls += [
            Call(case.problem, k=3, solver="randomized", n_iter=12, shared_limit=limit),
            Call(case.problem, "eigh", k=3, solver="randomized", n_iter=40, seed=5, shared_limit=limit),
            Call(graph.problem, "fiedler", solver="randomized", shared_limit=limit),
            Call(eye, "eigh", k=4, solver="randomized", shared_limit=limit),
        ]
    places = {(result.place, result.basis_is_shared) for result in check(*calls)}
    wide = "_double" if dtype == F64 else ""
    assert places == {("global_double", False) if wide else ("shared", True), (f"global{wide}, apart", False)}


def test_basis_apart() -> None:
    """A Krylov basis that does not fit beside the matrix in shared memory."""
    case = make(200, 210, count=1)
    [result] = check(Call(case.problem, k=2, solver="randomized", n_iter=200, shared_limit=170 << 10))
    assert (result.place, result.basis_is_shared) == ("shared", False)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_matrix_free(dtype: torch.dtype) -> None:
    """So few products of so many columns that the matrix is never formed."""
    calls = []
    for similarity, center, quality in (("linear", False, False), ("cosine", True, True), ("cosine", False, True)):
        case = make(90, 70, count=2, dtype=dtype, similarity=similarity, center=center, quality=quality)
        case.candidates[1, 40:] = -1
        calls.append(Call(case.problem, k=2, solver="randomized", n_iter=3))
    results = check(*calls)
    assert {result.kernel for result in results} == {"matrix_free_double" if dtype == F64 else "matrix_free"}


def test_tf32() -> None:
    """Where it is allowed, products round to 11 bits, and certificates say so."""
    case = make(20, 50, count=2, padding=0)
    rounded, plain = check(*(Call(case.problem._replace(allow_tf32=allow), k=20) for allow in (True, False)))
    assert not torch.equal(rounded.values, plain.values)
    assert (rounded.bounds > plain.bounds).all()


def same_bits(one: Result, other: Result, index: object = slice(None)) -> bool:
    """Whether candidates `index` of the first are the other, to the bit."""
    kind = torch.int64 if one.values.dtype == F64 else torch.int32
    return all(
        not b.numel() or torch.equal(a[index].contiguous().view(kind), b.contiguous().view(kind))
        for a, b in ((one.values, other.values), (one.vectors, other.vectors), (one.bounds, other.bounds))
    )


@pytest.mark.parametrize("kernel", [*KERNELS, "matrix_free"])
def test_company(kernel: str) -> None:
    """A candidate alone, in other company, on other blocks, threads the other way round: the same bits."""
    b, dtype, limit = KERNELS.get(kernel, (60, F32, 0))
    case = make(b, b + 30, count=4, dtype=dtype, similarity="cosine", quality=True, rows=4 * b)
    features = case.features.clone()
    features[case.candidates[2, 0]] = torch.nan
    problem = case.problem._replace(features=features)
    calls = outputs(problem, shared_limit=limit)
    if kernel == "matrix_free":
        calls = [Call(problem, k=2, solver="randomized", n_iter=3)]
    elif kernel == "shared":
        calls = [Call(problem, "eigh", k=2)]
    variants = []
    for call in calls:
        alone = problem._replace(candidates=problem.candidates[3:], laplacian=call.problem.laplacian)
        others = problem._replace(candidates=problem.candidates[[3, 1, 0]], laplacian=call.problem.laplacian)
        variants += [
            replace(call, grid=1),
            replace(call, grid=2),
            replace(call, grid=4, backward=True),
            replace(call, grid=2, backward=True),
            replace(call, problem=alone),
            replace(call, problem=others, grid=1),
        ]
    results = simulate(*variants)
    for first in range(0, len(results), 6):
        whole, *same, alone, others = results[first : first + 6]
        assert whole.place == kernel
        assert all(same_bits(whole, result) for result in same), whole.call.output
        assert same_bits(whole, alone, slice(3, 4)), whole.call.output
        assert same_bits(whole, others, [3, 1, 0]), whole.call.output
