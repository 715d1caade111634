"""Core-sets against brute force and other libraries: k-center, herding, facility location, DivBS, GRAFT."""

from itertools import combinations

import numpy as np
import pytest
import torch

from saln import SuperBatch
from saln.selectors import GRAFT, DivBS, FacilityLocation, Herding, KCenter
from saln.selectors.facility_location import greedy_facility_location
from selector_cases import assert_drawn_with, cloud, generator


def unit(x: torch.Tensor) -> torch.Tensor:
    return x / x.norm(dim=1, keepdim=True)


def farthest_first(x: torch.Tensor, size: int, start: int) -> list[int]:
    distances = torch.cdist(x, x)
    chosen = [start]
    while len(chosen) < size:
        nearest = distances[:, chosen].min(dim=1).values
        nearest[chosen] = -1
        chosen.append(int(nearest.argmax()))
    return chosen


@pytest.mark.parametrize("similarity", ["linear", "cosine"])
@pytest.mark.parametrize("seed", range(4))
def test_k_center_is_the_greedy_of_brute_force(similarity, seed):
    x = cloud(40, 5, seed)
    points = unit(x) if similarity == "cosine" else x
    start = int((points - points.mean(dim=0)).norm(dim=1).argmin())
    rows = KCenter(similarity=similarity).select(SuperBatch(x), 12)
    assert rows.tolist() == farthest_first(points, 12, start)
    drawn = KCenter(similarity=similarity, start="random").select(SuperBatch(x), 12, generator=generator(seed))
    assert drawn.tolist() == farthest_first(points, 12, int(drawn[0]))


def test_k_center_starts_anywhere():
    source = generator(0)
    selector = KCenter(start="random")
    super_batch = SuperBatch(cloud(5, 2, 0))
    assert_drawn_with(
        {(row,): 0.2 for row in range(5)}, lambda: selector.select(super_batch, 1, generator=source), 1500
    )


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [2, 3, 4])
def test_k_center_is_within_twice_the_best_radius(seed, size):
    x = cloud(10, 2, seed)
    distances = torch.cdist(x, x)

    def radius(rows: list[int]) -> float:
        return float(distances[:, rows].min(dim=1).values.max())

    best = min(radius(list(rows)) for rows in combinations(range(10), size))
    assert radius(KCenter().select(SuperBatch(x), size).tolist()) <= 2 * best


@pytest.mark.parametrize("similarity", ["linear", "cosine"])
@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_herding_is_the_brute_force_argmin(similarity, offset):
    x = cloud(25, 4, 3) + offset
    points = unit(x) if similarity == "cosine" else x
    mean = points.mean(dim=0)
    chosen: list[int] = []
    for _ in range(10):
        errors = [
            np.inf if row in chosen else float((points[[*chosen, row]].mean(dim=0) - mean).norm()) for row in range(25)
        ]
        chosen.append(int(np.argmin(errors)))
    assert Herding(similarity=similarity).select(SuperBatch(x), 10).tolist() == chosen


def test_herding_comes_closer_to_the_mean_than_random_rows():
    """Which the argmax in place of the argmin does not."""
    x = cloud(200, 8, 0)
    source = generator(0)

    def error(rows: torch.Tensor) -> float:
        return float((x[rows].mean(dim=0) - x.mean(dim=0)).norm())

    of_random = min(error(torch.randperm(200, generator=source)[:20]) for _ in range(200))
    assert error(Herding().select(SuperBatch(x), 20)) < of_random


def cosine(x: torch.Tensor) -> torch.Tensor:
    return (unit(x) @ unit(x).T).clamp_min(0)


@pytest.mark.parametrize("seed", range(3))
def test_facility_location_is_submodlib_s_greedy(seed, capfd):
    submodlib = pytest.importorskip("submodlib")  # here, since it takes seconds

    x = cloud(40, 6, seed)
    similarity = cosine(x)
    function = submodlib.FacilityLocationFunction(n=40, mode="dense", sijs=similarity.numpy(), separate_rep=False)
    theirs = function.maximize(budget=15, optimizer="NaiveGreedy", show_progress=False)
    assert FacilityLocation().select(SuperBatch(x), 15).tolist() == [row for row, _ in theirs]


@pytest.mark.parametrize("size", [2, 3, 5])
def test_facility_location_is_within_the_bound_of_brute_force(size):
    for seed in range(5):
        similarity = cosine(cloud(11, 3, seed))

        def value(rows: list[int], similarity: torch.Tensor = similarity) -> float:
            return float(similarity[:, rows].max(dim=1).values.sum())

        best = max(value(list(rows)) for rows in combinations(range(11), size))
        assert value(greedy_facility_location(similarity, size)[0].tolist()) >= (1 - np.exp(-1)) * best


def orthogonalised_greedy(gradients: torch.Tensor, size: int) -> list[int]:
    """DivBS on the gradients themselves."""
    residual, basis, chosen = gradients.mean(dim=0), [], []
    for _ in range(size):
        weight = (gradients @ residual).abs()
        weight[chosen] = -1
        best = int(weight.argmax())
        direction = gradients[best].clone()
        for each in basis:
            direction -= (direction @ each) * each
        direction /= direction.norm()
        basis.append(direction)
        residual = residual - (residual @ direction) * direction
        chosen.append(best)
    return chosen


def with_gradients(rows: int, seed: int) -> tuple[SuperBatch, torch.Tensor]:
    x, residuals = cloud(rows, 6, seed), cloud(rows, 4, seed + 100)
    return SuperBatch(x, residuals=residuals), (residuals.unsqueeze(2) * x.unsqueeze(1)).flatten(1)


@pytest.mark.parametrize("seed", range(4))
def test_divbs_is_its_rule_on_the_gradients_themselves(seed):
    super_batch, gradients = with_gradients(40, seed)
    assert DivBS().select(super_batch, 12).tolist() == orthogonalised_greedy(gradients, 12)


def test_divbs_holds_more_of_the_mean_gradient_than_random_batches():
    super_batch, gradients = with_gradients(60, 0)

    def held(rows: torch.Tensor) -> float:
        basis = torch.linalg.qr(gradients[rows].T).Q
        return float((basis.T @ gradients.mean(dim=0)).norm())

    source = generator(0)
    best_random = max(held(torch.randperm(60, generator=source)[:8]) for _ in range(100))
    assert held(DivBS().select(super_batch, 8)) > best_random


def test_divbs_draws_in_proportion_to_the_inner_products():
    x = cloud(5, 3, 1)
    weights = (x @ x.mean(dim=0)).abs()
    first = {(row,): float(weights[row] / weights.sum()) for row in range(5)}
    selector, source = DivBS(similarity="linear", choice="draw"), generator(0)
    assert_drawn_with(first, lambda: selector.select(SuperBatch(x), 2, generator=source)[:1], 3000)


def test_divbs_is_uniform_once_the_mean_is_spanned():
    x = torch.tensor([[4.0, 0.0], [0.0, 2.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    selector, source = DivBS(similarity="linear"), generator(0)
    assert selector.select(SuperBatch(x), 2).tolist() == [0, 1]
    assert_drawn_with(
        {(row,): 0.25 for row in range(2, 6)},
        lambda: selector.select(SuperBatch(x), 3, generator=source)[2:],
        1500,
    )


def volume(x: torch.Tensor, rows: list[int]) -> float:
    return float(torch.linalg.slogdet(x[rows]).logabsdet)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("size", [2, 3, 4])
def test_graft_s_volume_is_near_that_of_brute_force(seed, size):
    """Swaps stop at a factor of 1.05 each, a volume within (1.05 √size)^size of the best (Goreinov et al. 2010)."""
    x = cloud(11, 6, seed)
    leading = torch.linalg.svd(x, full_matrices=False).U[:, :size]
    found = volume(leading, GRAFT().select(SuperBatch(x), size).tolist())
    volumes = [volume(leading, list(rows)) for rows in combinations(range(11), size)]
    assert found >= max(volumes) - size * np.log(1.05 * np.sqrt(size))
    # A local maximum, up to the factor, under every single swap.
    assert np.mean(np.array(volumes) > found + 1e-9) < 0.1


def test_graft_beyond_the_rank_goes_on_among_the_rows_left():
    x = cloud(12, 3, 0)
    rows = GRAFT().select(SuperBatch(x), 8).tolist()
    leading = torch.linalg.svd(x, full_matrices=False).U
    left = [row for row in range(12) if row not in rows[:3]]
    again = GRAFT(rank=3).select(SuperBatch(x), 3).tolist()
    assert rows[:3] == again
    # The second three are a local maximum of the volume among what the first three left.
    second = volume(leading, rows[3:6])
    for place in range(3, 6):
        for row in left:
            swapped = [row if n == place else rows[n] for n in range(3, 6)]
            if len(set(swapped)) == 3:
                assert volume(leading, swapped) <= second + np.log(1.05) + 1e-9
