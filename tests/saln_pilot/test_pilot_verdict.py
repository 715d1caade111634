"""The words fit the figures."""

from __future__ import annotations

import pytest

from pilot_cases import make_run
from saln.pilot.judging.equal_time import LongerUniform
from saln.pilot.judging.intervals import geometric_interval, interval
from saln.pilot.judging.kpi import SpeedUp, compute_all_kpis
from saln.pilot.judging.significance import PairedTest, paired_test
from saln.pilot.judging.verdict import (
    BETTER,
    EQUAL,
    GAIN,
    LOSS,
    NO_GAIN,
    STEPS_ONLY,
    WORSE,
    Gain,
    Outcome,
    Verdict,
    caveats,
    headline,
    judge,
    outcome,
    speed_outcome,
)
from saln.pilot.training.trainer import Point, Run

SHOWN = PairedTest(0.001, 0.001, 0.0625)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.02, 0.03, 0.025, 0.02, 0.03], BETTER),
        ([-0.02, -0.03, -0.025, -0.02, -0.03], WORSE),
        ([0.02, -0.03, 0.025, -0.02, 0.03], EQUAL),
        ([0.0] * 5, EQUAL),
        # A bootstrap of three equal signs would always claim a gain; Student's t does not.
        ([0.001, 0.02, 0.06], EQUAL),
    ],
)
def test_outcome(values: list[float], expected: Outcome) -> None:
    assert outcome(interval(values), 0.0, paired_test(values)) == expected


def test_what_correction_takes_away_is_not_shown() -> None:
    values = [0.02, 0.03, 0.025, 0.02, 0.03]
    assert outcome(interval(values), 0.0, PairedTest(0.01, 0.06, 0.0625)) == EQUAL
    assert outcome(interval([0.02]), 0.0, None) == EQUAL


def test_a_missed_goal_wins_nothing_on_the_clock() -> None:
    fast = geometric_interval([2.0, 2.1, 2.2, 2.0, 2.1])
    slow = geometric_interval([0.5, 0.6, 0.5, 0.6, 0.5])
    assert speed_outcome(SpeedUp(fast, 0), EQUAL, SHOWN) == BETTER
    assert speed_outcome(SpeedUp(fast, 1), EQUAL, SHOWN) == EQUAL
    assert speed_outcome(SpeedUp(fast, 5), WORSE, SHOWN) == WORSE
    assert speed_outcome(SpeedUp(slow, 1), EQUAL, SHOWN) == WORSE


def _verdict(accuracy: Outcome, clock: Outcome) -> Verdict:
    return Verdict("m", NO_GAIN, accuracy, clock, clock, None, None, ())


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        ([], "nothing to compare"),
        ([_verdict(EQUAL, EQUAL)], "equal steps no difference from uniform was shown; on time to"),
        ([_verdict(EQUAL, EQUAL)] * 2, "no difference from uniform was shown for any of 2 methods"),
        ([_verdict(BETTER, WORSE)], "the method was better than uniform; on time to uniform's accuracy the method was"),
        ([_verdict(BETTER, WORSE)] * 2, "all 2 methods were better than uniform;"),
        ([_verdict(BETTER, WORSE), _verdict(WORSE, EQUAL)], "1 of 2 methods was better than uniform and 1 was worse;"),
        ([_verdict(BETTER, WORSE), _verdict(WORSE, EQUAL)], "no method was better than uniform and 1 of 2 was worse."),
    ],
)
def test_headline(verdicts: list[Verdict], words: str) -> None:
    assert words in headline(verdicts)


def test_few_seeds_are_said() -> None:
    assert "One seed" in caveats(1, 1)[0]
    assert "Only 3 seeds" in caveats(3, 1)[0]
    assert not any("Only" in note for note in caveats(5, 1))
    assert any("3 methods" in note and "Holm" in note for note in caveats(5, 3))


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
    kpis = compute_all_kpis({"uniform": uniform, "m": runs}, after, 0.75, 4)
    verdict = judge(kpis[1])
    assert verdict.gain == expected
    assert ("everything counted: m." in headline([verdict])) == (expected == GAIN)
