"""Key figures against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from saln.pilot.intervals import geometric_interval, interval
from saln.pilot.kpi import accuracy_at, compute_kpis, first_reaching, largest_drop, speed_up, target_accuracy
from saln.pilot.trainer import Point, Run

STEPS = (0, 10, 20, 30)


def make_run(method: str, seed: int, accuracies: list[float], ms: float, selecting: float, setup: float = 0.0) -> Run:
    """A run whose steps all take `ms` milliseconds, a share `selecting` of it in selection."""
    seconds = [1e-3 * ms * step for step in STEPS]
    curve = tuple(
        Point(step, accuracy, accuracy / 2, selecting * total, (1 - selecting) * total)
        for step, accuracy, total in zip(STEPS, accuracies, seconds, strict=True)
    )
    return Run(method, seed, curve, setup, torch.zeros(30, 4, dtype=torch.int64), torch.full((30,), 1e-3 * ms))


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
