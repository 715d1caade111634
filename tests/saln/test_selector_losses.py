"""The methods that read losses, against their rules on fixed losses: RHO-LOSS, Selective-Backprop, InfoBatch."""

import math
from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saln.selectors import InfoBatch, RHOLoss, SelectiveBackprop
from saln.selectors.infobatch import kept_of_each
from saln.selectors.selective_backprop import percentile_logits
from saln.selectors.support.schedule import Schedule
from selector_cases import assert_drawn_with, by_losses, every_set, generator


def test_rho_loss_keeps_the_largest_differences_ties_by_row():
    losses = torch.tensor([1.0, 5.0, 2.0, 4.0, 0.5, 4.0])
    reference = torch.tensor([0.5, 4.9, 0.1, 1.0, 0.7, 1.0])  # differences .5 .1 1.9 3 -.2 3
    chosen = [RHOLoss().select(by_losses(losses, reference), size).tolist() for size in range(6)]
    assert chosen == [[], [3], [3, 5], [3, 5, 2], [3, 5, 2, 0], [3, 5, 2, 0, 1]]


def test_rho_loss_keeps_a_tenth_of_320():
    source = generator(0)
    losses, reference = torch.rand(320, generator=source), torch.rand(320, generator=source)
    rows = RHOLoss().select(by_losses(losses, reference), 32)
    difference = losses.double() - reference.double()
    assert set(rows.tolist()) == set(np.argsort(-difference.numpy())[:32].tolist())


def test_rho_loss_with_a_temperature_draws():
    difference = torch.tensor([0.0, 1.0, -1.0, 0.5], dtype=torch.float64)
    weights = (difference / 0.7).exp()
    probabilities = {(row,): float(weights[row] / weights.sum()) for row in range(4)}
    # The schedule is 0.7 at the progress set.
    selector, source = RHOLoss(temperature=Schedule(0.2, 1.2)), generator(0)
    selector.progress = 0.5
    super_batch = by_losses(difference, torch.zeros(4, dtype=torch.float64))
    assert_drawn_with(probabilities, lambda: selector.select(super_batch, 1, generator=source), 3000)


def composer_probabilities(losses: np.ndarray, size: int) -> np.ndarray:
    """The rule of MosaicML's Composer, for each sample."""
    n = len(losses)
    powers = ((np.arange(n) + 0.5) / n) ** (n / size - 1)
    of_sample = np.empty(n)
    of_sample[np.argsort(losses, kind="stable")] = powers / powers.sum()
    return of_sample


@pytest.mark.parametrize("size", [2, 5, 9])
def test_selective_backprop_has_composer_s_probabilities(size):
    losses = torch.tensor([3.0, 0.1, 7.0, 2.0, 2.0, 0.4, 9.0, 1.0, 0.2, 5.0])
    ours = percentile_logits(losses, size / 10).exp().numpy()
    np.testing.assert_allclose(ours / ours.sum(), composer_probabilities(losses.numpy(), size), rtol=1e-12)


def test_selective_backprop_draws_without_replacement_by_them():
    losses = torch.tensor([3.0, 0.1, 7.0, 2.0])
    weights = composer_probabilities(losses.numpy(), 2)
    orders = {(a, b): float(weights[a] * weights[b] / (1 - weights[a])) for a, b in permutations(range(4), 2)}
    selector, source = SelectiveBackprop(), generator(0)
    assert_drawn_with(orders, lambda: selector.select(by_losses(losses), 2, generator=source), 4000, sets=False)


def test_selective_backprop_starts_ends_and_interrupts():
    """Where it selects, the row of highest percentile comes nearly always: 1 of 50, power 49."""
    super_batch = by_losses(torch.arange(50.0))

    def selects(selector: SelectiveBackprop, progress: float) -> list[bool]:
        selector.progress = progress
        source = generator(1)
        return [int(selector.select(super_batch, 1, generator=source)) >= 45 for _ in range(4)]

    assert selects(SelectiveBackprop(start=0.5, end=0.9), 0.49) != [True] * 4
    assert selects(SelectiveBackprop(start=0.5, end=0.9), 0.5) == [True] * 4
    assert selects(SelectiveBackprop(start=0.5, end=0.9), 0.9) != [True] * 4
    assert selects(SelectiveBackprop(), 1.0) == [True] * 4
    every_second = SelectiveBackprop(interrupt=2)
    source = generator(3)
    rows = torch.cat([every_second.select(super_batch, 1, generator=source) for _ in range(200)])
    assert (rows[0::2] >= 40).all()
    assert 15 < rows[1::2].double().mean() < 34  # uniform: 24.5, standard error 1.4
    with pytest.raises(ValueError, match=r"start is 0.9, want less than end, 0.5"):
        SelectiveBackprop(start=0.9, end=0.5)


def test_infobatch_is_the_paper_s_rule_where_the_size_is_the_paper_s():
    """2 above the mean, 8 below, r = 1/2: 6 kept, weights 1 to 2."""
    losses = torch.tensor([0.1] * 8 + [2.0] * 2)
    infobatch, source = InfoBatch(), generator(0)
    for _ in range(20):
        rows = infobatch.select(by_losses(losses), 6, generator=source)
        assert set(rows[:2].tolist()) == {8, 9}
        weights = infobatch.last_report.weights
        assert torch.allclose(weights, torch.tensor([0.6, 0.6, 1.2, 1.2, 1.2, 1.2]))
    probabilities = {each: 1 / 70 for each in every_set(8, 4)}
    assert_drawn_with(probabilities, lambda: infobatch.select(by_losses(losses), 6, generator=source)[2:], 4000)


@pytest.mark.parametrize(("size", "ratio"), [(2, 0.5), (5, 0.5), (8, 0.9), (11, 0.3), (12, 0.5)])
def test_infobatch_weighs_without_bias(size, ratio):
    """Exactly: the expectation is that of two strata, drawn from uniformly."""
    losses = torch.rand(12, generator=generator(1), dtype=torch.float64) ** 3
    values = torch.rand(12, generator=generator(2), dtype=torch.float64)
    infobatch = InfoBatch(ratio=ratio)
    rows = infobatch.select(by_losses(losses), size, generator=generator(3))
    easy = losses < losses.mean()
    expected = 0.0
    for stratum in (easy, ~easy):
        inside = stratum[rows]
        weight = infobatch.last_report.weights[inside]
        assert len(weight.unique()) == 1
        expected += float(weight.sum() * values[stratum].mean() / size)
    assert expected == pytest.approx(float(values.mean()), rel=1e-9)


def test_infobatch_draws_the_side_of_a_single_place():
    """2 above the mean, 8 below, r = 1/2: rates 1 to 1/2, so 1/6 for each of the 2 and 1/12 for each of the 8."""
    losses = torch.tensor([0.1] * 8 + [2.0] * 2, dtype=torch.float64)
    infobatch, source, weight_of = InfoBatch(), generator(0), {}

    def draw():
        rows = infobatch.select(by_losses(losses), 1, generator=source)
        weight_of[int(rows)] = float(infobatch.last_report.weights)
        return rows

    probabilities = {(row,): 1 / 6 if row >= 8 else 1 / 12 for row in range(10)}
    assert_drawn_with(probabilities, draw, 4000)
    expected = sum(probability * weight_of[row] * float(losses[row]) for (row,), probability in probabilities.items())
    assert expected == pytest.approx(float(losses.mean()), rel=1e-9)


def test_infobatch_prunes_nothing_by_score_once_delta_is_over():
    losses = torch.tensor([0.0, 0.0, 0.0, 9.0])
    infobatch, source = InfoBatch(ratio=0.99), generator(0)
    infobatch.progress = 0.875
    assert_drawn_with(
        {(row,): 0.25 for row in range(4)}, lambda: infobatch.select(by_losses(losses), 1, generator=source), 2000
    )
    assert infobatch.last_report.weights.tolist() == [1]


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 60), st.floats(0, 0.99))
@settings(deadline=None, max_examples=200)
def test_infobatch_keeps_possible_numbers(n_easy, n_hard, size, ratio):
    if not 1 <= size <= n_easy + n_hard:
        return
    easy, hard = kept_of_each(n_easy, n_hard, size, ratio)
    assert easy + hard == size
    assert 0 <= easy <= n_easy
    assert 0 <= hard <= n_hard
    if size > 1:
        assert easy >= min(1, n_easy)
        assert hard >= min(1, n_hard)
    exact = n_hard + (1 - ratio) * n_easy
    if math.isclose(exact, size):
        assert hard == n_hard
