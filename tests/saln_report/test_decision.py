"""What to do after a pilot: every outcome by its own path, with the interval that decides; hours and money by hand."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest

from pilot_cases import TINY, blobs, make_run
from saln.catalogue import Words
from saln.pages import summary_html
from saln.pilot.builtin import BuiltinJob
from saln.pilot.judging.costs import SHORTEST, reckon
from saln.pilot.judging.equal_time import LongerUniform
from saln.pilot.judging.gates import judge_gates, parse_gate
from saln.pilot.judging.kpi import compute_kpis
from saln.pilot.judging.verdict import judge
from saln.pilot.output.result import PilotResult
from saln.pilot.output.words import answer
from saln.pilot.runner import run_pilot
from saln.pilot.training.methods import make_methods
from saln.pilot.training.point import Point

BASE = [0.80, 0.81, 0.79, 0.80, 0.82]
LONG, SHORT = 2000.0, 2.0
"""Milliseconds a step, of 30."""


@pytest.fixture(scope="module")
def pilot() -> PilotResult:
    config = dataclasses.replace(TINY, seeds=1, steps=3, evaluations=1, reference_steps=1)
    return run_pilot(BuiltinJob(blobs()), config, make_methods(["uniform", "k_center"]))


def result_of(
    pilot: PilotResult, ms: float, finals: list[float] = BASE, times: float = 0.5, longer: float = 0.7, **settings: Any
) -> PilotResult:
    """Five seeds of uniform with `ms` a step, and of a method that takes `times` as long and ends at `finals`."""
    gates = settings.pop("gates", ())
    config = dataclasses.replace(pilot.config, seeds=len(finals), gates=gates, **settings)
    runs = {
        name: [
            make_run(name, seed, [0.1, 0.4, 0.5, final], of_step * (1 + 0.01 * seed), 0.0)
            for seed, final in enumerate(values)
        ]
        for name, values, of_step in (("uniform", BASE[: len(finals)], ms), ("k_center", finals, times * ms))
    }
    after = {
        seed: LongerUniform(seed, (9.0 * ms,), (Point(99, longer + 0.004 * seed, 0.1, 0.0, 9.0 * ms),), 9.0)
        for seed in range(len(finals))
    }
    kpis = compute_kpis(runs, 0.75, 4, after, config.price_per_hour)
    return dataclasses.replace(
        pilot,
        config=config,
        kpis=kpis,
        verdicts=(judge(kpis[1]),),
        gates=judge_gates([parse_gate(each) for each in gates], kpis),
        costs=reckon(kpis, config, 3600.0),
    )


def test_a_gain_on_long_runs_is_adopted(pilot: PilotResult) -> None:
    result = result_of(pilot, LONG)
    found = result.decision
    assert (found.outcome, found.method) == ("adopt", "k_center")
    for each in result.verdicts[0].answers:
        if each.figure in ("speed_up", "lead_in_own_time"):
            assert answer(each) in found.reason
    assert found.command("saln pilot digits") == 'SpectralBatchSampler(features, batch_size=16, selector="k_center")'
    assert "At worst k_center takes 0.5" in found.risks[0]


@pytest.mark.parametrize(
    ("change", "words", "command"),
    [
        ({"ms": SHORT}, "a run took 0.061 s", "saln pilot my_job.py:train"),
        ({"label_noise": 0.3}, "the pilot itself made worse", "saln pilot d"),
        ({"train_share": 0.1}, "on 10 % of the training rows", "saln pilot d --label-noise 0.3 --stages 1.0"),
        ({"gates": ("spread <= 0.0101",)}, "1 gate is undecided", "saln pilot d --label-noise 0.3 --seeds 10"),
        (
            {"times": 1.0, "finals": [0.9, 0.7, 0.86, 0.75, 0.83]},
            "none is ruled out",
            "saln pilot d --label-noise 0.3 --seeds 10",
        ),
        ({"finals": [0.8], "times": 1.0}, "One seed shows nothing", "saln pilot d --label-noise 0.3 --seeds 5"),
    ],
)
def test_what_is_missing_extends_the_pilot(
    pilot: PilotResult, change: dict[str, Any], words: str, command: str
) -> None:
    found = result_of(pilot, **{"ms": LONG, **change}).decision
    assert found.outcome == "extend"
    assert words in found.reason
    shown = found.command("saln pilot d --label-noise 0.3")
    assert shown is not None
    assert shown.startswith(command)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"finals": [0.7, 0.69, 0.71, 0.7, 0.72], "times": 1.0}, "none can have gained enough"),
        ({"times": 1.0, "longer": 0.99, "gates": ("final_accuracy >= 0.9",)}, "Every method failed a gate"),
        (
            {
                "finals": [0.801, 0.81, 0.79, 0.8, 0.82],
                "longer": 0.8,
                "price_per_hour": 0.01,
                "people_price_per_hour": 99.0,
            },
            "costs more than it saves in a year",
        ),
    ],
)
def test_what_cannot_pay_stops(pilot: PilotResult, change: dict[str, Any], words: str) -> None:
    found = result_of(pilot, LONG, **change).decision
    assert found.outcome == "stop"
    assert words in found.reason
    assert found.command("saln pilot d") is None
    assert found.risks == ("None: nothing changes.",)


def test_uniform_alone_asks_for_a_method(pilot: PilotResult) -> None:
    alone = dataclasses.replace(pilot, kpis=pilot.kpis[:1], verdicts=(), selections=pilot.selections[:1])
    assert alone.decision.outcome == "extend"
    assert alone.decision.command("saln pilot d --methods uniform") == "saln pilot d --methods auto"


def test_starved_classes_are_named(pilot: PilotResult) -> None:
    result = result_of(pilot, LONG)
    starved = dataclasses.replace(result.selections[1], class_share=(0.4, 0.4, 0.15, 0.05), pool_share=(0.25,) * 4)
    result = dataclasses.replace(result, selections=(result.selections[0], starved))
    assert result.decision.risks[1].startswith("k_center gave class 3 only 0.20 of its share")


def test_hours_and_money_by_hand(pilot: PilotResult) -> None:
    """Twice as fast in every seed: half of 40 hours, 12 times, for half of the trainings."""
    result = result_of(
        pilot, LONG, full_training_hours=40.0, trainings_per_year=12.0, share_concerned=0.5, price_per_hour=3.0,
        people_hours=10.0, people_price_per_hour=60.0, currency="CHF",
    )  # fmt: skip
    costs = result.costs
    assert costs is not None
    assert (costs.carried_over, costs.assumed, costs.run_seconds) == (True, False, pytest.approx(61.2))
    (method,) = costs.methods
    hours, money, first = method.hours_saved, method.money_saved, method.first_year
    assert hours is not None
    assert money is not None
    assert first is not None
    assert hours.mean == pytest.approx(120.0)
    assert money.mean == pytest.approx(360.0)
    assert costs.once == pytest.approx(603.0)
    assert first.mean == pytest.approx(360.0 - 603.0)
    assert method.break_even == pytest.approx(603.0 / 360.0)
    speed_up = result.kpis[1].against("speed_up")
    assert speed_up is not None
    for end, of in ((hours.low, speed_up.low), (hours.high, speed_up.high)):
        assert end == pytest.approx(240.0 - 240.0 / of)  # type: ignore[operator]


def test_a_method_that_never_got_there_saves_nothing(pilot: PilotResult) -> None:
    result = result_of(pilot, LONG, finals=[0.3, 0.31, 0.3, 0.32, 0.3], full_training_hours=40.0)
    speed = result.verdicts[0].found("speed_up")
    assert speed is not None
    assert speed.missed == speed.n == 5
    shown = re.sub(r"<[^>]*>", "", summary_html(result)).replace("&#39;", "'")
    assert "Nothing: k_center never got to uniform's final accuracy." in shown


def test_without_prices_hours_are_shown_and_money_is_said_to_need_them(pilot: PilotResult) -> None:
    result = result_of(pilot, LONG, full_training_hours=40.0)
    shown = re.sub(r"<[^>]*>", "", summary_html(result))
    assert "k_center: 240 h" in shown
    assert "Money needs prices: price_per_hour, people_price_per_hour." in shown
    assert result.costs is not None
    assert result.costs.methods[0].money_saved is None


def test_short_runs_are_not_carried_over(pilot: PilotResult) -> None:
    result = result_of(pilot, SHORT, full_training_hours=40.0, price_per_hour=3.0)
    assert result.costs is not None
    assert result.costs.methods[0].hours_saved is None
    assert f"Not extrapolated: a run of the pilot took 0.061 s. Below {SHORTEST:.0f} s" in summary_html(result)


def test_a_full_training_is_the_pilots_where_none_is_named(pilot: PilotResult) -> None:
    costs = result_of(pilot, LONG).costs
    assert costs is not None
    assert costs.assumed
    assert costs.full_training_hours == pytest.approx(61.2 / 3600)


def test_a_bound_saves_at_most(pilot: PilotResult) -> None:
    """Seeds that never got to uniform's accuracy leave no lower end, in hours as in the interval."""
    costs = result_of(pilot, LONG, [0.8, 0.81, 0.7, 0.8, 0.82], full_training_hours=1.0).costs
    assert costs is not None
    hours = costs.methods[0].hours_saved
    assert hours is not None
    assert hours.low is None
    assert hours.missed == 1


def test_the_summary_is_said_in_japanese(pilot: PilotResult) -> None:
    result = result_of(pilot, LONG, full_training_hours=40.0)
    shown = summary_html(result, "ja")
    assert ">採用</p>" in shown
    assert Words("ja").say(result.decision.reason) in shown.replace("&#39;", "'")
    assert "Saved" not in shown


def test_the_document_has_decision_and_costs(pilot: PilotResult) -> None:
    document = result_of(pilot, LONG).as_dict()
    assert document["decision"]["outcome"] == "adopt"
    assert document["costs"]["methods"][0]["hours_saved"]["mean"] > 0
