"""Farthest-first traversal against its definition in numpy."""

import itertools

import numpy as np
import pytest
import torch

from cases import DTYPES, make
from saln_kernels import k_center
from tolerance import assert_as_accurate


def points(case_features: torch.Tensor, similarity: str, dtype: torch.dtype) -> torch.Tensor:
    x = case_features.to(dtype)
    if similarity == "cosine":
        norm = x.square().sum(dim=1, keepdim=True).sqrt()
        x = torch.where(norm > 0, x / torch.where(norm > 0, norm, 1), 0)
    return x


@pytest.mark.parametrize("similarity", ["linear", "cosine"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("b", "d"), [(1, 1), (9, 3), (64, 33), (65, 16), (130, 100)])
def test_definition(backend: str, similarity: str, dtype: torch.dtype, b: int, d: int) -> None:
    """Every choice is the farthest up to rounding, and its gain as accurate as plain torch makes it."""
    case = make(b, d, count=4, dtype=dtype, padding=0.3, seed=b)
    if b > 2:
        case.features[case.candidates[0, 1]] = 0
    size = (b + 1) // 2
    positions, gains = k_center(case.features, case.candidates, size, similarity=similarity, backend=backend)
    exact, plain = torch.zeros_like(gains, dtype=torch.float64), torch.zeros_like(gains)
    for c, candidate in enumerate(case.candidates):
        real = (candidate != -1).nonzero().flatten().tolist()
        n = min(size, len(real))
        path = positions[c, :n].tolist()
        assert path[:1] == real[:1]
        assert set(path) <= set(real)
        assert len(set(path)) == n
        assert positions[c, n:].tolist() == [-1] * (size - n)
        for result in (exact, plain):
            x = points(case.features, similarity, result.dtype)[candidate]
            for step in range(n):
                near = (x[real].unsqueeze(1) - x[path[:step]]).square().sum(dim=2).amin(dim=1) if step else None
                result[c, step] = torch.inf if near is None else near[real.index(path[step])]
                if near is not None and result is exact:
                    slack = 1e-5 if gains.dtype == torch.float32 else 1e-13
                    assert float(near.max()) <= float(exact[c, step]) + slack * float(near.max())
    first = slice(1, None)
    assert torch.equal(torch.isinf(gains), torch.isinf(exact))
    assert_as_accurate(gains[:, first], exact[:, first], plain[:, first])


def test_twice_the_best_radius(backend: str) -> None:
    x = torch.randn(11, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    positions, _ = k_center(x, torch.arange(11).unsqueeze(0), 3, backend=backend)
    distance = torch.cdist(x, x).numpy()
    radius = distance[:, positions[0].tolist()].min(axis=1).max()
    best = min(distance[:, list(rows)].min(axis=1).max() for rows in itertools.combinations(range(11), 3))
    assert best <= radius <= 2 * best


def test_start(backend: str) -> None:
    x = torch.tensor([[0.0], [1.0], [5.0], [9.0]])
    candidates = torch.tensor([[0, -1, 2, 3], [0, 1, -1, -1]])
    assert k_center(x, candidates, 2, start=1, backend=backend).positions.tolist() == [[2, 0], [1, 0]]
    assert k_center(x, candidates, 1, start=2, backend=backend).positions.tolist() == [[2], [0]]
    for dtype in (torch.int32, torch.int64):
        start = torch.tensor([3, 0], dtype=dtype)
        assert k_center(x, candidates, 2, start=start, backend=backend).positions.tolist() == [[3, 0], [0, 1]]
    start = torch.tensor([4, 0])
    with pytest.raises(IndexError, match=r"start\[0\] is 4; wanted a column of candidates, 0 <= start < 4"):
        k_center(x, candidates, 2, start=start, check_bounds=True, backend=backend)
    unchecked = k_center(x, candidates, 2, start=start, check_bounds=False, backend=backend)
    assert unchecked.positions.tolist() == [[-1, -1], [0, 1]]
    assert bool(torch.isnan(unchecked.gains[0]).all())


def test_duplicates_are_at_distance_zero(backend: str) -> None:
    """Far from the origin too, and the lowest position of them first."""
    distinct = torch.randn(3, 40, generator=torch.Generator().manual_seed(1)) + 1000
    order = torch.tensor([[0, 0, 1, 2, 1, 2, 0, 0, 2, 1]])
    positions, gains = k_center(distinct, order, 10, backend=backend)
    assert sorted(order[0, positions[0, :3]].tolist()) == [0, 1, 2]
    assert positions[0, 3:].tolist() == sorted(set(range(10)) - set(positions[0, :3].tolist()))
    assert bool((gains[0, 3:] == 0).all())
    assert np.all(np.diff(gains[0].numpy()) <= 0)
