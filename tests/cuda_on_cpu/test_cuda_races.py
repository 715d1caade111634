"""The CUDA kernels under ThreadSanitizer, which sees every CUDA thread, and order only where barriers make it."""

import pytest
import torch

from cases import make
from cuda_on_cpu.simulator import Call, simulate

F32, F64, BF16 = torch.float32, torch.float64, torch.bfloat16


def calls(b: int, dtype: torch.dtype, limit: int) -> list[Call]:
    """Calls that pass through every part of a kernel."""
    options = {"count": 3, "dtype": dtype}
    narrow = make(b, b // 2, center=True, quality=True, **options)
    rows = make(b, b + 9, similarity="gradient", center=True, quality=True, **options)
    graph = make(b, b + 9, similarity="cosine", laplacian="symmetric", **options)
    shifted = make(b, 10, similarity="rbf", laplacian="unnormalized", negative="shift", **options)
    return [
        Call(rows.problem, "gram", grid=2, shared_limit=limit),
        Call(rows.problem, "eigh", k=3, grid=2, shared_limit=limit),
        Call(graph.problem, "fiedler", grid=1, shared_limit=limit),
        Call(shifted.problem, "score", criterion="logdet", grid=1, shared_limit=limit),
        Call(narrow.problem, "score", grid=2, shared_limit=limit),
    ]


@pytest.mark.parametrize(
    ("b", "dtype", "limit"),
    [(7, F32, 0), (20, BF16, 0), (33, F32, 0), (66, BF16, 0), (20, F64, 0), (20, F64, 50 << 10)],
)
def test_no_race(b: int, dtype: torch.dtype, limit: int) -> None:
    simulate(*calls(b, dtype, limit), sanitizer="thread")


@pytest.mark.parametrize(("dtype", "limit"), [(F32, 0), (F32, 66 << 10), (F64, 0), (F64, 50 << 10)])
def test_no_race_in_lanczos(dtype: torch.dtype, limit: int) -> None:
    dense = make(20, 12, count=2, dtype=dtype, similarity="rbf", laplacian="symmetric")
    large = make(140, 150, count=2, dtype=dtype)
    free = make(40, 60, count=2, dtype=dtype, similarity="cosine", center=True, quality=True)
    simulate(
        Call(dense.problem, "fiedler", solver="randomized", grid=1, shared_limit=limit),
        Call(large.problem, "eigh", k=2, solver="randomized", n_iter=4, grid=1, shared_limit=limit),
        Call(free.problem, k=2, solver="randomized", n_iter=3, grid=1, shared_limit=limit),
        Call(free.problem, k=2, solver="randomized", n_iter=12, grid=1, shared_limit=limit),
        sanitizer="thread",
    )
