"""The words fit the figures."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilot_cases import make_run
from saln.pilot.judging.equal_time import LongerUniform
from saln.pilot.judging.gates import judge_gates, parse_gate
from saln.pilot.judging.intervals import Comparison, compare, interval
from saln.pilot.judging.kpi import compute_kpis
from saln.pilot.judging.measures import MEASURES
from saln.pilot.judging.verdict import (
    BETTER,
    EQUAL,
    GAIN,
    LOSS,
    NO_GAIN,
    QUESTIONS,
    STEPS_ONLY,
    WORSE,
    Answer,
    Gain,
    Outcome,
    judge,
    outcome,
)
from saln.pilot.output.notes import caveats
from saln.pilot.output.words import answer, gate_figures
from saln.pilot.training.run import Point, Run


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.02, 0.03, 0.025, 0.02, 0.03], BETTER),
        ([-0.02, -0.03, -0.025, -0.02, -0.03], WORSE),
        ([0.02, -0.03, 0.025, -0.02, 0.03], EQUAL),
        ([0.0] * 5, EQUAL),
        # A bootstrap of three equal signs would always claim a gain; Student's t does not.
        ([0.001, 0.02, 0.06], EQUAL),
        ([0.02], EQUAL),
    ],
)
def test_outcome(values: list[float], expected: Outcome) -> None:
    assert outcome(interval(values), 0.0) == expected


def test_what_correction_takes_away_is_not_shown() -> None:
    """The issue's own case: an interval clear of 0 alone, that is shown as wide as it must be beside others."""
    values = [0.01, 0.03, 0.035, 0.055, 0.075]
    assert outcome(interval(values), 0.0) == BETTER
    found = compare(values, comparisons=8)
    assert outcome(found, 0.0) == EQUAL
    assert answer(Answer("final_accuracy", EQUAL, found)).startswith("+4.10 [-")
    assert found.p_value is not None
    assert found.p_value > 0.05


def test_a_missed_goal_wins_nothing_on_the_clock() -> None:
    """However cheap the steps were: what is shown is that it was at most so fast."""
    fast, slow = np.log([2.0, 2.1, 2.2, 2.0, 2.1]).tolist(), np.log([0.5, 0.6, 0.5, 0.6, 0.5]).tolist()
    assert outcome(compare(fast, comparisons=1).exp(), 1.0) == BETTER
    bound = compare(fast, comparisons=1, missed=1).exp()
    assert outcome(bound, 1.0) == EQUAL
    assert answer(Answer("speed_up", EQUAL, bound)) == "≤2.08 [≤2.18] × as fast (not reached in 1 of 5 seeds)"
    assert outcome(compare(slow, comparisons=1, missed=1).exp(), 1.0) == WORSE


def shown(text: str) -> tuple[float, float]:
    """The ends of the interval in a text; a bound that is not there is infinitely far."""
    found = re.search(r"\[(?:≤(?P<most>[^\]]+)|≥(?P<least>[^\]]+)|(?P<low>[^,]+), (?P<high>[^\]]+))\]", text)
    if found is None:
        assert text.startswith("≤"), text
        return -math.inf, math.inf
    low, high = found["low"] or found["least"] or "-inf", found["high"] or found["most"] or "inf"
    return float(low.strip("<>")), float(high.strip("<>"))


def side(low: float, high: float, neutral: float) -> Outcome:
    """What a reader makes of it."""
    if low > neutral:
        return BETTER
    return WORSE if high < neutral else EQUAL


ACCURACIES = st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4)
NEAR = st.builds(lambda base, by: [min(1.0, max(0.0, each + by)) for each in base], ACCURACIES, st.floats(-1e-4, 1e-4))
CURVES = st.lists(ACCURACIES | NEAR, min_size=5, max_size=5)


@settings(deadline=None, max_examples=30)
@given(
    uniform=CURVES,
    methods=st.lists(st.tuples(CURVES, st.floats(0.1, 9.0), st.floats(0.0, 0.2)), min_size=1, max_size=3),
    seeds=st.integers(2, 5),
    later=st.floats(0.0, 1.0),
    bound=st.floats(-0.5, 0.5),
)
def test_verdicts_and_shown_intervals_never_disagree(
    uniform: list[list[float]],
    methods: list[tuple[list[list[float]], float, float]],
    seeds: int,
    later: float,
    bound: float,
) -> None:
    runs = {"uniform": [make_run("uniform", seed, uniform[seed], 2.0, 0.0) for seed in range(seeds)]}
    for place, (curves, ms, setup) in enumerate(methods):
        name = f"m{place}"
        runs[name] = [make_run(name, seed, curves[seed], ms + 0.1 * seed, 0.1, setup) for seed in range(seeds)]
    longer = {s: LongerUniform(s, (9.0,), (Point(99, later, 0.1, 0.0, 9.0),), 9.0) for s in range(seeds)}
    kpis = compute_kpis(runs, 0.6, 4, longer)
    for each in kpis[1:]:
        verdict = judge(each)
        assert [one.figure for one in verdict.answers] == list(QUESTIONS)
        for one in verdict.answers:
            neutral = MEASURES[one.figure].neutral
            low = -math.inf if one.found.low is None else one.found.low
            high = math.inf if one.found.high is None else one.found.high
            assert one.outcome == side(low, high, neutral)
            assert one.outcome == side(*shown(answer(one)), neutral), answer(one)
            p_value = one.found.p_value
            if p_value is not None and abs(p_value - 0.05) > 1e-9:
                assert (p_value < 0.05) == (one.outcome != EQUAL)
        claimed = BETTER in (verdict.outcome("speed_up"), verdict.outcome("lead_in_own_time"))
        assert (verdict.gain == GAIN) == claimed
    lines = ("final_accuracy >= uniform", f"speed_up >= {1 + bound}", f"speed_up <= {1 + bound}", "overhead < 0.3",
             "time_to_accuracy <= uniform", f"final_accuracy > uniform + {abs(bound)}")  # fmt: skip
    for gate in judge_gates([parse_gate(line) for line in lines], kpis):
        if gate.margin is None or gate.margin.low == gate.margin.high == 0.0:
            continue
        expected = {BETTER: "passed", WORSE: "failed", EQUAL: "undecided"}
        assert gate.outcome == expected[side(*shown(gate_figures(gate)[2]), 0.0)], gate


def test_ends_close_to_no_difference_keep_their_side() -> None:
    """Rounded to two digits, they would hide it."""
    close = Comparison(0.01, 0.00001, 0.02, 5, 0, 1, 0.04, 0.06)
    assert answer(Answer("final_accuracy", BETTER, close)) == "+1.00 [+0.001, +2.00] points"
    ratio = Comparison(0.9, 0.8, 0.9996, 5, 0, 1, 0.04, 0.06)
    assert answer(Answer("speed_up", WORSE, ratio)) == "0.90 [0.80, 0.9996] × as fast"


def test_few_seeds_are_said() -> None:
    assert "One seed" in caveats(1, 1)[0]
    assert "Only 3 seeds" in caveats(3, 1)[0]
    assert not any("Only" in note for note in caveats(5, 1))
    assert any("3 methods" in note and "Bonferroni" in note for note in caveats(5, 3))


def _runs(method: str, finals: list[float], ms: float, setup: float = 0.0) -> list[Run]:
    return [make_run(method, seed, [0.1, 0.4, 0.5, final], ms, 0.0, setup) for seed, final in enumerate(finals)]


BASE = [0.80, 0.81, 0.79, 0.80, 0.82]
HIGHER = [0.90, 0.92, 0.89, 0.91, 0.91]
LOWER = [0.70, 0.69, 0.71, 0.70, 0.72]


@pytest.mark.parametrize(
    ("finals", "ms", "setup", "longer", "expected"),
    [
        # Higher, and uniform does not get there in as long.
        (HIGHER, 4.0, 0.5, 0.82, GAIN),
        # Higher at equal steps, but uniform gets further in as long.
        (HIGHER, 4.0, 0.5, 0.95, STEPS_ONLY),
        # As high, sooner: its steps take half as long.
        (BASE, 1.0, 0.0, 0.7, GAIN),
        # As high and sooner, until what came before is counted.
        (BASE, 1.0, 0.5, 0.82, NO_GAIN),
        # Uniform grows worse with time: nobody would let it.
        (BASE, 4.0, 0.0, 0.3, NO_GAIN),
        (LOWER, 1.0, 0.0, 0.8, LOSS),
    ],
)
def test_what_is_called_a_gain(finals: list[float], ms: float, setup: float, longer: float, expected: Gain) -> None:
    uniform, runs = _runs("uniform", BASE, 2.0), _runs("m", finals, ms, setup)
    # Spread by the seed: without any, a test could not fail.
    after = {s: LongerUniform(s, (9.0,), (Point(99, longer + 0.004 * s, 0.1, 0.0, 9.0),), 9.0) for s in range(5)}
    kpis = compute_kpis({"uniform": uniform, "m": runs}, 0.75, 4, after)
    verdict = judge(kpis[1])
    assert verdict.gain == expected
