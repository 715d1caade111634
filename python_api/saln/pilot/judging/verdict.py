"""Plain words for what the figures show, and no more than they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from saln.pilot.judging.intervals import Interval
from saln.pilot.judging.kpi import Kpis, SpeedUp
from saln.pilot.judging.significance import LEVEL, PairedTest

Outcome = Literal["better than uniform", "no difference shown", "worse than uniform"]
BETTER: Outcome = "better than uniform"
EQUAL: Outcome = "no difference shown"
WORSE: Outcome = "worse than uniform"

Gain = Literal["gain", "gain at equal steps only", "no gain", "loss"]
GAIN: Gain = "gain"
STEPS_ONLY: Gain = "gain at equal steps only"
NO_GAIN: Gain = "no gain"
LOSS: Gain = "loss"


@dataclass(frozen=True)
class Verdict:
    """A method against uniform.

    Attributes
    ----------
    method : str
    gain : {"gain", "gain at equal steps only", "no gain", "loss"}
        Whether it paid. "gain" is at equal wall clock with everything counted: sooner at uniform's final accuracy, or
        more accurate than uniform after as many seconds. "loss" is less accurate at equal steps, and no gain anywhere.
    accuracy : str
        Final accuracy at equal kept samples and equal steps.
    wall_clock, wall_clock_with_setup : str
        Seconds to uniform's final accuracy.
    equal_time, equal_time_with_setup : str or None
        Final accuracy against that of uniform after as many seconds; None where uniform was not run for longer.
    sentences : tuple of str
        The same in words, with figures and intervals, in this order.
    """

    method: str
    gain: Gain
    accuracy: Outcome
    wall_clock: Outcome
    wall_clock_with_setup: Outcome
    equal_time: Outcome | None
    equal_time_with_setup: Outcome | None
    sentences: tuple[str, ...]


def judge(kpis: Kpis) -> Verdict:
    """The verdict on one method; a loss is called a loss.

    "Better" and "worse" need both 95 % intervals (t and bootstrap over seeds) on one side, and a paired t test that
    still shows it at 5 % after Holm's correction over the methods. "gain" is claimed from either of two figures,
    so each must show it at half of that. A seed in which the method never reached uniform's accuracy rules "better" on
    wall clock out.
    """
    if kpis.difference is None or kpis.speed_up is None or kpis.speed_up_with_setup is None:
        raise ValueError(f"{kpis.method} has not been compared with uniform")
    tests = kpis.tests
    accuracy = outcome(kpis.difference, 0.0, tests["final_accuracy"])
    clock = speed_outcome(kpis.speed_up, accuracy, tests["training_speed_up"])
    clock_setup = speed_outcome(kpis.speed_up_with_setup, accuracy, tests["speed_up"])
    longer, longer_setup = kpis.difference_longer_uniform, kpis.difference_longer_uniform_with_setup
    level = outcome(longer, 0.0, tests["lead_in_own_training_time"]) if longer else None
    level_setup = outcome(longer_setup, 0.0, tests["lead_in_own_time"]) if longer_setup else None
    claims = ((clock_setup, tests["speed_up"]), (level_setup, tests["lead_in_own_time"]))
    paid = any(found == BETTER and test is not None and test.p_holm < LEVEL / 2 for found, test in claims)
    if paid:
        gain = GAIN
    elif accuracy == BETTER:
        gain = STEPS_ONLY
    else:
        gain = LOSS if accuracy == WORSE else NO_GAIN
    sentences = [
        f"Accuracy at equal steps and samples: {accuracy}, {_points(kpis.difference)}.",
        f"Time to uniform's final accuracy: {clock}, {_times(kpis.speed_up)}.",
        f"With features and reference network counted: {clock_setup}, {_times(kpis.speed_up_with_setup)}.",
    ]
    if longer and longer_setup:
        sentences += [
            f"Accuracy at equal time, uniform given as long: {level}, {_points(longer)}.",
            f"With features and reference network counted: {level_setup}, {_points(longer_setup)}.",
        ]
    return Verdict(kpis.method, gain, accuracy, clock, clock_setup, level, level_setup, tuple(sentences))


def outcome(found: Interval, neutral: float, test: PairedTest | None) -> Outcome:
    """Better, worse, or not shown, of a figure whose larger values are better."""
    if test is None or not test.significant:
        return EQUAL
    if found.above(neutral):
        return BETTER
    return WORSE if found.below(neutral) else EQUAL


def speed_outcome(found: SpeedUp, accuracy: Outcome, test: PairedTest | None) -> Outcome:
    """As `outcome`, around a ratio of 1; where a seed never got there, the ratio is an upper bound and wins nothing.

    A method that is worse on accuracy and never got there in any seed is slower, however cheap its steps.
    """
    if found.missed == found.ratio.n and accuracy == WORSE:
        return WORSE
    result = outcome(found.ratio, 1.0, test)
    return EQUAL if result == BETTER and found.missed else result


def caveats(n_seeds: int, n_compared: int) -> tuple[str, ...]:
    """What a reader must know before believing the verdicts."""
    notes = []
    if n_seeds == 1:
        notes.append("One seed: nothing about differences can be shown. Run at least 5.")
    elif n_seeds < 5:
        notes.append(f"Only {n_seeds} seeds: intervals are wide and their coverage is approximate. Run at least 5.")
    if n_compared > 1 and n_seeds > 1:
        notes.append(
            f"{n_compared} methods were compared. Better and worse are said after Holm's correction over them; the "
            "intervals are 95 % each, without it."
        )
    notes.append(
        "Intervals are over seeds (initial weights, order of data, which rows the reference network got), "
        "not over other test sets."
    )
    notes.append(
        "The rows held out for the reference network were withheld from uniform, too; without selection it could have "
        "trained on them."
    )
    return tuple(notes)


def _points(found: Interval) -> str:
    if found.low is None or found.high is None:
        return f"{100 * found.mean:+.2f} points in the one seed run"
    return f"{100 * found.mean:+.2f} points [{100 * found.low:+.2f}, {100 * found.high:+.2f}]"


def _times(found: SpeedUp) -> str:
    most = "at most " if found.missed else ""
    text = f"{most}{found.ratio.mean:.2f} × as fast"
    if found.ratio.low is not None and found.ratio.high is not None:
        text += f" [{found.ratio.low:.2f}, {found.ratio.high:.2f}]"
    if found.missed:
        text += f" (not reached in {found.missed} of {found.ratio.n} seeds)"
    return text


def headline(verdicts: Sequence[Verdict]) -> str:
    """One sentence over all methods, for the top of the report."""
    if not verdicts:
        return "Only uniform was run: there is nothing to compare it with."
    gains = [each.method for each in verdicts if each.gain == GAIN]
    found = f"Gain at equal wall clock with everything counted: {', '.join(gains) or 'none'}."
    return (
        f"{found} On accuracy at equal steps {_tally([each.accuracy for each in verdicts])}; "
        f"on time to uniform's accuracy {_tally([each.wall_clock_with_setup for each in verdicts])}."
    )


def _tally(outcomes: Sequence[Outcome]) -> str:
    n = len(outcomes)
    better, worse = outcomes.count(BETTER), outcomes.count(WORSE)
    if not better and not worse:
        return "no difference from uniform was shown" + (f" for any of {n} methods" if n > 1 else "")
    if n == 1:
        return "the method was " + outcomes[0]
    if n in (better, worse):
        return f"all {n} methods were {BETTER if better else WORSE}"
    gained = f"{better} of {n} methods {_was(better)} better than uniform"
    if not better:
        gained = "no method was better than uniform"
    if not worse:
        return gained
    return f"{gained} and {worse}{'' if better else f' of {n}'} {_was(worse)} worse"


def _was(count: int) -> str:
    return "was" if count == 1 else "were"
