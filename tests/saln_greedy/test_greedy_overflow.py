"""Finite rows whose similarities are not: set aside, chosen last, and said to be; large pools."""

import resource
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from saln_kernels import Greedy, greedy_logdet, k_center, maxvol

Method = Callable[..., Greedy]


def pool(rows: int = 30, width: int = 12, seed: int = 0) -> Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed))


def logdet(features: Tensor, candidates: Tensor, size: int, **options: object) -> Greedy:
    return greedy_logdet(features, candidates, size, **options)


METHODS: dict[str, Method] = {
    "k_center": k_center,
    "logdet": logdet,
    "logdet, sigma 0": lambda *a, **o: greedy_logdet(*a, sigma=0.0, **o),
    "logdet, centered": lambda *a, **o: greedy_logdet(*a, center=True, **o),
}


@pytest.mark.parametrize("fill", [1e20, -9.97e36, 3.4e38, 4e18])
@pytest.mark.parametrize("method", METHODS)
def test_rows_set_aside_come_last(backend: str, method: str, fill: float) -> None:
    """As if they were padding, but that they complete the choice, with gain NaN."""
    features = pool()
    features[[3, 17], 5] = fill
    everything = torch.arange(30).unsqueeze(0)
    without = everything.clone()
    without[0, [3, 17]] = -1
    found = METHODS[method](features, everything, 30, backend=backend)
    wanted = METHODS[method](features, without, 30, backend=backend)
    assert torch.equal(found.positions[:, :28], wanted.positions[:, :28])
    torch.testing.assert_close(found.gains[:, :28], wanted.gains[:, :28])
    assert found.positions[0, 28:].tolist() == [3, 17]
    assert bool(found.gains[0, 28:].isnan().all())
    few = METHODS[method](features, everything, 8, backend=backend)
    assert torch.equal(few.positions, wanted.positions[:, :8])
    assert bool(few.gains.isfinite()[:, 1:].all())


@pytest.mark.parametrize("method", METHODS)
def test_all_rows_set_aside(backend: str, method: str) -> None:
    """Positions are rows all the same, none twice; every gain is NaN, and padding stays padding."""
    candidates = torch.tensor([[4, -1, 2, 9, 0], [1, 2, 3, 4, 5]])
    features = pool() * 1e20
    features[[1, 3, 5]] = 1.0
    found = METHODS[method](features, candidates, 5, backend=backend)
    assert found.positions[0].tolist() == [0, 2, 3, 4, -1]
    assert bool(found.gains[0, :4].isnan().all())
    assert found.gains[0, 4] == 0
    assert sorted(found.positions[1].tolist()) == [0, 1, 2, 3, 4]
    assert found.positions[1, 3:].tolist() == [1, 3]
    assert found.gains[1].isnan().tolist() == [False] * 3 + [True] * 2


def test_start_at_a_row_set_aside(backend: str) -> None:
    """The first row that can be used from there on."""
    features = pool()
    features[7, 0] = 1e25
    found = k_center(features, torch.arange(30).unsqueeze(0), 3, start=7, backend=backend)
    wanted = k_center(features, torch.tensor([[*range(7), -1, *range(8, 30)]]), 3, start=8, backend=backend)
    assert torch.equal(found.positions, wanted.positions)
    assert found.positions[0, 0] == 8


@pytest.mark.parametrize("method", ["k_center", "logdet"])
def test_cosine_sees_no_length(backend: str, method: str) -> None:
    """Rows of any length: the same choice, none set aside."""
    features = pool()
    candidates = torch.arange(30).unsqueeze(0)
    wanted = METHODS[method](features, candidates, 10, similarity="cosine", backend=backend)
    # One power of two a row changes no bit of its direction.
    scales = torch.tensor([2.0**-120, 2.0**-70, 1.0, 2.0**66, 2.0**122])[torch.arange(30) % 5].unsqueeze(1)
    found = METHODS[method](features * scales, candidates, 10, similarity="cosine", backend=backend)
    assert torch.equal(found.positions, wanted.positions)
    torch.testing.assert_close(found.gains, wanted.gains, rtol=1e-5, atol=1e-6)


def test_distant_rows_are_not_similar(backend: str) -> None:
    """Of `rbf`, a distance that overflows is a similarity of 0."""
    features = torch.eye(6)
    features[2, 0] = 1e30
    found = greedy_logdet(features, torch.arange(6).unsqueeze(0), 6, similarity="rbf", backend=backend)
    assert bool(found.gains.isfinite().all())
    assert sorted(found.positions[0].tolist()) == list(range(6))


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("where", ["residuals", "quality"])
def test_residuals_and_quality(backend: str, where: str, center: bool) -> None:
    """Large weights set rows aside as large features do."""
    features = pool()
    options = {
        "residuals": torch.rand(30, 3, generator=torch.Generator().manual_seed(1)),
        "quality": torch.rand(30, generator=torch.Generator().manual_seed(2)) + 0.5,
    }
    options[where][11] = 1e21
    run = {"similarity": "gradient", "center": center, "backend": backend, **options}
    found = greedy_logdet(features, torch.arange(30).unsqueeze(0), 30, **run)
    wanted = greedy_logdet(features, torch.tensor([[*range(11), -1, *range(12, 30)]]), 29, **run)
    assert torch.equal(found.positions[:, :29], wanted.positions)
    torch.testing.assert_close(found.gains[:, :29], wanted.gains, rtol=1e-4, atol=1e-5)
    assert found.positions[0, 29] == 11
    assert bool(found.gains[0, 29].isnan())


def test_precomputed(backend: str) -> None:
    """An entry on the diagonal that no sum could hold."""
    features = pool()
    matrix = features @ features.T
    matrix[4, 4] = 3e38
    found = greedy_logdet(matrix, torch.arange(30).unsqueeze(0), 30, similarity="precomputed", backend=backend)
    assert found.positions[0, 29] == 4
    assert found.gains[0].isnan().tolist() == [False] * 29 + [True]


def test_maxvol(backend: str) -> None:
    features = pool()
    features[5, 1] = 3e38
    found = maxvol(features, torch.arange(30).unsqueeze(0), 4, backend=backend)
    wanted = maxvol(features, torch.tensor([[*range(5), -1, *range(6, 30)]]), 4, backend=backend)
    assert torch.equal(found.positions, wanted.positions)
    assert torch.equal(found.gains, wanted.gains)
    few = maxvol(features, torch.tensor([[5, 9]]), 2, backend=backend)
    assert few.positions.tolist() == [[1, 0]]
    assert few.gains.isnan().tolist() == [[False, True]]


def test_values_that_are_not_finite_spoil_the_candidate(backend: str) -> None:
    """Unlike those that are large; also in a row that would be set aside."""
    features = pool()
    features[3] = 1e30
    features[3, 2] = torch.nan
    for method in METHODS.values():
        found = method(features, torch.tensor([[1, 2, 3, 4], [1, 2, 5, 4]]), 2, backend=backend)
        assert found.positions[0].tolist() == [-1, -1]
        assert bool(found.gains[0].isnan().all())
        assert bool((found.positions[1] >= 0).all())


def test_float64_holds_more() -> None:
    features = pool().double()
    features[3] = 1e30
    found = k_center(features, torch.arange(30).unsqueeze(0), 2, backend="reference")
    assert found.positions[0].tolist() == [0, 3]
    assert k_center(features, torch.arange(30).unsqueeze(0), 2).positions[0].tolist() == [0, 3]


@pytest.mark.parametrize("method", ["k_center", "logdet", "maxvol"])
def test_a_pool_of_200_000_rows(cpu: str, method: str) -> None:
    """Memory grows with rows and columns, never with pairs of rows."""
    features = pool(200_000, 8)
    features[123_456] = 40.0
    candidates = torch.arange(200_000).unsqueeze(0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {"k_center": k_center, "logdet": greedy_logdet, "maxvol": maxvol}[method](features, candidates, 8)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before  # KiB
    assert len(set(found.positions[0].tolist())) == 8
    assert 123_456 in found.positions[0, :2].tolist() or method == "maxvol"
    assert grown < 200_000 * 8 * 4 * 12 / 1024, grown
