"""Methods that compare rows keep what a greedy choice of the definition keeps, with rows chosen before and without."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import saln
from saln.pruning.facility_location import FacilityLocation
from saln.pruning.k_center import KCenter
from saln.pruning.log_det import RIDGE, LogDet
from saln.pruning.pool import Pool

N, WIDTH = 90, 6
ROUNDING = N * torch.finfo(torch.float32).eps
CHOSEN = torch.tensor([40, 3, 77, 12])


def cloud(seed: int) -> Tensor:
    """Rows of many lengths, float64 `[N, WIDTH]`, about a point that is not the origin."""
    source = torch.Generator().manual_seed(seed)
    x = torch.randn(N, WIDTH, generator=source, dtype=torch.float64)
    return x * torch.rand(N, 1, generator=source, dtype=torch.float64) + 0.3


def assert_greedy(kept: list[int], value: Callable[[list[int]], float], start: list[int]) -> None:
    """Each row makes the value of all before it and itself the largest, up to the rounding of a sum over N rows."""
    picked = list(start)
    for row in kept:
        values = {other: value([*picked, other]) for other in range(N) if other not in picked}
        best = max(values, key=lambda other: values[other])
        assert values[row] >= values[best] - ROUNDING * abs(values[best]), (len(picked), row, best)
        picked.append(row)


def unit(x: Tensor) -> Tensor:
    return x / x.norm(dim=1, keepdim=True)


def log_det(x: Tensor) -> Callable[[list[int]], float]:
    similarity = x @ x.T
    noise = RIDGE * float(similarity.diagonal().mean())
    return lambda rows: float(torch.logdet(torch.eye(len(rows), dtype=x.dtype) + similarity[rows][:, rows] / noise))


def served(x: Tensor) -> Callable[[list[int]], float]:
    similarity = (x @ x.T).clamp_min(0)
    return lambda rows: float(similarity[:, rows].amax(dim=1).sum())


def away_from_mean(x: Tensor) -> Callable[[list[int]], float]:
    return lambda rows: -float((x[rows].mean(dim=0) - x.mean(dim=0)).norm())


def farthest(x: Tensor) -> Callable[[list[int]], float]:
    """Of a further row, its distance to the nearest of those before; of the first, its closeness to the mean."""

    def value(rows: list[int]) -> float:
        *before, row = rows
        if not before:
            return -float((x[row] - x.mean(dim=0)).norm())
        return float((x[before] - x[row]).norm(dim=1).amin())

    return value


OBJECTIVES = {
    "logdet": log_det,
    "facility_location": served,
    "herding": away_from_mean,
    "k_center": farthest,
}


@pytest.fixture(params=["one front", "many fronts"])
def fronts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many, so that gains are bounded, renewed in blocks, and picks are refused because of others outside."""
    if request.param == "many fronts":
        for objective in (KCenter, LogDet, FacilityLocation):
            monkeypatch.setattr(objective, "front", 5)
            monkeypatch.setattr(objective, "block", 7)


@pytest.mark.usefixtures("fronts")
@pytest.mark.parametrize("similarity", ["linear", "cosine"])
@pytest.mark.parametrize("chosen", [None, CHOSEN], ids=["nothing chosen", "some chosen"])
@pytest.mark.parametrize("method", list(OBJECTIVES))
def test_it_is_the_greedy_choice(method: str, chosen: Tensor | None, similarity: str) -> None:
    start = [] if chosen is None else chosen.tolist()
    for seed in range(2):
        x = cloud(seed)
        value = OBJECTIVES[method](unit(x) if similarity == "cosine" else x)
        kept = saln.prune(x, keep=20, method=method, chosen=chosen, similarity=similarity).tolist()
        assert len({*kept, *start}) == 20 + len(start)
        assert_greedy(kept, value, start)


def test_rows_that_all_gain_the_same_come_by_number() -> None:
    assert saln.prune(cloud(0), keep=1, method="logdet", similarity="cosine").tolist() == [0]
    around = torch.cat([torch.eye(4), torch.zeros(1, 4), -torch.eye(4)])
    assert saln.prune(around, keep=5, method="k_center", chosen=torch.tensor([4])).tolist() == [0, 1, 2, 3, 5]


@pytest.mark.parametrize("method", list(OBJECTIVES))
def test_after_its_own_choice_it_goes_on(method: str) -> None:
    x = cloud(5)
    whole = saln.prune(x, keep=30, method=method)
    assert torch.equal(saln.prune(x, keep=18, method=method, chosen=whole[:12]), whole[12:])


@pytest.mark.parametrize("method", list(OBJECTIVES))
def test_it_is_the_choice_of_the_selector_of_that_name(method: str) -> None:
    x = cloud(7)
    assert torch.equal(saln.prune(x, keep=25, method=method), saln.select(x, 25, method))


@pytest.mark.parametrize("method", list(OBJECTIVES))
def test_rows_set_aside_count_for_nothing(method: str) -> None:
    x = cloud(2)
    among = torch.arange(N) % 3 != 0
    x[among.nonzero()[0]] = torch.nan
    usable = among & x.isfinite().all(dim=1)
    rows = usable.nonzero().squeeze(1)
    x[~among] = 1e3
    assert torch.equal(
        saln.prune(x, keep=15, method=method, among=among), rows[saln.prune(x[rows], keep=15, method=method)]
    )


@pytest.mark.parametrize("method", list(OBJECTIVES))
def test_copies_of_what_is_kept_come_last(method: str) -> None:
    x = unit(cloud(3))
    doubled = torch.cat([x, x])
    kept = saln.prune(doubled, keep=N if method != "herding" else 2, method=method, similarity="cosine")
    if method == "logdet":  # in few dimensions a copy of a long row may still say more than a new short one
        kept = kept[:WIDTH]
    if method == "facility_location":
        kept = kept[:10]
    assert len((kept % N).unique()) == len(kept)


def test_log_det_of_a_large_pool_is_that_of_its_leading_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saln.pruning.log_det.LARGE", 80)
    monkeypatch.setattr("saln.pruning.log_det.WIDEST", 4)
    x = cloud(1)
    flat = torch.cat([x[:, :4], 1e-4 * x[:, 4:]], dim=1)
    exact = saln.prune(flat[:, :4].clone(), keep=20, method="logdet", similarity="linear")
    assert torch.equal(saln.prune(flat, keep=20, method="logdet", similarity="linear"), exact)
    assert not torch.equal(saln.prune(x, keep=20, method="logdet", similarity="linear"), exact)


def test_facility_location_of_a_large_pool_serves_rows_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saln.pruning.facility_location.SERVED", 60)
    x = unit(cloud(1))
    kept = saln.prune(x, keep=10, method="facility_location")
    value, best = served(x), saln.prune(x, keep=10, method="facility_location", seed=1)
    assert not torch.equal(kept, best)  # other rows are drawn
    random = torch.stack([torch.randperm(N, generator=torch.Generator().manual_seed(k))[:10] for k in range(50)])
    assert value(kept.tolist()) > max(value(rows) for rows in random.tolist())


@pytest.mark.parametrize("method", ["k_center", "logdet"])
def test_features_are_read_in_blocks(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    most = 12
    monkeypatch.setattr("saln.pruning.pool.BLOCK", most)
    for objective in (KCenter, LogDet):
        monkeypatch.setattr(objective, "front", most)
        monkeypatch.setattr(objective, "block", most)
    taken, take = [], Pool.take

    def watched(pool: Pool, rows: Tensor) -> Tensor:
        taken.append(len(rows))
        return take(pool, rows)

    monkeypatch.setattr(Pool, "take", watched)
    x = cloud(4)
    kept = saln.prune(x, keep=40, method=method, chosen=torch.arange(30))
    assert len(kept) == 40
    assert max(taken) <= most
    assert sum(taken) < 40 * N  # and not all of them for every pick


@pytest.mark.parametrize("method", ["k_center", "herding"])
def test_what_all_rows_share_changes_no_distance(method: str) -> None:
    x = cloud(6)
    assert torch.equal(saln.prune(x + 1e6, keep=20, method=method), saln.prune(x, keep=20, method=method))
