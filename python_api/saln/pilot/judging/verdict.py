"""Plain words for what the figures show, and no more than they show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from saln.pilot.judging.intervals import Comparison, Interval
from saln.pilot.judging.kpi import CLAIMS, Kpis
from saln.pilot.judging.measures import MEASURES

Outcome = Literal["better than uniform", "no difference shown", "worse than uniform"]
BETTER: Outcome = "better than uniform"
EQUAL: Outcome = "no difference shown"
WORSE: Outcome = "worse than uniform"

Gain = Literal["gain", "gain at equal steps only", "no gain", "loss"]
GAIN: Gain = "gain"
STEPS_ONLY: Gain = "gain at equal steps only"
NO_GAIN: Gain = "no gain"
LOSS: Gain = "loss"

QUESTIONS = ("final_accuracy", "training_speed_up", "speed_up", "lead_in_own_training_time", "lead_in_own_time")
"""Figures by which a verdict is given; what each asks is `question.FIGURE` of the catalogue. More is better in all."""


@dataclass(frozen=True)
class Answer:
    """What one figure shows against uniform.

    Attributes
    ----------
    figure : str
    outcome : {"better than uniform", "no difference shown", "worse than uniform"}
        On which side of no difference `found` lies.
    found : Comparison
    """

    figure: str
    outcome: Outcome
    found: Comparison


@dataclass(frozen=True)
class Verdict:
    """A method against uniform.

    Attributes
    ----------
    method : str
    gain : {"gain", "gain at equal steps only", "no gain", "loss"}
        Whether it paid. "gain" is at equal wall clock with everything counted: sooner at uniform's final accuracy, or
        more accurate than uniform after as many seconds. "loss" is less accurate at equal steps, and no gain anywhere.
    answers : tuple of Answer
        To `QUESTIONS`, without those that could not be asked: uniform was not run for longer.
    """

    method: str
    gain: Gain
    answers: tuple[Answer, ...]

    def outcome(self, figure: str) -> Outcome | None:
        """The answer by one figure."""
        return next((each.outcome for each in self.answers if each.figure == figure), None)

    def found(self, figure: str) -> Comparison | None:
        """The comparison behind that answer."""
        return next((each.found for each in self.answers if each.figure == figure), None)


def judge(kpis: Kpis) -> Verdict:
    """The verdict on one method; a loss is called a loss.

    Raises
    ------
    ValueError
        The figures are uniform's.
    """
    asked = {figure: found for figure in QUESTIONS if (found := kpis.against(figure)) is not None}
    if not asked:
        raise ValueError(f"{kpis.method} has not been compared with uniform")
    said = {figure: outcome(found, MEASURES[figure].neutral) for figure, found in asked.items()}
    if BETTER in [said.get(figure) for figure in CLAIMS]:
        gain = GAIN
    else:
        gain = {BETTER: STEPS_ONLY, EQUAL: NO_GAIN, WORSE: LOSS}[said["final_accuracy"]]
    return Verdict(kpis.method, gain, tuple(Answer(each, said[each], asked[each]) for each in asked))


def outcome(found: Interval, neutral: float) -> Outcome:
    """On which side of no difference the interval lies."""
    if found.above(neutral):
        return BETTER
    return WORSE if found.below(neutral) else EQUAL
