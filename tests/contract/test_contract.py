"""Matrices, eigenvalues, eigenvectors and Fiedler pairs of every kind, from every backend.

16-bit features are converted before the product where kernels are interpreted or run on the CPU; what only a GPU can
show is not shown there.
"""

import math
from itertools import product

import pytest
import torch

from cases import DTYPES, LAPLACIANS, SIMILARITIES, WIDTHS, Case, make
from contract.backends import Backend, Interpreted
from contract.calls import Call
from contract.checks import check
from pairwise import pairwise
from saln_kernels.matrices import Problem

SIZES = (1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 128, 129, 130, 200)


@pytest.mark.parametrize("b", SIZES)
@pytest.mark.limited("triton_interpreted", b=(1, 2, 3, 5, 16, 17, 31, 33))
@pytest.mark.limited("cuda_shim", b=SIZES[:-1])
def test_sizes(backend: Backend, b: int) -> None:
    """All eigenvalues and few, with columns fewer and more than rows."""
    count = 3 if b <= 33 and not backend.interpreted else 2
    narrow, wide, graph, given = (
        make(b, WIDTHS[b % len(WIDTHS)], count=count, seed=b),
        make(b, b + 1, count=count, seed=b, similarity="cosine"),
        make(b, 17, count=count, seed=b, similarity="rbf", laplacian="unnormalized"),
        make(b, 1, count=count, seed=b, similarity="precomputed", index=torch.int32),
    )
    every = min(b, 9) if backend.name == "cuda_shim" and b > 33 else b
    check(
        backend,
        Call(narrow.problem, "gram"),
        Call(narrow.problem, k=every),
        Call(wide.problem, "eigh", k=min(b, 3)),
        Call(wide.problem, k=max(1, b // 3)),
        Call(graph.problem, "fiedler"),
        Call(given.problem, "eigh", k=every),
    )


def test_64_interpreted(interpreted: Interpreted, on_cpu: None) -> None:
    """The largest that is interpreted in seconds."""
    check(Backend("triton_interpreted", interpreted), Call(make(64, 33, count=1, similarity="cosine").problem, k=5))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("d", WIDTHS)
@pytest.mark.limited("triton_interpreted", d=(1, 17))
def test_dtypes(backend: Backend, dtype: torch.dtype, d: int) -> None:
    sizes = (9,) if backend.interpreted else (5, 17, 33)
    results = check(
        backend,
        *(Call(make(b, d, dtype=dtype, count=2).problem, "gram") for b in sizes),
        Call(make(sizes[-1], d, dtype=dtype, count=2, similarity="gradient", quality=True).problem, k=5),
        Call(make(sizes[-1], d, dtype=dtype, count=2, similarity="cosine").problem, k=sizes[-1]),
    )
    assert {result.values.dtype for result in results} == {torch.float64 if dtype == torch.float64 else torch.float32}


@pytest.mark.parametrize("solver", ["auto", "exact", "randomized"])
@pytest.mark.parametrize("b", [1, 2, 3, 8, 33, 64])
@pytest.mark.limited("triton_interpreted", b=(1, 2, 3, 8), solver=("auto",))
def test_every_k(backend: Backend, solver: str, b: int) -> None:
    """With as many steps as are planned."""
    problem = make(b, 20, count=3).problem
    ks = sorted({1, 2, b // 2, b - 1, b} & set(range(1, b + 1)))
    check(backend, *(Call(problem, k=k, solver=solver) for k in ks))


def layouts(features: torch.Tensor) -> list[torch.Tensor]:
    """The same values with other strides and alignments; what lies between them is NaN."""
    n, d = features.shape
    wide, padded = (torch.full((n, width), torch.nan, dtype=features.dtype) for width in (2 * d + 1, d + 8 - d % 8))
    wide[:, 1::2] = features
    padded[:, :d] = features
    off = torch.full((n * d + 1,), torch.nan, dtype=features.dtype)[1:].view(n, d)
    off[:] = features
    return [features.T.contiguous().T, wide[:, 1::2], padded[:, :d], off]


@pytest.mark.parametrize("index", [torch.int32, torch.int64], ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.limited("triton_interpreted", dtype=(torch.float32,))
def test_layouts(backend: Backend, dtype: torch.dtype, index: torch.dtype) -> None:
    """However features and candidates lie in memory; to the bit unless rows are converted on their way."""
    case = make(9 if backend.interpreted else 19, 21, dtype=dtype, count=2, index=index)
    plain = case.problem
    strided = plain._replace(candidates=case.candidates.T.contiguous().T)
    calls = [Call(plain, "gram"), *(Call(strided._replace(features=x), "gram") for x in layouts(case.features))]
    first, *others = check(backend, *calls)
    if dtype.itemsize > 2:
        assert all(torch.equal(first.values, other.values) for other in others)
    check(backend, Call(strided._replace(features=case.features[:1].expand(case.features.shape)), "gram"))


OPTIONS = list(product(SIMILARITIES, (False, True), (False, True), LAPLACIANS))
FEW_OPTIONS = pairwise(SIMILARITIES, (False, True), (False, True), LAPLACIANS)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_options(backend: Backend, similarity: str, dtype: torch.dtype) -> None:
    """Every combination; pairs, each in one dtype, where kernels are interpreted."""
    calls = []
    for name, center, quality, (laplacian, negative) in FEW_OPTIONS if backend.interpreted else OPTIONS:
        # Small degrees amplify rounding without bound in float32.
        fragile = laplacian == "symmetric" and (center or backend.interpreted)
        wanted = torch.float64 if fragile else torch.float32
        if name != similarity or (dtype != wanted and (fragile or backend.interpreted)):
            continue
        b, d = (5, 9) if backend.interpreted else (13, 16)
        problem = make(
            b, d, count=2, dtype=dtype, similarity=similarity, center=center, quality=quality,
            laplacian=laplacian, negative=negative,
        ).problem  # fmt: skip
        calls += [Call(problem, "eigh", k=b), Call(problem, "gram")]
        if backend.interpreted:
            continue
        calls.append(Call(problem, k=2))
        if laplacian is not None and not center:
            calls.append(Call(problem, "fiedler"))
    check(backend, *calls)


def test_gamma(backend: Backend) -> None:
    case = make(7, 4, similarity="rbf", dtype=torch.float64)
    check(backend, Call(case.problem._replace(gamma=0.3), "gram"))


@pytest.mark.parametrize("d", [1, 5, 17, 31])
def test_covariance_side(backend: Backend, d: int) -> None:
    """Fewer columns than rows."""
    sizes = ((9, torch.float32),)
    if not backend.interpreted:
        sizes = ((20, torch.float32), (45, torch.float32), (33, torch.bfloat16), (40, torch.float64))
    calls = []
    for b, dtype in sizes:
        for similarity, center, quality in (("linear", False, False), ("cosine", True, False), ("linear", True, True)):
            case = make(b, d, count=2, dtype=dtype, similarity=similarity, center=center, quality=quality)
            calls += [Call(case.problem, k=min(b, d + 2)), Call(case.problem, "score", criterion="participation_ratio")]
    check(backend, *calls)


@pytest.mark.parametrize("output", ["eigvals", "eigh"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_indefinite(backend: Backend, output: str, dtype: torch.dtype) -> None:
    """Real negative eigenvalues come before padding's zeros."""
    case = make(10, 6, similarity="precomputed", quality=True, dtype=dtype, count=3)
    [result] = check(backend, Call(case.problem, output, k=10))
    counts = (case.candidates != -1).sum(dim=1)
    assert (result.values[torch.arange(3), counts - 1] < 0).all()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("b", [1, 5, 17, 33])
@pytest.mark.limited("triton_interpreted", b=(1, 5, 17), dtype=(torch.float32, torch.float64))
def test_given_matrices(backend: Backend, dtype: torch.dtype, b: int) -> None:
    """Only the lower triangle is read, through any strides; a matrix that is not finite is NaN, and no other."""
    half = torch.randn(2, b, b, generator=torch.Generator().manual_seed(b), dtype=torch.float64)
    matrices = (half + half.mT).to(dtype)
    rows, columns = torch.triu_indices(b, b, offset=1)
    matrices[:, rows, columns] = torch.nan
    wide = torch.full((2, b, 2 * b), torch.nan, dtype=dtype)
    wide[:, :, ::2] = matrices
    spoiled = matrices.clone()
    spoiled[1, b // 2, 0] = torch.inf
    check(backend, Call(matrices, "eigh", k=b), Call(wide[:, :, ::2], k=max(1, b // 2)), Call(spoiled, k=b))


@pytest.mark.parametrize("b", [6, 24])
def test_equal_eigenvalues(backend: Backend, b: int) -> None:
    """Two clusters of equal eigenvalues: single vectors are arbitrary, their spans are not."""
    generator = torch.Generator().manual_seed(b)
    basis, _ = torch.linalg.qr(torch.randn(b, b, generator=generator, dtype=torch.float64))
    half = b // 2
    spectrum = torch.cat([torch.full((half,), 4.0), torch.full((b - half,), 1.0)]).double()
    [found] = check(backend, Call(((basis * spectrum) @ basis.mT).unsqueeze(0), "eigh", k=b))
    torch.testing.assert_close(found.values[0], spectrum, rtol=1e-12, atol=1e-12)
    projector = found.vectors[0, :, :half] @ found.vectors[0, :, :half].mT
    torch.testing.assert_close(projector, basis[:, :half] @ basis[:, :half].mT, rtol=0, atol=1e-10)


def test_zero_identity_and_clusters(backend: Backend) -> None:
    """Without off-diagonals, with all eigenvalues equal, and with gaps that rounding hides."""
    generator = torch.Generator().manual_seed(0)
    basis, _ = torch.linalg.qr(torch.randn(12, 12, generator=generator, dtype=torch.float64))
    close = (basis * (1 + 1e-7 * torch.arange(12, 0, -1))) @ basis.mT
    check(backend, Call(torch.stack([torch.zeros(12, 12), torch.eye(12), close.float()]), "eigh", k=12))


@pytest.mark.parametrize("n", [2, 3, 5, 8, 17, 33, 64, 65, 100])
@pytest.mark.limited("triton_interpreted", n=(2, 3, 5, 8, 17))
def test_fiedler_of_a_path(backend: Backend, n: int) -> None:
    """The k-th entry is cos(pi (k + 1/2) / n)."""
    weights = torch.zeros(n, n, dtype=torch.float64)
    index = torch.arange(n - 1)
    weights[index, index + 1] = weights[index + 1, index] = 1
    problem = Problem(weights, torch.arange(n).unsqueeze(0), similarity="precomputed", laplacian="unnormalized")
    [found] = check(backend, Call(problem, "fiedler"))
    assert float(found.values) == pytest.approx(2 - 2 * math.cos(math.pi / n), abs=1e-12)
    assert float(found.bounds) <= 1e-11
    wanted = torch.cos(math.pi * (torch.arange(n) + 0.5).double() / n)
    assert abs(float(found.vectors[0] @ wanted) / float(wanted.norm())) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize(("laplacian", "negative"), LAPLACIANS[1:])
@pytest.mark.limited("triton_interpreted", negative=("keep", "shift"))
def test_fiedler(backend: Backend, similarity: str, laplacian: str, negative: str) -> None:
    b = 9 if backend.interpreted else 17
    case = make(b, 8, similarity=similarity, laplacian=laplacian, negative=negative, quality=True, count=3)
    check(backend, Call(case.problem, "fiedler"))


def test_fiedler_of_small_candidates(backend: Backend) -> None:
    candidates = torch.tensor([[-1, -1, -1], [-1, 2, -1], [0, 1, -1]])
    case = Case(torch.randn(5, 3), candidates, {"similarity": "rbf", "laplacian": "unnormalized"})
    [found] = check(backend, Call(case.problem, "fiedler"))
    for result in (found.values, found.vectors, found.bounds):
        assert (result[:2] == 0).all()
    torch.testing.assert_close(found.vectors[2].abs(), torch.tensor([0.5**0.5, 0.5**0.5, 0]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16], ids=str)
def test_randomized(backend: Backend, dtype: torch.dtype) -> None:
    """Estimates lie within their certificates; a full space is exact; graphs."""
    b = 12 if backend.interpreted else 40
    case = make(b, b + 20, count=2, dtype=dtype, similarity="cosine", center=True, quality=True)
    graph = make(b, 9, count=2, dtype=dtype, similarity="rbf", laplacian="symmetric")
    eye = Problem(torch.eye(b, b + 10, dtype=dtype), torch.arange(b).unsqueeze(0))
    check(
        backend,
        Call(case.problem, k=3, solver="randomized", n_iter=b // 3),
        Call(case.problem, "eigh", k=3, solver="randomized", n_iter=b, seed=5),
        Call(graph.problem, "fiedler", solver="randomized"),
        Call(eye, "eigh", k=4, solver="randomized"),
    )
