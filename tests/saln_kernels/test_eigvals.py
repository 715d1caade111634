"""Top eigenvalues against scipy and torch."""

import numpy as np
import pytest
import torch

import oracle
import saln_kernels
from cases import DTYPES, LAPLACIANS, SIMILARITIES, SIZES, WIDTHS, Case, make
from saln_kernels.truth import reference
from tolerance import assert_as_accurate


def expected(case: Case, k: int) -> torch.Tensor:
    features, options = case.arrays()
    result = np.zeros((len(case.candidates), k))
    for out, rows in zip(result, case.candidates.tolist(), strict=True):
        values = oracle.spectrum(oracle.matrix(features, rows, **options)[0])[:k]
        out[: len(values)] = values
    return torch.from_numpy(result)


def scale(case: Case) -> torch.Tensor:
    """What rounding is relative to [C]: the norm before centering and Laplacian cancel, if that is larger."""
    raw = case.problem._replace(center=False, laplacian="none")
    norms = torch.stack([torch.linalg.matrix_norm(reference.gram(problem)) for problem in (raw, case.problem)])
    return norms.amax(dim=0)


def check(case: Case, k: int, backend: str, **keywords: object) -> None:
    result = saln_kernels.topk_eigvals(case.features, case.candidates, k, **case.options, **keywords, backend=backend)
    plain, _ = reference.eigvals(case.problem, k, dtype=result.dtype)
    assert_as_accurate(result, expected(case, k), plain, scale(case))


@pytest.mark.parametrize("b", SIZES)
def test_sizes(backend: str, b: int) -> None:
    count = 5 if b <= 65 else 2
    for width in (WIDTHS[b % len(WIDTHS)], WIDTHS[(b + 3) % len(WIDTHS)]):
        case = make(b, width, count=count, similarity="precomputed" if b > 65 else "linear", seed=b)
        check(case, b, backend)
        check(case, max(1, b // 3), backend)


@pytest.mark.parametrize("b", [100, 129, 200])
@pytest.mark.parametrize("d", [16, 300])
def test_large(backend: str, b: int, d: int) -> None:
    case = make(b, d, count=2)
    result = saln_kernels.topk_eigvals(case.features, case.candidates, b, backend=backend)
    exact, _ = reference.eigvals(case.problem, b)
    plain, _ = reference.eigvals(case.problem, b, dtype=torch.float32)
    assert_as_accurate(result, exact, plain)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("quality", [False, True])
@pytest.mark.parametrize(("laplacian", "negative"), LAPLACIANS)
def test_options(
    backend: str, similarity: str, center: bool, quality: bool, laplacian: str | None, negative: str
) -> None:
    case = make(
        13, 16, similarity=similarity, center=center, quality=quality, laplacian=laplacian, negative=negative, count=4
    )
    if laplacian == "symmetric" and center and similarity in ("linear", "gradient"):
        case = Case(
            case.features.double(),
            case.candidates,
            {
                name: value.double() if isinstance(value, torch.Tensor) else value
                for name, value in case.options.items()
            },
        )  # small degrees amplify rounding without bound in float32
    check(case, 13, backend)
    check(case, 2, backend)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("d", WIDTHS)
def test_dtypes(backend: str, dtype: torch.dtype, d: int) -> None:
    check(make(17, d, dtype=dtype, similarity="cosine"), 17, backend)


@pytest.mark.parametrize("solver", ["auto", "exact", "randomized"])
@pytest.mark.parametrize("b", [1, 2, 3, 8, 33, 64])
def test_every_k(backend: str, solver: str, b: int) -> None:
    case = make(b, 20, count=3)
    for k in {1, 2, b // 2, b - 1, b} & set(range(1, b + 1)):
        check(case, k, backend, solver=solver)


def test_descending(backend: str) -> None:
    case = make(16, 8, similarity="precomputed")
    result = saln_kernels.topk_eigvals(case.features, case.candidates, 16, similarity="precomputed", backend=backend)
    counts = (case.candidates != -1).sum(dim=1)
    for values, n in zip(result, counts.tolist(), strict=True):
        assert (values[:n].diff() <= 0).all()
        assert (values[n:] == 0).all()
        assert values[n - 1] < 0, "real negative eigenvalues come before padding's zeros"


def test_covariance_side(backend: str) -> None:
    case = make(33, 5, count=4)
    values = saln_kernels.topk_eigvals(case.features, case.candidates, 33, backend=backend)
    rows = case.features[case.candidates[0]].double()
    other = torch.linalg.eigvalsh(rows.mT @ rows).flip(0)
    torch.testing.assert_close(values[0, :5].double(), other, rtol=1e-5, atol=1e-4)
    assert values[0, 5:].abs().max() <= 1e-5 * values[0, 0]
