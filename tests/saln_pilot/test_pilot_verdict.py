"""The words fit the figures."""

from __future__ import annotations

import pytest

from saln.pilot.intervals import geometric_interval, interval
from saln.pilot.kpi import SpeedUp
from saln.pilot.verdict import BETTER, EQUAL, WORSE, Outcome, Verdict, caveats, headline, outcome, speed_outcome


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
    assert outcome(interval(values), 0.0) == expected


def test_a_missed_goal_wins_nothing_on_the_clock() -> None:
    fast = geometric_interval([2.0, 2.1, 2.2, 2.0, 2.1])
    slow = geometric_interval([0.5, 0.6, 0.5, 0.6, 0.5])
    assert speed_outcome(SpeedUp(fast, 0), EQUAL) == BETTER
    assert speed_outcome(SpeedUp(fast, 1), EQUAL) == EQUAL
    assert speed_outcome(SpeedUp(fast, 5), WORSE) == WORSE
    assert speed_outcome(SpeedUp(slow, 1), EQUAL) == WORSE


def _verdict(accuracy: Outcome, clock: Outcome) -> Verdict:
    return Verdict("m", accuracy, clock, clock, ())


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        ([], "nothing to compare"),
        ([_verdict(EQUAL, EQUAL)], "On accuracy no difference from uniform was shown; on wall clock"),
        ([_verdict(EQUAL, EQUAL)] * 2, "no difference from uniform was shown for any of 2 methods"),
        ([_verdict(BETTER, WORSE)], "the method was better than uniform; on wall clock with everything counted the me"),
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
    assert any("about 14 in 100" in note for note in caveats(5, 3))
