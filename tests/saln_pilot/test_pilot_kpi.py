"""Key figures against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from pilot_cases import make_run
from saln.pilot.judging.equal_time import LongerUniform, accuracy_at, time_budgets
from saln.pilot.judging.intervals import compare, interval
from saln.pilot.judging.kpi import CLAIMS, Kpis, compute_kpis, target_accuracy
from saln.pilot.judging.measures import MEASURES, first_reaching, largest_drop
from saln.pilot.training.run import Point, Run

UNIFORM = [
    make_run("uniform", 0, [0.1, 0.5, 0.6, 0.8], 2.0, 0.0),
    make_run("uniform", 1, [0.1, 0.7, 0.6, 0.7], 2.0, 0.0),
]
FAST = [
    make_run("fast", 0, [0.1, 0.8, 0.9, 0.9], 4.0, 0.5, 0.03),
    make_run("fast", 1, [0.1, 0.6, 0.5, 0.9], 4.0, 0.5, 0.03),
]


def kpis_of(runs: list[Run], longer: dict[int, LongerUniform] | None = None, price: float | None = None) -> Kpis:
    """One method's beside `UNIFORM`."""
    return compute_kpis({"uniform": UNIFORM, runs[0].method: runs}, 0.75, 4, longer, price)[-1]


@pytest.mark.parametrize("comparisons", [1, 8])
def test_interval_is_students(comparisons: int) -> None:
    values = [0.01, 0.03, 0.02, 0.06]
    found = interval(values, comparisons=comparisons)
    low, high = stats.t.interval(1 - 0.05 / comparisons, 3, np.mean(values), stats.sem(values))
    assert (found.mean, found.low, found.high) == pytest.approx((0.03, low, high))
    negative = -found
    assert (negative.mean, negative.low, negative.high) == pytest.approx((-0.03, -high, -low))


def test_interval_of_one_seed_claims_nothing() -> None:
    found = interval([0.5])
    assert (found.mean, found.low, found.high, found.n) == (0.5, None, None, 1)
    assert not found.above(0.0)
    assert not found.below(1.0)
    with pytest.raises(ValueError, match="at least one"):
        interval([])


@pytest.mark.parametrize(("correlation", "methods"), [(0.0, 6), (0.5, 6), (0.5, 1)])
def test_intervals_hold_together_as_promised(correlation: float, methods: int) -> None:
    """Of methods that are all as good as uniform, one is called better or worse in at most 5 of 100 pilots."""
    rng, wrong = np.random.default_rng(1), 0
    for _ in range(400):
        shared = rng.normal(size=5) * correlation**0.5
        for _ in range(methods):
            values = shared + rng.normal(size=5) * (1 - correlation) ** 0.5
            found = interval(values.tolist(), comparisons=methods)
            if found.above(0.0) or found.below(0.0):
                wrong += 1
                break
    # Three standard errors of 400 draws.
    assert wrong / 400 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)


def test_geometric_mean() -> None:
    found = interval(np.log([2.0, 0.5, 4.0]).tolist()).exp()
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
    kpis = kpis_of(FAST)
    means = {
        "final_accuracy": 0.9, "steps_to_accuracy": (10 + 30) / 2, "samples_to_accuracy": 80,
        "training_time_to_accuracy": (0.04 + 0.12) / 2, "time_to_accuracy": (0.07 + 0.15) / 2, "overhead": 0.5,
        "step_seconds": 0.004, "worst_class": 0.45, "largest_drop": 0.05, "setup_seconds": 0.03,
    }  # fmt: skip
    assert {name: kpis.mean(name) for name in means} == pytest.approx(means)
    # Uniform is over after 0.06 s, half way between evaluations of 0.04 and 0.08 s; with setup 0.03 s are left of it.
    differences = {
        "final_accuracy": 0.15,
        "accuracy_in_uniforms_training_time": ((0.85 - 0.8) + (0.55 - 0.7)) / 2,
        "accuracy_in_uniforms_time": ((0.625 - 0.8) + (0.475 - 0.7)) / 2,
    }
    for name, wanted in differences.items():
        found = kpis.against(name)
        assert found is not None
        assert found.mean == pytest.approx(wanted)


def test_speed_up_is_paired_and_counts_setup() -> None:
    # Seed 0: uniform needs 0.06 s to 0.8, fast 0.04. Seed 1: uniform 0.02 s to 0.7, fast 0.12.
    kpis = kpis_of(FAST)
    alone, everything = kpis.against("training_speed_up"), kpis.against("speed_up")
    assert alone is not None
    assert everything is not None
    assert alone.missed == 0
    assert alone.mean == pytest.approx(math.sqrt(0.06 / 0.04 * 0.02 / 0.12))
    assert everything.mean == pytest.approx(math.sqrt(0.06 / 0.07 * 0.02 / 0.15))


def test_never_reached_is_an_upper_bound() -> None:
    kpis = kpis_of([make_run("slow", seed, [0.1, 0.2, 0.2, 0.2], 2.0, 0.1) for seed in (0, 1)])
    for found in (kpis.against("training_speed_up"), kpis.intervals["training_speed_up"]):
        assert found is not None
        assert (found.missed, found.low) == (2, None)
        assert found.high is not None
    against = kpis.against("training_speed_up")
    assert against is not None
    assert against.mean == pytest.approx(math.sqrt(0.06 / 0.06 * 0.02 / 0.06))
    assert (against.p_value, against.p_sign_flip) == (None, None)
    assert kpis.mean("steps_to_accuracy") is None


def test_uniform_is_not_compared_with_itself() -> None:
    (uniform,) = compute_kpis({"uniform": UNIFORM}, 0.75, 4)
    assert uniform.against_uniform == {}
    assert uniform.against("final_accuracy") is None


def test_seeds_must_match() -> None:
    with pytest.raises(ValueError, match="same seeds"):
        compute_kpis({"uniform": UNIFORM, "fast": FAST[::-1]}, 0.75, 4)


LONGER = {
    0: LongerUniform(0, (0.12, 0.15), (Point(60, 0.85, 0.4, 0.0, 0.13), Point(75, 0.95, 0.5, 0.0, 0.15)), 0.2),
    1: LongerUniform(1, (0.12, 0.15), (Point(60, 0.6, 0.3, 0.0, 0.12), Point(76, 0.8, 0.4, 0.0, 0.16)), 0.2),
}


def test_uniform_given_as_long() -> None:
    """The methods took 0.12 s, 0.15 s with setup; uniform's better of then and after as many steps is what counts."""
    assert time_budgets([UNIFORM[0], FAST[0]]) == pytest.approx((0.12, 0.15))
    kpis = kpis_of(FAST, LONGER)
    leads = {
        "lead_in_own_training_time": ((0.9 - 0.85) + (0.9 - 0.7)) / 2,
        "lead_in_own_time": ((0.9 - 0.95) + (0.9 - 0.8)) / 2,
    }
    assert {name: kpis.mean(name) for name in leads} == pytest.approx(leads)
    # What uniform would have done in as long is not known, and nothing is made up for it.
    assert kpis_of(FAST).values["lead_in_own_time"] == (None, None)
    assert kpis_of(FAST).against("lead_in_own_time") is None


def test_figures_by_name_and_seed() -> None:
    kpis = kpis_of(FAST, LONGER, price=36.0)
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
    assert against.p_value is None
    assert kpis.against("time_to_accuracy") is None
    assert kpis.against_uniform["final_accuracy"].p_value is not None  # type: ignore[union-attr]
    (uniform,) = compute_kpis({"uniform": UNIFORM}, 0.75, 4)
    assert uniform.values["time_to_accuracy"] == (pytest.approx(0.06), None)
    assert uniform.values["cost"] == (None, None)
    assert uniform.intervals["cost"] is None
    assert uniform.values["spread"] == pytest.approx((0.05, 0.05))


def test_paired_tests_are_those_of_scipy() -> None:
    a, b = [0.8, 0.7, 0.9, 0.85, 0.8], [0.7, 0.72, 0.8, 0.8, 0.71]
    found = compare([x - y for x, y in zip(a, b, strict=True)], comparisons=1)
    assert found.p_value == pytest.approx(stats.ttest_rel(a, b).pvalue)
    signs = np.asarray(np.meshgrid(*[[1, -1]] * 5)).reshape(5, -1)
    means = np.abs((np.asarray(a) - b) @ signs)
    assert found.p_sign_flip == pytest.approx(np.mean(means >= means[0] - 1e-12))
    assert compare([0.1], comparisons=1).p_value is None
    nothing = compare([0.0, 0.0], comparisons=2)
    assert (nothing.p_value, nothing.p_sign_flip, nothing.low, nothing.high) == (1.0, 1.0, 0.0, 0.0)


def test_comparisons_are_counted_figure_by_figure() -> None:
    """By each figure the methods; by the two from which a gain may be claimed, twice as many."""
    others = [f"m{i}" for i in range(3)]
    runs = {name: [make_run(name, seed, [0.1, 0.8, 0.9, 0.9], 4.0, 0.5) for seed in (0, 1)] for name in others}
    for kpis in compute_kpis({"uniform": UNIFORM, **runs}, 0.75, 4, LONGER)[1:]:
        for name, found in kpis.against_uniform.items():
            assert found is None or found.comparisons == (6 if name in CLAIMS else 3)
