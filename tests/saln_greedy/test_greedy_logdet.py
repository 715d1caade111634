"""Greedy log-det against brute force, LAPACK's pivoted Cholesky, and its own path recomputed in float64."""

import itertools
import math

import numpy as np
import pytest
import scipy.linalg.lapack
import torch
from torch import Tensor

import oracle
from cases import DTYPES, SIMILARITIES, Case, make
from saln_kernels import greedy_logdet
from saln_kernels.matrices import build, gather
from tolerance import assert_as_accurate


def logdet(matrix: np.ndarray, rows: tuple[int, ...], sigma: float) -> float:
    """The objective, by its definition."""
    block = matrix[np.ix_(rows, rows)]
    sign, value = np.linalg.slogdet(block / sigma**2 + np.eye(len(rows)) if sigma else block)
    return float(value) if sign > 0 else -math.inf


def left_along(case: Case, c: int, positions: Tensor, sigma: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Schur complements of a candidate's rows before every pick of a path [size], [size, b]; and the diagonal [b]."""
    rows = gather(case.problem._replace(candidates=case.candidates[c : c + 1]), dtype)
    matrix = build(rows, case.problem).matrices[0]
    left = []
    for step in range(len(positions)):
        chosen = positions[:step]
        noisy = matrix[chosen][:, chosen] + sigma**2 * torch.eye(step, dtype=dtype)
        part = torch.linalg.solve_triangular(torch.linalg.cholesky(noisy), matrix[chosen], upper=False)
        found = matrix.diagonal() - part.square().sum(dim=0)
        found[chosen] = -1
        found[~rows.real[0]] = -1
        left.append(found)
    return torch.stack(left), matrix.diagonal()


def check_path(case: Case, positions: Tensor, gains: Tensor, sigma: float) -> None:
    """Every choice is the best up to rounding, and its gain as accurate as plain torch makes it on the same path."""
    size = positions.shape[1]
    exact, plain = torch.zeros_like(gains, dtype=torch.float64), torch.zeros_like(gains)
    for c in range(len(positions)):
        n = min(int((case.candidates[c] != -1).sum()), size)
        path = positions[c, :n]
        assert len(set(path.tolist())) == n
        assert bool((positions[c, n:] == -1).all())
        assert bool((gains[c, n:] == 0).all())
        if n == 0:
            continue
        left, diagonal = left_along(case, c, path, sigma, torch.float64)
        low, _ = left_along(case, c, path, sigma, gains.dtype)
        own = left.gather(1, path.unsqueeze(1)).squeeze(1)
        rounding = (16 + len(diagonal)) * torch.finfo(gains.dtype).eps / 2 * (diagonal.abs().max() + 1)
        assert float((left.amax(dim=1) - own).max()) <= float(rounding)
        low_own = low.gather(1, path.unsqueeze(1)).squeeze(1)
        exact[c, :n] = (own / sigma**2).log1p() if sigma else own.log()
        plain[c, :n] = (low_own / sigma**2).log1p() if sigma else low_own.log()
    # An error of a logarithm is a relative error of what it is of: its unit is 1, however near 0 the logarithm is.
    assert_as_accurate(gains, exact, plain, exact.abs().amax(dim=1).clamp(min=1))


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("sigma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("center", [False, True])
def test_brute_force(backend: str, similarity: str, sigma: float, center: bool) -> None:
    """Step by step the largest determinant, over all ways to add one row; and never far from the best set."""
    case = make(9, 12, count=4, dtype=torch.float64, similarity=similarity, center=center, quality=True, seed=3)
    case = case.definite()
    size = 4
    positions, gains = greedy_logdet(case.features, case.candidates, size, sigma=sigma, backend=backend, **case.options)
    features, options = case.arrays()
    for c, candidate in enumerate(case.candidates.tolist()):
        real = [at for at, row in enumerate(candidate) if row != -1]
        matrix, _ = oracle.matrix(features, candidate, **options)
        most = min(size, len(real) - (center and sigma == 0))
        chosen: tuple[int, ...] = ()
        total = 0.0
        for step in range(most):
            ways = [logdet(matrix, (*chosen, row), sigma) for row in range(len(real)) if row not in chosen]
            chosen = (*chosen, real.index(int(positions[c, step])))
            now = logdet(matrix, chosen, sigma)
            assert now == pytest.approx(max(ways), rel=1e-9, abs=1e-9)
            assert float(gains[c, step]) == pytest.approx(now - total, rel=1e-8, abs=1e-8)
            total = now
        if sigma:
            best = max(logdet(matrix, rows, sigma) for rows in itertools.combinations(range(len(real)), most))
            assert total >= (1 - 1 / math.e) * best


@pytest.mark.parametrize("n", [5, 40, 130])
@pytest.mark.parametrize("sigma", [0.0, 1.0])
def test_pivoted_cholesky_of_lapack(backend: str, n: int, sigma: float) -> None:
    x = torch.randn(n, n + 8, generator=torch.Generator().manual_seed(n), dtype=torch.float64)
    matrix = (x @ x.mT + sigma**2 * torch.eye(n)).numpy()
    factor, pivots, rank, _ = scipy.linalg.lapack.dpstrf(matrix, lower=1)
    assert rank == n
    positions, gains = greedy_logdet(x, torch.arange(n).unsqueeze(0), n, sigma=sigma, backend=backend)
    assert positions[0].tolist() == (pivots - 1).tolist()
    wanted = 2 * np.log(np.diag(factor)) - (2 * math.log(sigma) if sigma else 0)
    np.testing.assert_allclose(gains[0].numpy(), wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("b", [1, 2, 17, 65, 130])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_path(cpu: str, similarity: str, b: int, dtype: torch.dtype) -> None:
    """Both ways to the columns of K: few picks, and many."""
    for size in {(b + 7) // 8, min((b + 1) // 2, 40)}:
        for both, sigma in ((False, 0.0), (True, 1.0)):
            case = make(b, 96, count=2, dtype=dtype, similarity=similarity, center=both, quality=both, seed=b + size)
            case = case.definite()
            if b > 2:
                case.candidates[1, ::3] = -1
            found = greedy_logdet(case.features, case.candidates, size, sigma=sigma, backend=cpu, **case.options)
            check_path(case, *found, sigma)


def test_scale_does_not_matter(backend: str) -> None:
    """Rows from 1e-12 to 1e12 in one super-batch: what is rounding is told row by row."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(24, 32, generator=generator) * torch.logspace(-12, 12, 24).unsqueeze(1)
    positions, gains = greedy_logdet(x, torch.arange(24).unsqueeze(0), 24, sigma=0.0, backend=backend)
    assert positions[0].tolist() == list(range(23, -1, -1))
    assert bool(torch.isfinite(gains).all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("size", [4, 20])
@pytest.mark.parametrize("similarity", ["linear", "cosine", "rbf", "gradient"])
def test_exhausted(backend: str, dtype: torch.dtype, size: int, similarity: str) -> None:
    """Twenty rows, three of them different: three gains, then the lowest positions."""
    generator = torch.Generator().manual_seed(1)
    distinct = torch.randn(3, 100, generator=generator, dtype=dtype)
    residuals = torch.randn(3, 5, generator=generator, dtype=dtype) if similarity == "gradient" else None
    order = torch.randint(0, 3, (20,), generator=generator)
    order[:3] = torch.tensor([2, 0, 1])
    candidates = order.unsqueeze(0)
    options = {"similarity": similarity, "residuals": residuals, "backend": backend}
    positions, gains = greedy_logdet(distinct, candidates, size, sigma=0.0, **options)
    assert sorted(order[positions[0, :3]].tolist()) == [0, 1, 2]
    assert bool(torch.isfinite(gains[0, :3]).all())
    rest = [at for at in range(20) if at not in positions[0, :3].tolist()]
    assert positions[0, 3:].tolist() == rest[: size - 3]
    assert bool((gains[0, 3:] == -math.inf).all())
    # With noise a second look at a row still says something; noise below rounding does not.
    assert bool((greedy_logdet(distinct, candidates, size, **options).gains > 0).all())
    tiny = greedy_logdet(distinct, candidates, size, sigma=1e-12, **options)
    assert torch.equal(tiny.positions, positions)
    assert bool((tiny.gains[0, 3:] == 0).all())


def test_ties_go_to_the_lowest_position(backend: str) -> None:
    x = torch.eye(8)[[3, 1, 4, 1, 5, 2, 6, 5]]
    candidates = torch.tensor([[-1, 0, 1, 2, 3, 4, 5, 6, 7]])
    for similarity in ("linear", "cosine", "rbf"):
        positions, gains = greedy_logdet(x, candidates, 6, similarity=similarity, sigma=0.0, backend=backend)
        assert positions.tolist() == [[1, 2, 3, 5, 6, 7]]
        assert similarity == "rbf" or bool((gains == 0).all())
    unit = torch.nn.functional.normalize(torch.randn(50, 30, generator=torch.Generator().manual_seed(2)), dim=1)
    every = torch.arange(50).unsqueeze(0)
    assert greedy_logdet(unit, every, 1, similarity="cosine", backend=backend).positions.item() == 0


def test_quality_of_zero_is_never_worth_a_choice(backend: str) -> None:
    x = torch.randn(10, 16, generator=torch.Generator().manual_seed(5))
    quality = torch.ones(10)
    quality[[0, 4, 5]] = 0
    positions, gains = greedy_logdet(x, torch.arange(10).unsqueeze(0), 10, quality=quality, backend=backend)
    assert positions[0, 7:].tolist() == [0, 4, 5]
    assert bool((gains[0, :7] > 0).all())
    assert gains[0, 7:].tolist() == [0, 0, 0]
