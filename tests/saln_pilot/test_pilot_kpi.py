"""Key figures against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from pilot_cases import make_run
from saln.pilot.judging.equal_time import LongerUniform, accuracy_at, time_budgets
from saln.pilot.judging.intervals import geometric_interval, interval
from saln.pilot.judging.kpi import compute_all_kpis, compute_kpis, speed_up, target_accuracy
from saln.pilot.judging.measures import MEASURES, first_reaching, largest_drop
from saln.pilot.judging.significance import holm, paired_test
from saln.pilot.training.trainer import Point

UNIFORM = [
    make_run("uniform", 0, [0.1, 0.5, 0.6, 0.8], 2.0, 0.0),
    make_run("uniform", 1, [0.1, 0.7, 0.6, 0.7], 2.0, 0.0),
]
FAST = [
    make_run("fast", 0, [0.1, 0.8, 0.9, 0.9], 4.0, 0.5, 0.03),
    make_run("fast", 1, [0.1, 0.6, 0.5, 0.9], 4.0, 0.5, 0.03),
]


def test_interval_is_students_and_bootstrap() -> None:
    values = [0.01, 0.03, 0.02, 0.06]
    found = interval(values)
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert found.mean == pytest.approx(0.03)
    assert found.low == pytest.approx(low)
    assert found.high == pytest.approx(high)
    assert found.bootstrap_low is not None
    assert found.bootstrap_high is not None
    assert min(values) <= found.bootstrap_low < found.mean < found.bootstrap_high <= max(values)
    assert interval(values) == found


def test_interval_of_one_seed_claims_nothing() -> None:
    found = interval([0.5])
    assert (found.mean, found.low, found.high, found.n) == (0.5, None, None, 1)
    assert not found.above(0.0)
    assert not found.below(1.0)
    with pytest.raises(ValueError, match="at least one"):
        interval([])


def test_interval_covers_as_promised() -> None:
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(300):
        found = interval(rng.normal(size=5).tolist())
        inside += not (found.above(0.0) or found.below(0.0))
    # Student's t holds 95 % exactly for normal values; three standard errors of 300 draws.
    assert inside / 300 > 0.95 - 3 * math.sqrt(0.95 * 0.05 / 300)


def test_geometric_mean() -> None:
    found = geometric_interval([2.0, 0.5, 4.0])
    assert found.mean == pytest.approx(4.0 ** (1 / 3))
    assert found.low is not None
    assert found.low > 0


def test_curve_figures() -> None:
    curve = UNIFORM[1].curve
    point = first_reaching(curve, 0.65)
    assert point is not None
    assert point.step == 10
    assert first_reaching(curve, 0.71) is None
    assert largest_drop(curve) == pytest.approx(0.1)
    assert largest_drop(UNIFORM[0].curve) == 0.0
    assert accuracy_at(curve, 0.03) == pytest.approx(0.65)
    assert accuracy_at(curve, -1.0) == pytest.approx(0.1)
    assert accuracy_at(curve, 9.0) == pytest.approx(0.7)


def test_kpis_by_hand() -> None:
    assert target_accuracy(UNIFORM) == pytest.approx(0.99 * 0.75)
    kpis = compute_kpis(FAST, UNIFORM, 0.75, batch_size=4)
    assert kpis.final_accuracy == pytest.approx(0.9)
    assert kpis.final_accuracy_sd == pytest.approx(0.0)
    assert kpis.difference is not None
    assert kpis.difference.mean == pytest.approx(0.15)
    assert kpis.target.seeds == 2
    assert kpis.target.steps == pytest.approx((10 + 30) / 2)
    assert kpis.target.samples == pytest.approx(80)
    assert kpis.target.seconds == pytest.approx((0.04 + 0.12) / 2)
    assert kpis.target.seconds_with_setup == pytest.approx((0.07 + 0.15) / 2)
    assert kpis.overhead == pytest.approx(0.5)
    assert kpis.step_seconds == pytest.approx(0.004)
    assert kpis.worst_class == pytest.approx(0.45)
    assert kpis.largest_drop == pytest.approx(0.05)
    assert kpis.setup_seconds == pytest.approx(0.03)
    # Uniform is over after 0.06 s, half way between evaluations of 0.04 and 0.08 s; with setup 0.03 s are left of it.
    assert kpis.difference_equal_time is not None
    assert kpis.difference_equal_time.mean == pytest.approx(((0.85 - 0.8) + (0.55 - 0.7)) / 2)
    assert kpis.difference_equal_time_with_setup is not None
    assert kpis.difference_equal_time_with_setup.mean == pytest.approx(((0.625 - 0.8) + (0.475 - 0.7)) / 2)


def test_speed_up_is_paired_and_counts_setup() -> None:
    # Seed 0: uniform needs 0.06 s to 0.8, fast 0.04. Seed 1: uniform 0.02 s to 0.7, fast 0.12.
    found = speed_up(FAST, UNIFORM, with_setup=False)
    assert found.missed == 0
    assert found.ratio.mean == pytest.approx(math.sqrt(0.06 / 0.04 * 0.02 / 0.12))
    with_setup = speed_up(FAST, UNIFORM, with_setup=True)
    assert with_setup.ratio.mean == pytest.approx(math.sqrt(0.06 / 0.07 * 0.02 / 0.15))


def test_never_reached_is_an_upper_bound() -> None:
    slow = [make_run("slow", seed, [0.1, 0.2, 0.2, 0.2], 2.0, 0.1) for seed in (0, 1)]
    found = speed_up(slow, UNIFORM, with_setup=False)
    assert found.missed == 2
    assert found.ratio.mean == pytest.approx(math.sqrt(0.06 / 0.06 * 0.02 / 0.06))
    assert compute_kpis(slow, UNIFORM, 0.75, 4).target.steps is None


def test_uniform_is_not_compared_with_itself() -> None:
    kpis = compute_kpis(UNIFORM, UNIFORM, 0.75, 4)
    assert kpis.difference is None
    assert kpis.speed_up is None


def test_seeds_must_match() -> None:
    with pytest.raises(ValueError, match="same seeds"):
        compute_kpis(FAST[::-1], UNIFORM, 0.75, 4)


LONGER = {
    0: LongerUniform(0, (0.12, 0.15), (Point(60, 0.85, 0.4, 0.0, 0.13), Point(75, 0.95, 0.5, 0.0, 0.15)), 0.2),
    1: LongerUniform(1, (0.12, 0.15), (Point(60, 0.6, 0.3, 0.0, 0.12), Point(76, 0.8, 0.4, 0.0, 0.16)), 0.2),
}


def test_uniform_given_as_long() -> None:
    """The methods took 0.12 s, 0.15 s with setup; uniform's better of then and after as many steps is what counts."""
    assert time_budgets([UNIFORM[0], FAST[0]]) == pytest.approx((0.12, 0.15))
    kpis = compute_kpis(FAST, UNIFORM, 0.75, 4, LONGER)
    assert kpis.difference_longer_uniform is not None
    assert kpis.difference_longer_uniform.mean == pytest.approx(((0.9 - 0.85) + (0.9 - 0.7)) / 2)
    assert kpis.difference_longer_uniform_with_setup is not None
    assert kpis.difference_longer_uniform_with_setup.mean == pytest.approx(((0.9 - 0.95) + (0.9 - 0.8)) / 2)
    assert compute_kpis(FAST, UNIFORM, 0.75, 4).difference_longer_uniform is None


def test_figures_by_name_and_seed() -> None:
    kpis = compute_kpis(FAST, UNIFORM, 0.75, 4, LONGER, price_per_hour=36.0)
    assert set(kpis.values) == set(MEASURES)
    assert kpis.values["time_to_accuracy"] == pytest.approx((0.07, 0.15))
    assert kpis.values["samples_to_accuracy"] == (40.0, 120.0)
    assert kpis.values["cost"] == pytest.approx((0.0015, 0.0015))
    assert kpis.values["spread"] == pytest.approx((0.0, 0.0))
    assert kpis.values["total_seconds"] == pytest.approx((0.15, 0.15))
    # A ratio of times: 0.07 / 0.06 in seed 0; uniform never got there in seed 1, which is left out.
    against = kpis.against_uniform["time_to_accuracy"]
    assert against is not None
    assert against.mean == pytest.approx(0.07 / 0.06)
    assert against.n == 1
    assert kpis.tests["time_to_accuracy"] is None
    assert kpis.tests["final_accuracy"] is not None
    uniform = compute_kpis(UNIFORM, UNIFORM, 0.75, 4)
    assert uniform.values["time_to_accuracy"] == (pytest.approx(0.06), None)
    assert uniform.values["cost"] == (None, None)
    assert uniform.intervals["cost"] is None
    assert uniform.values["spread"] == pytest.approx((0.05, 0.05))


def test_paired_tests_are_those_of_scipy() -> None:
    a, b = [0.8, 0.7, 0.9, 0.85, 0.8], [0.7, 0.72, 0.8, 0.8, 0.71]
    differences = [x - y for x, y in zip(a, b, strict=True)]
    found = paired_test(differences)
    assert found is not None
    assert found.p_value == pytest.approx(stats.ttest_rel(a, b).pvalue)
    exact = stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert found.p_sign_flip == pytest.approx(exact.pvalue)
    assert paired_test([0.1]) is None
    assert paired_test([0.0, 0.0]).p_value == 1.0  # type: ignore[union-attr]


def test_holm_by_hand_and_over_methods() -> None:
    assert holm([0.04, 0.01, 0.03, 0.005]) == pytest.approx([0.06, 0.03, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    uniform = [make_run("uniform", seed, [0.1, 0.5, 0.6, 0.8], 2.0, 0.0) for seed in range(4)]
    good = [make_run("good", seed, [0.1, 0.5, 0.6, 0.9 + 0.01 * seed], 2.0, 0.0) for seed in range(4)]
    even = [make_run("even", seed, [0.1, 0.5, 0.6, 0.8 + 0.01 * (-1) ** seed], 2.0, 0.0) for seed in range(4)]
    kpis = compute_all_kpis({"uniform": uniform, "good": good, "even": even}, {}, 0.75, 4)
    alone = [compute_kpis(each, uniform, 0.75, 4).tests["final_accuracy"] for each in (good, even)]
    p_values = [test.p_value for test in alone if test is not None]
    assert [each.tests["final_accuracy"].p_holm for each in kpis[1:]] == pytest.approx(holm(p_values))  # type: ignore[union-attr]
    assert kpis[1].tests["final_accuracy"].significant  # type: ignore[union-attr]
    assert not kpis[2].tests["final_accuracy"].significant  # type: ignore[union-attr]
