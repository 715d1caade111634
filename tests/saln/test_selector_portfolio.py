"""Curriculum windows, and the portfolio's bandit."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saln import SpectralBatchSampler, SuperBatch, make_selector
from saln.selectors import Curriculum, Herding, KCenter, Portfolio, SelectiveBackprop
from saln.selectors.curriculum import window
from saln.selectors.support.schedule import Schedule
from selector_cases import assert_drawn_with, by_losses, cloud, every_set, generator


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 50), st.data())
@settings(deadline=None, max_examples=200)
def test_windows_lie_within_the_ranks_and_hold_the_size(one, other, m, data):
    low, high = sorted((one, other))
    size = data.draw(st.integers(0, m))
    first, last = window(low, high, m, size)
    assert 0 <= first <= last <= m
    assert last - first >= size
    assert first <= low * m
    assert last >= min(high * m, m) - 1e-9 or last == m


def test_a_curriculum_draws_within_its_window_which_moves():
    losses = torch.tensor([3.0, 0.0, 5.0, 1.0, 4.0, 2.0])
    curriculum = Curriculum(low=Schedule(0.0, 0.5), high=Schedule(0.5, 1.0))
    source = generator(0)
    for progress, inside in ((0.0, [0, 1, 2]), (0.5, [1, 2, 3, 4]), (1.0, [3, 4, 5])):
        curriculum.progress = progress
        rows = [int((losses == loss).nonzero()) for loss in inside]
        sets = [each for each in every_set(6, 2) if set(each) <= set(rows)]
        assert_drawn_with(
            {each: 1 / len(sets) for each in sets},
            lambda: curriculum.select(by_losses(losses), 2, generator=source),
            1200,
        )


@pytest.mark.parametrize("difficulty", ["losses", "reference_losses", "learnability"])
def test_difficulty_is_what_was_asked_for_and_the_method_chooses_inside(difficulty):
    source = generator(0)
    losses, reference = torch.rand(30, generator=source), torch.rand(30, generator=source)
    super_batch = SuperBatch(cloud(30, 4, 0), losses=losses, reference_losses=reference)
    value = {"losses": losses, "reference_losses": reference, "learnability": losses - reference}[difficulty]
    inside = value.argsort()[:15].sort().values
    rows = Curriculum("herding", difficulty=difficulty, low=0.0, high=0.5).select(super_batch, 5)
    assert rows.tolist() == inside[Herding().select(super_batch.take(inside), 5)].tolist()


def test_a_window_upside_down_is_named():
    curriculum = Curriculum(low=Schedule(0.0, 1.0), high=0.5)
    curriculum.progress = 0.75
    with pytest.raises(ValueError, match=r"low is 0.75 at progress 0.75, want at most high, 0.5"):
        curriculum.select(by_losses(torch.arange(4.0)), 2)


def run(portfolio: Portfolio, rewards: dict[str, float], steps: int, noise: float = 0.0) -> dict[str, int]:
    super_batch, source = SuperBatch(cloud(12, 3, 0)), generator(0)
    before = dict(portfolio.counts)
    for _ in range(steps):
        portfolio.select(super_batch, 3, generator=source)
        portfolio.update(rewards[portfolio.last_arm] + noise * float(torch.randn((), generator=source)))
    return {name: portfolio.counts[name] - before[name] for name in before}


def test_the_bandit_finds_the_arm_that_pays_and_keeps_exploring():
    portfolio = Portfolio(["herding", "k_center"], reward="probe", explore=0.3)
    assert portfolio.arms == ("uniform", "herding", "k_center")
    assert portfolio.probabilities() == pytest.approx(dict.fromkeys(portfolio.arms, 1 / 3))
    times = run(portfolio, {"uniform": 0.0, "herding": 0.02, "k_center": -0.02}, 600, noise=0.02)
    assert times["herding"] > 0.6 * 600
    assert min(times.values()) > 0.3 / 3 * 600 / 2
    assert min(portfolio.probabilities().values()) >= 0.1 - 1e-12


def test_the_bandit_follows_when_another_arm_begins_to_pay():
    portfolio = Portfolio(["herding"], reward="probe", discount=0.95)
    run(portfolio, {"uniform": 0.0, "herding": 1.0}, 150)
    assert portfolio.probabilities()["herding"] > 0.7
    run(portfolio, {"uniform": 1.0, "herding": 0.0}, 150)
    assert portfolio.probabilities()["uniform"] > 0.7


def test_the_probabilities_are_their_formula():
    portfolio = Portfolio(["herding"], reward="probe", explore=0.2, temperature=0.7, discount=0.5)
    super_batch, source, history = SuperBatch(cloud(12, 3, 0)), generator(2), []
    for step in range(6):
        portfolio.select(super_batch, 3, generator=source)
        history.append((portfolio.last_arm, math.sin(step)))
        portfolio.update(math.sin(step))
    weights = [0.5 ** (5 - step) for step in range(6)]
    total = sum(weights)
    mean = sum(w * r for w, (_, r) in zip(weights, history, strict=True)) / total
    spread = math.sqrt(sum(w * (r - mean) ** 2 for w, (_, r) in zip(weights, history, strict=True)) / total)
    powers = {}
    for arm in ("uniform", "herding"):
        mine = [(w, r) for w, (name, r) in zip(weights, history, strict=True) if name == arm]
        assert mine
        value = sum(w * r for w, r in mine) / sum(w for w, _ in mine)
        powers[arm] = math.exp((value - mean) / spread / 0.7)
    expected = {arm: 0.1 + 0.8 * power / sum(powers.values()) for arm, power in powers.items()}
    assert portfolio.probabilities() == pytest.approx(expected, rel=1e-6)


def test_arms_are_drawn_by_their_probabilities_and_choose():
    portfolio = Portfolio([KCenter(), Herding()], reward="none")
    super_batch, source = SuperBatch(cloud(20, 3, 0)), generator(0)
    for _ in range(900):
        rows = portfolio.select(super_batch, 4, generator=source)
        if portfolio.last_arm == "k_center":
            assert torch.equal(rows, KCenter().select(super_batch, 4))
        if portfolio.last_arm == "herding":
            assert torch.equal(rows, Herding().select(super_batch, 4))
    statistic = sum((count - 300) ** 2 / 300 for count in portfolio.counts.values())
    assert statistic < 13.8  # 0.999 quantile, 2 degrees of freedom


def test_super_batches_themselves_reward():
    """The loss falls after herding, and only then."""
    portfolio = Portfolio(["herding"], explore=0.2)
    source, level = generator(0), 1.0
    for _ in range(300):
        hard = torch.rand(20, generator=source)  # how hard the samples happen to be, which the reference knows
        super_batch = SuperBatch(cloud(20, 3, 0), losses=level + hard, reference_losses=hard, residuals=cloud(20, 2, 1))
        portfolio.select(super_batch, 4, generator=source)
        level *= 0.99 if portfolio.last_arm == "herding" else 1.0
    assert portfolio.probabilities()["herding"] > 0.75


def test_the_weights_of_the_arm_are_passed_on():
    portfolio = Portfolio(["infobatch"], reward="none")
    super_batch = SuperBatch(cloud(20, 3, 0), losses=torch.rand(20, generator=generator(0)) ** 3)
    weighted = 0
    for seed in range(20):
        portfolio.select(super_batch, 6, generator=generator(seed))
        assert (portfolio.last_report.weights is not None) == (portfolio.last_arm == "infobatch")
        weighted += portfolio.last_report.weights is not None
    assert 0 < weighted < 20
    curriculum = Curriculum("infobatch", low=0.0, high=1.0)
    curriculum.select(super_batch, 6, generator=generator(0))
    assert torch.equal(curriculum.last_report.weights, curriculum.method.last_report.weights)
    assert [each.gives_weights for each in (portfolio, curriculum, Curriculum())] == [True, True, False]


def test_rewards_out_of_turn_are_named():
    super_batch = SuperBatch(cloud(9, 3, 0), losses=torch.rand(9))
    portfolio = Portfolio(["herding"], reward="probe")
    with pytest.raises(ValueError, match="without a batch to reward"):
        portfolio.update(1.0)
    portfolio.select(super_batch, 2)
    portfolio.update(math.nan)
    assert portfolio.probabilities() == {"uniform": 0.5, "herding": 0.5}
    with pytest.raises(ValueError, match="without a batch to reward"):
        portfolio.update(1.0)
    other = Portfolio(["herding"])
    other.select(super_batch, 2)
    with pytest.raises(ValueError, match="reward is 'super_batch', want 'probe'"):
        other.update(1.0)
    with pytest.raises(ValueError, match="arms are uniform, herding, herding, want none twice"):
        Portfolio(["herding", "herding"])
    with pytest.raises(ValueError, match="portfolio needs losses"):
        Portfolio(["herding", SelectiveBackprop()], reward="none").select(SuperBatch(cloud(9, 3, 0)), 2)
    with pytest.raises(ValueError, match="the state has the arms uniform, herding, want uniform, k_center"):
        Portfolio(["k_center"]).load_state_dict(portfolio.state_dict())


@pytest.mark.parametrize("text", ["portfolio:reward=probe", "guard:floor=0:portfolio:reward=probe"])
def test_batches_cannot_be_chosen_before_the_last_one_is_rewarded_bare_or_wrapped(text):
    features = cloud(40, 3, 0)
    with pytest.raises(ValueError, match=r"ahead is 1, want 0: .* is to be told what each batch was worth"):
        SpectralBatchSampler(features, 4, selector=make_selector(text), ahead=1)
