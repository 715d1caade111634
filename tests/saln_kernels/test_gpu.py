"""What only a GPU has: streams, graphs, an allocator that tells, and no waiting for it. Run with `--device cuda`."""

import pytest
import torch
from torch import Tensor

import saln_kernels
from cases import Case, make


@pytest.fixture
def case(device: torch.device, cpu: str) -> Case:
    """A case on the GPU, of several candidates."""
    if device.type != "cuda":
        pytest.skip("needs a GPU: --device cuda")
    case = make(33, 40, count=64, similarity="cosine")
    return Case(case.features.to(device), case.candidates.to(device), case.options)


def results(case: Case, backend: str) -> list[Tensor]:
    """Every function on a case."""
    both, shared = (case.features, case.candidates), {**case.options, "backend": backend}
    found = [
        saln_kernels.gram(*both, **shared),
        *saln_kernels.topk_eigvals(*both, 5, return_bounds=True, **shared),
        *saln_kernels.topk_eigvals(*both, 5, solver="randomized", return_bounds=True, **shared),
        *saln_kernels.topk_eigh(*both, 5, **shared),
        *saln_kernels.fiedler(*both, **shared),
        *(saln_kernels.score_batches(*both, name, **shared) for name in ("effective_rank", "logdet")),
    ]
    return [*found, saln_kernels.eigvalsh(found[0], backend=backend), *saln_kernels.eigh(found[0], 3, backend=backend)]


def assert_same(found: list[Tensor], wanted: list[Tensor]) -> None:
    for one, other in zip(found, wanted, strict=True):
        assert torch.equal(one, other)


def test_results_stay_on_the_device(case: Case, cpu: str) -> None:
    assert {result.device for result in results(case, cpu)} == {case.features.device}


def test_runs_agree_to_the_bit(case: Case, cpu: str) -> None:
    wanted = results(case, cpu)
    for _ in range(3):
        assert_same(results(case, cpu), wanted)


def test_nothing_waits(case: Case, cpu: str) -> None:
    """Also with row numbers out of range, whose candidates are NaN."""
    results(case, cpu)  # loads kernels and modules
    case.candidates[0, 0] = 10**6
    torch.cuda.set_sync_debug_mode("error")
    try:
        found = results(case, cpu)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert all(result[0].isnan().all() for result in found[:3])
    with pytest.raises(IndexError, match=r"candidates\[0, 0\] is 1000000"):
        saln_kernels.gram(case.features, case.candidates, check_bounds=True, backend=cpu)


def test_graph(case: Case, cpu: str) -> None:
    """A captured call works on what its inputs hold when it is replayed."""
    torch.use_deterministic_algorithms(False)  # filling outputs would be captured too
    results(case, cpu)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = results(case, cpu)
    case.features.mul_(2).add_(0.5)
    wanted = results(case, cpu)
    for result in found:
        result.fill_(torch.nan)
    graph.replay()
    torch.cuda.synchronize()
    assert_same(found, wanted)


def test_current_stream(case: Case, cpu: str) -> None:
    """Work is queued behind what the current stream does, and nowhere else."""
    case.features.mul_(1.0)
    wanted = results(Case(3 * case.features, case.candidates, case.options), cpu)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        torch.cuda._sleep(50_000_000)
        late = Case(3 * case.features, case.candidates, case.options)  # written after the sleep
        found = results(late, cpu)
    torch.cuda.current_stream().wait_stream(side)
    assert_same(found, wanted)


def test_memory(case: Case, cpu: str) -> None:
    """The peak over inputs and outputs is bounded whatever the number of candidates."""
    torch.use_deterministic_algorithms(False)
    features = torch.randn(4096, 512, device=case.features.device, dtype=torch.bfloat16)
    grown = []
    for count in (20_000, 200_000):
        candidates = torch.randint(4096, (count, 64), dtype=torch.int32, device=features.device)
        saln_kernels.topk_eigvals(features, candidates[:64], 8, backend=cpu)
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        result = saln_kernels.topk_eigvals(features, candidates, 8, backend=cpu)
        torch.cuda.synchronize()
        # the op also makes bounds, as large as the values
        grown.append(torch.cuda.max_memory_allocated() - before - 2 * result.numel() * result.element_size())
    assert max(grown) <= 64 << 20
    assert grown[1] <= grown[0] + (1 << 20)
