"""A candidate's result does not depend, to the bit, on anything else in the call."""

import pytest
import torch

import saln_kernels
from cases import Case, make
from saln_kernels.criteria import CRITERIA


def run(case: Case, candidates: torch.Tensor, solver: str, backend: str) -> dict[str, torch.Tensor]:
    """Every function of the native backend on some candidates of a case."""
    shared = {**case.options, "backend": backend}
    b = candidates.shape[1]
    values, vectors, bounds = saln_kernels.topk_eigh(
        case.features, candidates, min(4, b), solver=solver, return_bounds=True, **shared
    )
    pair = saln_kernels.fiedler(case.features, candidates, solver=solver, **shared)
    scores = {
        criterion: saln_kernels.score_batches(case.features, candidates, criterion, solver=solver, **shared)
        for criterion in CRITERIA
    }
    all_values, all_bounds = saln_kernels.topk_eigvals(
        case.features, candidates, b, solver=solver, return_bounds=True, **shared
    )
    return {
        "gram": saln_kernels.gram(case.features, candidates, **shared),
        "values": values,
        "vectors": vectors,
        "bounds": bounds,
        "all values": all_values,
        "all bounds": all_bounds,
        "fiedler value": pair.value,
        "fiedler vector": pair.vector,
        "fiedler residual": pair.residual,
        **scores,
    }


def assert_same(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor], index: object) -> None:
    for name, result in found.items():
        # As bits, so that NaN equals itself.
        kind = torch.int64 if result.dtype == torch.float64 else torch.int32
        assert torch.equal(result.contiguous().view(kind), wanted[name][index].contiguous().view(kind)), name


@pytest.mark.parametrize("b", [5, 16, 33, 64, 80])
@pytest.mark.parametrize("solver", ["exact", "randomized", "auto"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_order_chunk_company_threads(cpu: str, threads: None, b: int, solver: str, dtype: torch.dtype) -> None:
    case = make(b, 24, count=37, similarity="cosine", quality=True, dtype=dtype, seed=b).definite()
    case.candidates[5] = -1
    case.candidates[9, 1:] = -1
    torch.set_num_threads(1)
    whole = run(case, case.candidates, solver, cpu)
    torch.set_num_threads(2)
    assert_same(run(case, case.candidates, solver, cpu), whole, slice(None))
    order = torch.randperm(37, generator=torch.Generator().manual_seed(2))
    assert_same(run(case, case.candidates[order], solver, cpu), whole, order)
    for part in (slice(0, 1), slice(3, 11), slice(30, 37)):
        assert_same(run(case, case.candidates[part], solver, cpu), whole, part)
    assert_same(run(case, case.candidates.int(), solver, cpu), whole, slice(None))


@pytest.mark.parametrize("similarity", ["cosine", "gradient"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_threads_that_share_a_candidate(cpu: str, threads: None, similarity: str, dtype: torch.dtype) -> None:
    """A matrix large enough that its strips are handed out, in a call of fewer candidates than threads."""
    case = make(171, 150, count=3, similarity=similarity, dtype=dtype, seed=1)
    torch.set_num_threads(1)
    whole = saln_kernels.gram(case.features, case.candidates, backend=cpu, **case.options)
    for n in (2, 3, 5):
        torch.set_num_threads(n)
        for part in (slice(0, 1), slice(1, 3)):
            found = saln_kernels.gram(case.features, case.candidates[part], backend=cpu, **case.options)
            assert_same({"gram": found}, {"gram": whole}, part)


def test_company_that_is_bad(cpu: str) -> None:
    """Neighbours that are NaN, huge or zero change nothing."""
    case = make(12, 8, count=16, padding=0)
    features = torch.cat([case.features, torch.full((12, 8), torch.nan), torch.full((12, 8), 1e15), torch.zeros(12, 8)])
    n = len(case.features)
    bad = torch.arange(n, n + 36).view(3, 12)
    mixed = torch.cat([case.candidates[:5], bad[:1], case.candidates[5:9], bad[1:], case.candidates[9:]])
    keep = torch.tensor([*range(5), *range(6, 10), *range(12, 19)])
    whole = run(Case(features, mixed, case.options), mixed, "exact", cpu)
    assert_same(run(Case(features, case.candidates, case.options), case.candidates, "exact", cpu), whole, keep)


@pytest.mark.parametrize("b", [8, 64, 100])
def test_matrices(cpu: str, threads: None, b: int) -> None:
    half = torch.randn(21, b, b, generator=torch.Generator().manual_seed(b))
    matrices = half + half.mT
    torch.set_num_threads(1)
    values, vectors = saln_kernels.eigh(matrices)
    torch.set_num_threads(2)
    for part in (slice(None), slice(7, 8), slice(3, 20)):
        found = saln_kernels.eigh(matrices[part])
        assert torch.equal(found.values, values[part])
        assert torch.equal(found.vectors, vectors[part])
        assert torch.equal(saln_kernels.eigvalsh(matrices[part]), saln_kernels.eigvalsh(matrices)[part])


def test_seed(cpu: str) -> None:
    """The same seed gives the same bits, another seed another start."""
    case = make(96, 40, count=4, padding=0)
    runs = [
        saln_kernels.topk_eigvals(
            case.features, case.candidates, 4, solver="randomized", n_iter=8, seed=seed, backend=cpu
        )
        for seed in (0, 0, 1)
    ]
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])
