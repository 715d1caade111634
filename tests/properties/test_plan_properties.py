"""Plans of calls of any size, of nothing or past every int32: a cost that is a number, memory that is bounded."""

import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from properties.examples import examples
from saln_kernels import eigh, eigvalsh, fiedler, gram, greedy_logdet, k_center, maxvol, plan, score_batches, topk_eigh
from saln_kernels.plan import Plan
from saln_kernels.validate import LARGEST_ORDER

GIB = 2**30


def sizes(largest: int) -> st.SearchStrategy[int]:
    """From 1 on, every order of magnitude as likely."""
    return st.floats(0, math.log2(largest)).map(lambda power: int(2**power))


def check(found: Plan, b: int, d: int = 0) -> None:
    """All numbers are some; workspace is a gibibyte, or a dozen of its matrices with its rows a thread."""
    for cost in (found.flops, found.bytes, found.seconds, found.floor_seconds or 0.0):
        assert 0 <= cost < math.inf
    assert 0 <= found.workspace_bytes <= GIB + 12 * torch.get_num_threads() * 8 * b * (b + d)
    assert found.n_iter >= 0
    if found.launch is not None:
        assert 0 <= found.launch.grid < 2**31
        assert 0 < found.launch.threads <= 1024
        assert found.launch.shared_bytes <= 227 * 1024
        assert found.launch.registers * found.launch.threads <= 65536
    assert str(found)


@examples(100)
@given(
    count=st.integers(0, 2) | sizes(2**30),
    b=sizes(LARGEST_ORDER),
    d=sizes(2**20),
    rows=sizes(2**40),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.float16]),
    backend=st.sampled_from(["cpu", "cuda"]),
    solver=st.sampled_from(["auto", "exact", "randomized"]),
    data=st.data(),
)
def test_candidates(
    count: int, b: int, d: int, rows: int, dtype: torch.dtype, backend: str, solver: str, data: st.DataObject
) -> None:
    features = torch.empty(rows, d, dtype=dtype, device="meta")
    candidates = torch.empty(count, b, dtype=torch.int64, device="meta")
    k = data.draw(st.integers(1, b))
    check(plan(gram, features, candidates, backend=backend), b, d)
    check(plan(topk_eigh, features, candidates, k, solver=solver, backend=backend), b, d)
    check(plan(fiedler, features, candidates, solver=solver, backend=backend), b, d)
    check(plan(score_batches, features, candidates, solver=solver, backend=backend), b, d)
    size = data.draw(st.integers(0, b))
    check(plan(greedy_logdet, features, candidates, size, backend=backend), b, d)
    check(plan(k_center, features, candidates, size, backend=backend), b, d)
    check(plan(maxvol, features, candidates, min(size, d), backend=backend), b, d)


@examples(60)
@given(
    count=st.integers(0, 2) | sizes(2**30),
    b=sizes(LARGEST_ORDER),
    backend=st.sampled_from(["cpu", "cuda"]),
)
def test_matrices(count: int, b: int, backend: str) -> None:
    matrices = torch.empty(count, b, b, device="meta")
    for function in (eigvalsh, eigh):
        check(plan(function, matrices, backend=backend), b)
