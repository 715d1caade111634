"""The matrix of a candidate, against the oracle."""

import pytest
import torch

import oracle
import saln_kernels
from cases import DTYPES, LAPLACIANS, SIMILARITIES, SIZES, WIDTHS, Case, make
from saln_kernels.truth import reference
from tolerance import assert_as_accurate


def expected(case: Case) -> torch.Tensor:
    features, options = case.arrays()
    b = case.candidates.shape[1]
    result = torch.zeros(len(case.candidates), b, b, dtype=torch.float64)
    for matrix, rows in zip(result, case.candidates.tolist(), strict=True):
        real = torch.tensor([position for position, row in enumerate(rows) if row != -1])
        if len(real):
            matrix[real.unsqueeze(1), real] = torch.from_numpy(oracle.matrix(features, rows, **options)[0])
    return result


def check(case: Case, backend: str, scale: torch.Tensor | None = None) -> None:
    result = saln_kernels.gram(case.features, case.candidates, **case.options, backend=backend)
    plain = reference.gram(case.problem, dtype=result.dtype)
    assert_as_accurate(result, expected(case), plain, scale)


@pytest.mark.parametrize("b", [b for b in SIZES if b <= 65])
def test_sizes(backend: str, b: int) -> None:
    check(make(b, WIDTHS[b % len(WIDTHS)], count=4, seed=b), backend)


@pytest.mark.parametrize("d", WIDTHS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_dtypes(backend: str, d: int, dtype: torch.dtype) -> None:
    case = make(9, d, dtype=dtype)
    check(case, backend)
    wanted = torch.float64 if dtype == torch.float64 else torch.float32
    assert saln_kernels.gram(case.features, case.candidates, backend=backend).dtype == wanted


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("quality", [False, True])
@pytest.mark.parametrize("index", [torch.int32, torch.int64], ids=str)
def test_options(backend: str, similarity: str, center: bool, quality: bool, index: torch.dtype) -> None:
    case = make(11, 16, similarity=similarity, center=center, quality=quality, index=index)
    # Centering cancels, so its error is relative to what was there before.
    before = make(11, 16, similarity=similarity, quality=quality, index=index)
    check(case, backend, expected(before).abs().amax(dim=(1, 2)))


@pytest.mark.parametrize(("laplacian", "negative"), LAPLACIANS)
def test_reference_laplacian(laplacian: str | None, negative: str) -> None:
    case = make(9, 5, similarity="cosine", quality=True, laplacian=laplacian, negative=negative)
    torch.testing.assert_close(reference.gram(case.problem), expected(case), rtol=1e-5, atol=1e-5)


def test_gamma(backend: str) -> None:
    case = make(7, 4, similarity="rbf")
    case.options["gamma"] = 0.3
    check(case, backend)


def layouts(features: torch.Tensor) -> dict[str, torch.Tensor]:
    n, d = features.shape
    wide = torch.zeros(n, 2 * d + 1, dtype=features.dtype)
    wide[:, 1::2] = features
    padded = torch.zeros(n, d + 3, dtype=features.dtype)
    padded[:, :d] = features
    return {
        "transposed": features.T.contiguous().T,
        "every other column": wide[:, 1::2],
        "padded rows": padded[:, :d],
        "reversed twice": features.flip(0).contiguous().flip(0),
    }


@pytest.mark.parametrize("layout", ["transposed", "every other column", "padded rows", "reversed twice"])
def test_strides(backend: str, layout: str) -> None:
    case = make(8, 17, similarity="cosine")
    strided = layouts(case.features)[layout]
    torch.testing.assert_close(
        saln_kernels.gram(strided, case.candidates, similarity="cosine", backend=backend),
        saln_kernels.gram(case.features, case.candidates, similarity="cosine", backend=backend),
    )


def test_expanded(backend: str) -> None:
    row = torch.tensor([[1.0, 2.0, 3.0]])
    features = row.expand(10, 3)
    result = saln_kernels.gram(features, torch.tensor([[0, 9, 4]]).T.expand(3, 2), backend=backend)
    torch.testing.assert_close(result, torch.full((3, 2, 2), 14.0))


def test_transposed_candidates(backend: str) -> None:
    case = make(6, 5)
    transposed = case.candidates.T.contiguous().T
    assert torch.equal(
        saln_kernels.gram(case.features, transposed, backend=backend),
        saln_kernels.gram(case.features, case.candidates, backend=backend),
    )
