"""plan: what a call of any function would run, its memory and its cost."""

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
import torch

from cases import DTYPES
from saln_kernels import (
    Plan,
    eigh,
    eigvalsh,
    fiedler,
    gram,
    greedy_logdet,
    k_center,
    maxvol,
    plan,
    score_batches,
    topk_eigh,
    topk_eigvals,
)
from saln_kernels.plan import FUNCTIONS

SPECTRA: dict[Callable[..., Any], dict[str, Any]] = {
    gram: {},
    topk_eigvals: {"k": 8},
    topk_eigh: {"k": 8},
    fiedler: {},
    score_batches: {},
}
GREEDY: tuple[Callable[..., Any], ...] = (greedy_logdet, maxvol, k_center)


def meta(count: int, b: int, d: int, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.empty(32768, d, dtype=dtype, device="meta"), torch.empty(count, b, dtype=torch.int64, device="meta")


def options(function: Callable[..., Any], b: int) -> dict[str, Any]:
    found = SPECTRA[function]
    return {**found, "k": min(8, b)} if "k" in found else found


def check(found: Plan, function: Callable[..., Any]) -> None:
    """What every plan says."""
    assert found.function == function.__name__
    assert found.flops >= 0
    assert found.bytes > 0
    assert found.seconds > 0
    assert found.reason
    assert set(found.as_dict()) == {field.name for field in fields(found)}
    assert f"{found.function} on {found.backend}: {found.solver}" in str(found)
    assert json.loads(json.dumps(found.as_dict()))["solver"] == found.solver


def test_every_function_has_a_plan(cpu: str) -> None:
    matrices = torch.empty(100, 32, 32, device="meta")
    for function in FUNCTIONS:
        if function in (eigvalsh, eigh):
            arguments: tuple[Any, ...] = (matrices,)
        else:
            arguments = (*meta(100, 32, 64), *((8,) if function in (topk_eigvals, topk_eigh, *GREEDY) else ()))
        for backend in ("cpu", "cuda"):
            check(plan(function, *arguments, backend=backend), function)


@pytest.mark.parametrize("function", SPECTRA)
@pytest.mark.parametrize("b", [1, 32, 64, 256])
@pytest.mark.parametrize("solver", ["auto", "exact", "randomized"])
def test_spectra(cpu: str, function: Callable[..., Any], b: int, solver: str) -> None:
    how = {} if function is gram else {"solver": solver}
    found = plan(function, *meta(4096, b, 512), **options(function, b), **how)
    check(found, function)
    if function in (topk_eigvals, topk_eigh) and solver == "exact":
        assert found.solver == "exact"


def test_cost_grows_and_workspace_does_not(cpu: str) -> None:
    few, many = (plan(topk_eigvals, *meta(count, 64, 512), 8) for count in (4096, 2 * 4096))
    assert many.flops == pytest.approx(2 * few.flops)
    assert many.workspace_bytes == few.workspace_bytes
    assert few.workspace_bytes < 64 * 2**20


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("similarity", ["linear", "cosine"])
def test_long_rows(cpu: str, threads: None, dtype: torch.dtype, similarity: str) -> None:
    """Their products are taken in slices, in memory that does not grow with them."""
    torch.set_num_threads(2)
    logits, longer = (
        plan(score_batches, *meta(64, 512, d, dtype), "nuclear_norm", similarity=similarity) for d in (151_936, 10**6)
    )
    assert logits.reason.endswith("long rows in slices")
    assert logits.workspace_bytes == longer.workspace_bytes < 64 * 2**20
    assert "slices" not in plan(score_batches, *meta(64, 512, 1024, dtype), "nuclear_norm").reason


@pytest.mark.parametrize(("b", "d"), [(1, 1), (32, 768), (64, 512), (100, 40), (256, 1024), (2000, 64)])
@pytest.mark.parametrize("function", SPECTRA)
def test_cuda(cpu: str, b: int, d: int, function: Callable[..., Any]) -> None:
    found = plan(function, *meta(4096, b, d, torch.bfloat16), **options(function, b), backend="cuda")
    check_launch(found, most=(64 if b <= 256 else 512) * 2**20)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("b", [257, 512, 1024])
def test_cuda_in_parts(cpu: str, b: int, dtype: torch.dtype) -> None:
    """Many blocks form a large matrix, as many in any company; memory is bounded; float64 is not served so."""
    found = {}
    for count in (1, 64, 5000):
        found[count] = plan(score_batches, *meta(count, b, 151_936, dtype), "nuclear_norm", backend="cuda")
        check_launch(found[count], most=1024 * 2**20)
        assert found[count].layout == "parts"
    assert len({each.reason for each in found.values()}) == 1
    assert "blocks a matrix" in found[1].reason
    assert found[1].seconds < found[64].seconds < found[5000].seconds
    wide = plan(score_batches, *meta(64, b, 4096, torch.float64), "nuclear_norm", backend="cuda")
    assert wide.layout == "global_double"
    assert "blocks a matrix" not in wide.reason


def check_launch(found: Plan, most: int) -> None:
    """Of any machine: what a kernel occupies fits an H100, and no prediction is below the floor."""
    assert found.backend == "cuda"
    assert found.launch is not None
    assert 0 < found.launch.threads <= 1024
    assert found.launch.shared_bytes <= 227 * 1024
    assert 1 <= found.launch.blocks_per_multiprocessor <= 32
    assert found.launch.threads * found.launch.registers * found.launch.blocks_per_multiprocessor <= 65536
    assert found.floor_seconds is not None
    assert 0 < found.floor_seconds <= found.seconds
    assert found.floor_by
    assert found.workspace_bytes <= most
    assert str(found.launch) in str(found)
    assert json.loads(json.dumps(found.as_dict()))["launch"]["kernel"] == found.layout


@pytest.mark.parametrize(("b", "size"), [(1, 1), (320, 64), (2000, 500), (16384, 4)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("function", GREEDY)
def test_greedy(cpu: str, function: Callable[..., Any], dtype: torch.dtype, b: int, size: int) -> None:
    arguments = (*meta(8, b, 512, dtype), size)
    found = plan(function, *arguments)
    check(found, function)
    assert found.launch is None
    check_launch(plan(function, *arguments, backend="cuda"), most=512 * 2**20)


def test_greedy_columns_or_all_pairs(cpu: str) -> None:
    """From b/6 picks on all pairs are cheaper; a matrix that is given needs no products."""
    few, many = (plan(greedy_logdet, *meta(8, 320, 512), size) for size in (53, 54))
    assert (few.layout, many.layout) == ("columns", "pairs")
    assert few.workspace_bytes + 4 * 320 * 320 < many.workspace_bytes
    assert few.bytes == pytest.approx(54 * many.bytes)  # once for the norms, once a pick
    square = torch.empty(512, 512, device="meta"), torch.empty(8, 320, dtype=torch.int64, device="meta")
    given = plan(greedy_logdet, *square, 10, similarity="precomputed")
    assert (given.layout, given.flops) == ("columns", 8 * 10 * 10 * 320)


def test_greedy_workspace_is_what_threads_hold(cpu: str, threads: None) -> None:
    """Fewer super-batches than threads share one workspace; more have one a thread."""
    torch.set_num_threads(2)
    alone, apart = (plan(k_center, *meta(count, 320, 512), 64).workspace_bytes for count in (1, 8))
    assert apart == 2 * alone > 0


def test_greedy_rank_bounds_picks(cpu: str) -> None:
    """Of log det K no more picks are made than the matrix can have rank."""
    found = plan(greedy_logdet, *meta(8, 320, 7), 50, sigma=0.0)
    assert "rank 7 at most" in found.reason
    assert found.flops < plan(greedy_logdet, *meta(8, 320, 7), 50).flops


def test_greedy_nothing_to_choose(cpu: str) -> None:
    for backend in ("cpu", "cuda"):
        found = plan(greedy_logdet, *meta(8, 320, 7), 0, backend=backend)
        assert (found.flops, found.bytes, found.seconds, found.workspace_bytes) == (0, 0, 0, 0)
        assert found.reason == "nothing to choose"


def test_backends(cpu: str) -> None:
    here = plan(topk_eigvals, *meta(10, 64, 512), 8)
    assert (here.backend, here.launch, here.floor_seconds) == ("cpu", None, None)
    with pytest.raises(ValueError, match="backend is 'triton'; wanted None or one of 'cpu', 'cuda'"):
        plan(topk_eigvals, *meta(10, 64, 512), 8, backend="triton")


def test_criteria(cpu: str) -> None:
    cheap = plan(score_batches, *meta(4096, 64, 512), "vendi", q=2.0)
    dear = plan(score_batches, *meta(4096, 64, 512), "vendi", q=1.0)
    assert cheap.flops < dear.flops
    graph = plan(score_batches, *meta(4096, 64, 16), "algebraic_connectivity")
    assert graph.side == "gram"  # of a Laplacian there is no covariance side


def test_coarse_products_cost_less(cpu: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The switch for tf32 is the call's, so it is the plan's."""
    from saln_kernels import validate

    class OnGpu(torch.Tensor):
        is_cuda = True

    features, candidates = meta(4096, 256, 4096)
    fine = plan(gram, features, candidates, backend="cuda")
    monkeypatch.setattr(validate, "_allows_tf32", lambda: True)
    coarse = plan(gram, features.as_subclass(OnGpu), candidates, backend="cuda")
    assert coarse.floor_seconds is not None
    assert fine.floor_seconds is not None
    assert coarse.floor_seconds < fine.floor_seconds


def test_reads_no_values(cpu: str) -> None:
    """Row numbers out of range are the call's business; shapes that cannot be are refused as the call refuses them."""
    features, outside = torch.ones(4, 3), torch.tensor([[9, 1]])
    assert plan(gram, features, outside, check_bounds=True).function == "gram"
    assert plan(k_center, features, outside, 1, start=torch.tensor([7])).function == "k_center"
    with pytest.raises(ValueError, match="k is 65; wanted 1 <= k <= 64"):
        plan(topk_eigvals, *meta(10, 64, 512), 65)
    with pytest.raises(ValueError, match="criterion is 'entropy'"):
        plan(score_batches, *meta(10, 64, 512), "entropy")
    with pytest.raises(ValueError, match="size is 5; wanted 0 <= size <= 4"):
        plan(greedy_logdet, *meta(10, 4, 512), 5)


def test_refuses_what_is_no_function_of_the_package() -> None:
    with pytest.raises(TypeError, match=r"function is <built-in .*; wanted one of saln_kernels: gram, topk_eigvals"):
        plan(len, [])
    with pytest.raises(TypeError, match="function is 'gram'; wanted one of saln_kernels"):
        plan("gram")  # type: ignore[arg-type]
