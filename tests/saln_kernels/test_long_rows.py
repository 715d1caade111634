"""Rows so long that their products are taken in slices: b above 128, or very many elements."""

import pytest
import torch

import saln_kernels
from cases import DTYPES, Case, make
from saln_kernels.matrices import result_dtype
from saln_kernels.truth import reference
from tolerance import assert_as_accurate

B, D = 140, 4097 + 64


def long_case(similarity: str, dtype: torch.dtype, count: int = 2, **options: bool) -> Case:
    """Some candidates of rows, and of residuals, that are long and of no even length."""
    case = make(B, D, count=count, similarity=similarity, dtype=dtype, **options)
    if similarity == "gradient":
        generator = torch.Generator().manual_seed(1)
        case.options["residuals"] = torch.randn(len(case.features), D + 2, generator=generator).to(dtype)
    return case


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_singular_values(cpu: str, dtype: torch.dtype) -> None:
    """The scores that logits are chosen by, as `svdvals` of float64 has them."""
    case = make(B, D, count=3, dtype=dtype)
    for row, *found in zip(
        case.candidates,
        *(
            saln_kernels.score_batches(case.features, case.candidates, name)
            for name in ("nuclear_norm", "effective_rank")
        ),
        strict=True,
    ):
        values = torch.linalg.svdvals(case.features[row[row >= 0]].double())
        p = values**2 / (values**2).sum()
        wanted = torch.stack([values.sum(), (-(p * p.log()).sum()).exp()])
        torch.testing.assert_close(torch.stack(found).double(), wanted, rtol=1e-5, atol=0)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("similarity", ["linear", "cosine", "rbf", "gradient"])
def test_gram(cpu: str, similarity: str, dtype: torch.dtype) -> None:
    case = long_case(similarity, dtype, center=similarity == "linear", quality=similarity == "cosine")
    found = saln_kernels.gram(case.features, case.candidates, **case.options)
    plain = reference.gram(case.problem, dtype=result_dtype(dtype))
    assert_as_accurate(found, reference.gram(case.problem), plain)


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e25])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_cosine_of_rows_whose_squares_leave_the_range(cpu: str, dtype: torch.dtype, scale: float) -> None:
    case = long_case("cosine", dtype)
    plain = saln_kernels.gram(case.features, case.candidates, similarity="cosine")
    case.features[::3] *= 2.0 ** round(torch.tensor(scale).log2().item())
    found = saln_kernels.gram(case.features, case.candidates, similarity="cosine")
    torch.testing.assert_close(found, plain, rtol=0, atol=1e-6)


def test_strided_rows(cpu: str) -> None:
    case = long_case("linear", torch.float32)
    found = saln_kernels.gram(case.features.mT.contiguous().mT, case.candidates)
    assert torch.equal(found, saln_kernels.gram(case.features, case.candidates))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("b", "d"), [(B, D), (64, (1 << 17) + 3)])
def test_order_company_threads(cpu: str, threads: None, b: int, d: int, dtype: torch.dtype) -> None:
    """The same bits, whether threads share a candidate or not; the last candidate is bad."""
    case = make(b, d, count=5, rows=b + 5, dtype=dtype)
    case.features[7, d - 1] = torch.nan
    case.candidates[:4][case.candidates[:4] == 7] = -1
    case.candidates[4, 0] = 7
    call = saln_kernels.score_batches
    torch.set_num_threads(1)
    whole = {name: call(case.features, case.candidates, name) for name in ("nuclear_norm", "effective_rank")}
    assert whole["nuclear_norm"].isnan().tolist() == [False] * 4 + [True]
    for count in (1, 2, 3, 7):
        torch.set_num_threads(count)
        for part in (slice(None), slice(0, 1), slice(1, 4), torch.tensor([4, 2, 0, 3])):
            for name, scores in whole.items():
                found = call(case.features, case.candidates[part], name)
                # as bits, so that NaN equals itself
                kind = torch.int64 if scores.dtype == torch.float64 else torch.int32
                assert torch.equal(found.view(kind), scores[part].view(kind))
