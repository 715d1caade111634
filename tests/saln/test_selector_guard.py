"""The guard: floors, caps, uniform share and weights, each intervention counted."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saln import SuperBatch, make_selector
from saln.selectors import Guard, InfoBatch, RHOLoss
from saln.selectors.guard import cover, floors
from selector_cases import by_losses, cloud, generator


def hardest(losses: torch.Tensor, **fields: torch.Tensor) -> SuperBatch:
    """Of which RHO-LOSS keeps the largest losses."""
    return SuperBatch(torch.zeros(len(losses), 1), losses=losses, reference_losses=torch.zeros_like(losses), **fields)


def test_without_interventions_it_is_the_method():
    super_batch = hardest(torch.rand(30, generator=generator(0)), labels=torch.zeros(30, dtype=torch.int64))
    guard = Guard("rho_loss")
    rows = guard.select(super_batch, 7)
    assert torch.equal(rows, RHOLoss().select(super_batch, 7))
    assert not any(guard.interventions.values())
    assert guard.n_batches == 1
    assert guard.last_report.weights is None


def test_floors_are_held_with_as_few_swaps_as_possible():
    labels = torch.tensor([0] * 20 + [1] * 10 + [2] * 10)
    super_batch = hardest(torch.arange(40.0).flip(0), labels=labels)  # the method wants rows 0 to 9
    guard = Guard("rho_loss", floor=0.8, min_count=2)
    rows = guard.select(super_batch, 10, generator=generator(0))
    # Proportional 5, 2.5, 2.5; 0.8 of it, rounded down, 4, 2, 2; so four of the method's last give way.
    assert rows[:6].tolist() == [0, 1, 2, 3, 4, 5]
    assert torch.bincount(labels[rows]).tolist() == [6, 2, 2]
    assert guard.interventions["rows_covered"] == guard.last_report.interventions["rows_covered"] == 4
    guard.select(super_batch, 10, generator=generator(1))
    assert guard.interventions["rows_covered"] == 8
    assert guard.last_report.interventions["rows_covered"] == 4


def test_rows_that_come_in_for_a_floor_are_drawn_uniformly():
    labels = torch.tensor([0] * 4 + [1] * 4)
    super_batch = hardest(torch.arange(8.0).flip(0), labels=labels)
    guard, source, times = Guard("rho_loss", floor=0.5), generator(0), torch.zeros(8)
    for _ in range(1200):
        times[guard.select(super_batch, 4, generator=source)] += 1
    assert times[:3].tolist() == [1200] * 3
    assert times[3] == 0
    assert float(((times[4:] - 300) ** 2 / 300).sum()) < 16.3  # 0.999 quantile, 3 degrees of freedom


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.floats(0, 1), st.integers(0, 4), st.data())
@settings(deadline=None, max_examples=200)
def test_covered_batches_have_their_floors_and_their_size(labels, floor, min_count, data):
    _, groups, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    size = data.draw(st.integers(1, len(labels)))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    chosen = rng.permutation(len(labels))[:size]
    needed, lowered = floors(sizes, size, floor, min_count)
    assert needed.sum() <= size
    assert (needed <= sizes).all()
    wanted = np.minimum(np.maximum(np.floor(floor * size * sizes / len(labels) + 1e-9), min_count), sizes)
    assert lowered == (needed < wanted).sum()
    assert (lowered > 0) == (wanted.sum() > size)
    covered, _ = cover(groups, chosen, floor, min_count, rng.random(len(labels)))
    assert len(set(covered.tolist())) == size
    have = np.bincount(groups[covered], minlength=len(sizes))
    assert (have >= needed).all()
    before = np.bincount(groups[chosen], minlength=len(sizes))
    assert len(set(covered.tolist()) - set(chosen.tolist())) == np.maximum(needed - before, 0).sum()


def test_floors_that_cannot_be_held_are_lowered_and_counted():
    labels = torch.arange(6)
    guard = Guard("rho_loss", floor=0.0, min_count=1)
    rows = guard.select(hardest(torch.arange(6.0), labels=labels), 4)
    assert len(rows) == 4
    assert guard.interventions["floors_lowered"] == 2


def test_a_sample_is_served_no_more_often_than_the_cap_allows():
    indices = torch.arange(1000, 1020)
    super_batch = hardest(torch.arange(20.0).flip(0), indices=indices)
    guard = Guard("rho_loss", floor=0.0, max_reuse=2)
    batches = [guard.select(super_batch, 6).tolist() for _ in range(6)]
    first, second = list(range(6)), list(range(6, 12))
    assert batches[:4] == [first, first, second, second]
    assert batches[4] == list(range(12, 18))
    assert guard.interventions["rows_capped"] == 0 + 0 + 6 + 6 + 12 + 12
    assert guard.interventions["caps_lifted"] == 0
    # In the seventh, the last two rows alone are left: the least used come back, lower rows first.
    assert guard.select(super_batch, 6).tolist() == [0, 1, 2, 3, 18, 19]
    assert guard.interventions["caps_lifted"] == 4
    guard.start_epoch()
    assert guard.select(super_batch, 6).tolist() == first


def test_the_cap_goes_by_the_dataset_s_indices():
    losses = torch.arange(4.0).flip(0)
    guard = Guard("rho_loss", floor=0.0, max_reuse=1)
    assert guard.select(hardest(losses, indices=torch.tensor([7, 3, 5, 1])), 2).tolist() == [0, 1]
    assert guard.select(hardest(losses, indices=torch.tensor([3, 9, 7, 8])), 2).tolist() == [1, 3]
    with pytest.raises(ValueError, match="guard needs indices"):
        guard.select(hardest(losses), 2)


def test_a_share_of_batches_is_uniform():
    super_batch = hardest(torch.arange(20.0).flip(0))
    guard, source = Guard("rho_loss", floor=0.0, epsilon=0.3), generator(0)
    uniform = sum(set(guard.select(super_batch, 3, generator=source).tolist()) != {0, 1, 2} for _ in range(1000))
    counted = guard.interventions["uniform_batches"]
    assert abs(counted - 300) < 4 * (1000 * 0.3 * 0.7) ** 0.5
    assert counted >= uniform > 0.97 * counted  # one uniform batch in 1140 is the method's by chance


@pytest.mark.parametrize("epsilon", [0.1, 0.7, 1.0])
def test_the_weights_make_the_weighted_mean_unbiased(epsilon):
    """Exactly: over the coin and the uniform row, for batches of one of four rows."""
    values = torch.tensor([5.0, 1.0, 2.0, 7.0], dtype=torch.float64)
    super_batch = hardest(torch.tensor([9.0, 1.0, 1.0, 1.0]))
    guard, source = Guard("rho_loss", floor=0.0, epsilon=epsilon), generator(0)
    weight: dict[int, float] = {}
    for _ in range(300):
        row = int(guard.select(super_batch, 1, generator=source))
        weight[row] = float(guard.last_report.weights)
    probability = {0: epsilon / 4 + 1 - epsilon, 1: epsilon / 4, 2: epsilon / 4, 3: epsilon / 4}
    assert set(weight) == set(probability)
    expected = sum(probability[row] * weight[row] * float(values[row]) for row in range(4))
    assert expected == pytest.approx(float(values.mean()), rel=1e-6)
    assert weight[1] == pytest.approx(1 / epsilon, rel=1e-6)


def test_a_method_s_own_weights_are_kept_unless_its_batch_was_changed():
    losses = torch.tensor([0.1] * 8 + [2.0] * 2)
    guard = Guard(InfoBatch(), floor=0.0)
    guard.select(by_losses(losses), 6, generator=generator(0))
    assert torch.equal(guard.last_report.weights, guard.method.last_report.weights)
    labels = torch.tensor([0] * 9 + [1])
    super_batch = SuperBatch(torch.zeros(10, 1), losses=torch.tensor([0.1] * 7 + [2.0, 2.0, 0.1]), labels=labels)
    guard, changed = Guard(InfoBatch(), floor=0.0, min_count=1), 0
    for seed in range(20):
        guard.select(super_batch, 4, generator=generator(seed))
        covered = guard.last_report.interventions["rows_covered"]
        changed += covered
        assert (guard.last_report.weights is None) == (covered == 1)
    assert 0 < changed < 20


def test_it_is_made_by_name_around_any_method():
    guard = make_selector("guard:jest", min_count=1)
    assert guard.method.name == "jest"
    assert set(guard.needs) == {"labels", "losses", "reference_losses"}
    nested = make_selector("guard:guard:herding", floor=0.0)
    assert nested.method.method.name == "herding"
    assert nested.needs == ("labels", "features")
    with pytest.raises(ValueError, match="no selector is called 'jets'"):
        make_selector("guard:jets")
    with pytest.raises(TypeError, match="method"):
        make_selector("herding:guard")
    with pytest.raises(ValueError, match="guard needs labels"):
        make_selector("guard:uniform").select(SuperBatch(cloud(5, 2, 0)), 2)


@pytest.mark.parametrize("options", [{"floor": 1.5}, {"epsilon": -0.1}, {"min_count": -1}, {"max_reuse": 0}])
def test_options_out_of_range_are_named(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} is "):
        Guard("uniform", **options)
