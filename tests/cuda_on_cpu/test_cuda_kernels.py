"""The CUDA kernels' own source on the CPU, under AddressSanitizer and UBSan, against the reference."""

import math

import pytest
import torch

from cases import DTYPES, LAPLACIANS, SIMILARITIES, make
from cuda_on_cpu.checks import check
from cuda_on_cpu.simulator import Call, simulate
from saln_kernels.criteria import CRITERIA
from saln_kernels.matrices import Problem


@pytest.mark.parametrize("b", [1, 2, 3, 5, 16, 17, 31, 32, 33, 63, 64, 65, 100, 128, 130])
def test_sizes(b: int) -> None:
    count = 3 if b <= 33 else 2
    calls = [
        Call(make(b, b + 1, count=count, seed=b).problem, k=min(b, 9)),
        Call(make(b, 17, count=count, seed=b, similarity="cosine").problem, "eigh", k=min(b, 3)),
        Call(make(b, 70, count=count, seed=b, similarity="rbf", laplacian="unnormalized").problem, "fiedler"),
    ]
    check(*calls)


@pytest.mark.parametrize("limit", [0, 60 << 10, 42 << 10])
def test_large(limit: int) -> None:
    """Too large for registers: in shared memory, or in the workspace with vectors in either."""
    case = make(150, 40, count=1, similarity="rbf")
    graph = make(131, 20, count=1, similarity="cosine", laplacian="symmetric", dtype=torch.bfloat16)
    options = {"shared_limit": limit}
    calls = [Call(case.problem, "eigh", k=5, **options), Call(graph.problem, "fiedler", **options)]
    places = {result.place for result in check(*calls, Call(case.problem, "score", criterion="logdet", **options))}
    assert places == {{0: "shared", 60 << 10: "global", 42 << 10: "global, apart"}[limit]}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("d", [1, 3, 16, 17, 70])
def test_widths(dtype: torch.dtype, d: int) -> None:
    check(
        *(Call(make(b, d, dtype=dtype, count=2).problem, "gram") for b in (5, 33)),
        Call(make(18, d, dtype=dtype, count=2, quality=True).problem, k=7),
    )


def layouts(features: torch.Tensor) -> list[torch.Tensor]:
    """The same values with other strides and alignments; what lies between them is NaN."""
    n, d = features.shape
    wide, padded = (torch.full((n, width), torch.nan, dtype=features.dtype) for width in (2 * d + 1, d + 8 - d % 8))
    wide[:, 1::2] = features
    padded[:, :d] = features
    off = torch.full((n * d + 1,), torch.nan, dtype=features.dtype)[1:].view(n, d)
    off[:] = features
    return [features.T.contiguous().T, wide[:, 1::2], padded[:, :d], off, features[:1].expand(n, d)]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_layouts(dtype: torch.dtype) -> None:
    case = make(19, 21, dtype=dtype, count=2)
    problem = case.problem._replace(candidates=case.candidates.int().T.contiguous().T)
    check(*(Call(problem._replace(features=features), "gram") for features in layouts(case.features)))


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize(("dtype", "limit"), [(torch.float32, 0), (torch.float64, 0), (torch.float64, 38 << 10)])
def test_options(similarity: str, dtype: torch.dtype, limit: int) -> None:
    calls = []
    for center in (False, True):
        for quality in (False, True):
            for laplacian, negative in LAPLACIANS:
                if dtype == torch.float32 and laplacian == "symmetric" and center:
                    continue  # small degrees amplify rounding without bound
                case = make(
                    13, 16, count=2, dtype=dtype, similarity=similarity, center=center, quality=quality,
                    laplacian=laplacian, negative=negative,
                )  # fmt: skip
                calls.append(Call(case.problem, k=5, shared_limit=limit))
                if laplacian is None:
                    calls.append(Call(case.problem, "gram", shared_limit=limit))
                elif not center:
                    calls.append(Call(case.problem, "fiedler", shared_limit=limit))
    check(*calls)


ORDERS = (0.0, 0.5, 0.999999, 1.0, 1.0001, 2.0, 300.0, math.inf)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_criteria(criterion: str) -> None:
    parameters = {"vendi": ORDERS, "logdet": (0.5, 3.0)}.get(criterion, (1.0,))
    calls = [
        Call(make(b, 2 * b + 5, count=2, similarity=similarity, dtype=dtype).problem, "score", k=min(b, 8),
             criterion=criterion, parameter=parameter)
        for parameter in parameters
        for b in (1, 14, 40)
        for similarity in ("cosine", "rbf")
        for dtype in (torch.float32, torch.float64)
    ]  # fmt: skip
    check(*calls)


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
