"""MaxVol against LAPACK's pivots and against every determinant one swap away."""

import itertools
import math

import numpy as np
import pytest
import scipy.linalg
import torch

from cases import DTYPES, make
from saln_kernels import maxvol


def volumes(matrix: np.ndarray, rows: list[int]) -> float:
    return abs(float(np.linalg.det(matrix[rows])))


@pytest.mark.parametrize("n", [3, 20, 200])
def test_pivots_of_lapack(backend: str, n: int) -> None:
    """Without swaps, the rows that LU with partial pivoting brings to the top."""
    width = min(n, 17)
    x = torch.randn(n, width + 2, generator=torch.Generator().manual_seed(n), dtype=torch.float64)
    positions, gains = maxvol(x, torch.arange(n).unsqueeze(0), width, max_swaps=0, backend=backend)
    permutation, _, upper = scipy.linalg.lu(x[:, :width].numpy())
    assert positions[0].tolist() == permutation.argmax(axis=0)[:width].tolist()
    np.testing.assert_allclose(gains[0].numpy(), np.log(np.abs(np.diag(upper))), atol=1e-10)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("b", "size"), [(12, 4), (40, 7), (70, 20), (66, 66)])
@pytest.mark.parametrize("tolerance", [1.0, 1.05, 2.0])
def test_no_swap_is_left(backend: str, dtype: torch.dtype, b: int, size: int, tolerance: float) -> None:
    case = make(b, size + 3, count=3, dtype=dtype, padding=0.1 if size < b else 0, seed=b)
    found = maxvol(case.features, case.candidates, size, tolerance=tolerance, backend=backend)
    start = maxvol(case.features, case.candidates, size, max_swaps=0, backend=backend)
    x = case.features.double().numpy()[:, :size]
    slack = 1e-4 if found.gains.dtype == torch.float32 else 1e-9
    for c in range(3):
        picks = found.positions[c].tolist()
        assert len(set(picks)) == size
        assert -1 not in case.candidates[c, picks].tolist()
        matrix = x[case.candidates[c].numpy()]
        _, volume = np.linalg.slogdet(matrix[picks])
        assert float(found.gains[c].sum()) == pytest.approx(volume, abs=slack * size)
        assert float(found.gains[c].sum()) >= float(start.gains[c].sum()) - slack
        inside = np.linalg.solve(matrix[picks].T, matrix.T)
        real = (case.candidates[c] != -1).numpy()
        assert np.abs(inside[:, real]).max() <= tolerance * (1 + slack * 10)


def test_largest_volume_of_few(backend: str) -> None:
    """Near the best of all sets, and exactly the volume that a determinant says."""
    x = torch.randn(10, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    positions, gains = maxvol(x, torch.arange(10).unsqueeze(0), 3, tolerance=1.0, backend=backend)
    mine = volumes(x.numpy(), positions[0].tolist())
    best = max(volumes(x.numpy(), list(rows)) for rows in itertools.combinations(range(10), 3))
    assert float(gains.sum()) == pytest.approx(math.log(mine), abs=1e-10)
    assert mine >= best / 3 ** (3 / 2)  # Goreinov et al. 2010: a dominant submatrix


@pytest.mark.parametrize("swaps", [0, 1, 2, 3])
def test_every_swap_raises_the_volume(backend: str, swaps: int) -> None:
    x = torch.randn(60, 12, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    every = torch.arange(60).unsqueeze(0)
    before = maxvol(x, every, 12, max_swaps=swaps, backend=backend)
    after = maxvol(x, every, 12, max_swaps=swaps + 1, backend=backend)
    assert float(after.gains.sum()) > float(before.gains.sum()) + math.log(1.05)
    assert int((after.positions != before.positions).sum()) == 1


def test_columns_that_add_nothing(backend: str) -> None:
    """Rank 2 in five columns, the third and the last of them new: two pivots, then the lowest positions left."""
    generator = torch.Generator().manual_seed(6)
    first, second = torch.randn(9, generator=generator), torch.randn(9, generator=generator)
    x = torch.stack([torch.zeros(9), torch.zeros(9), first, 2 * first, second], dim=1)
    positions, gains = maxvol(x, torch.arange(9).unsqueeze(0), 5, backend=backend)
    pivots = positions[0, :2].tolist()
    assert bool(torch.isfinite(gains[0, :2]).all())
    assert positions[0, 2:].tolist() == [at for at in range(9) if at not in pivots][:3]
    assert bool((gains[0, 2:] == -math.inf).all())
    # Columns three and five alone have the same volume.
    alone = maxvol(x[:, [2, 4]].contiguous(), torch.arange(9).unsqueeze(0), 2, backend=backend)
    assert torch.equal(alone.positions, positions[:, :2])
    torch.testing.assert_close(alone.gains, gains[:, :2])


def test_fewer_rows_than_places(backend: str) -> None:
    x = torch.randn(6, 5, generator=torch.Generator().manual_seed(7))
    positions, gains = maxvol(x, torch.tensor([[-1, 2, -1, 4, 5, -1], [-1] * 6]), 5, backend=backend)
    assert sorted(positions[0, :3].tolist()) == [1, 3, 4]
    assert positions[0, 3:].tolist() == [-1, -1]
    assert positions[1].tolist() == [-1] * 5
    assert gains[0, 3:].tolist() == [0, 0]
    assert gains[1].tolist() == [0] * 5
