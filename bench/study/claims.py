"""The paper's claims against the study's figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial

from bench.markdown import table
from bench.study.methods import PAPERS
from bench.study.problems import SETS, Problem
from bench.study.results import Runs
from bench.study.speed import difference, problems_of, speed
from saln.pilot.judging.intervals import Interval
from saln.pilot.output.words import points, times

FASTER, POINTS = 8.0, 0.05
_Figure = Callable[[Runs, Problem, str], Interval | None]


@dataclasses.dataclass(frozen=True)
class Best:
    """The best of the paper's methods over all problems, by one figure."""

    method: str
    problem: Problem
    found: Interval
    clear: int  # problems and methods whose interval is clear on the good side
    lost: int  # on the bad side
    of: int

    def __str__(self) -> str:
        return f"{self.method} on {SETS[self.problem.set].title}, {self.problem.condition}"


def claims_table(runs: Runs) -> str:
    """What was claimed, what was found, and whether that reproduces it."""
    claims: list[tuple[str, _Figure, float, float]] = [
        ("up to 8 × less training time (steps)", partial(speed, measure="steps"), 1.0, FASTER),
        ("up to 8 × less training time (clock, total cost)", partial(speed, measure="everything"), 1.0, FASTER),
        ("up to 5 points more accuracy than random", difference, 0.0, POINTS),
        ("better than JEST", partial(difference, beside="jest"), 0.0, 0.0),
    ]
    rows = []
    for claim, figure, neutral, wanted in claims:
        best = _best(runs, figure, neutral)
        if best is not None:
            rows.append(
                [claim, f"at best {_shown(best.found, neutral)} ({best}); {_tally(best)}", _word(best, neutral, wanted)]
            )
    return table(("claim", "found", "verdict"), rows) if rows else "No runs of the paper's methods yet."


def _best(runs: Runs, figure: _Figure, neutral: float) -> Best | None:
    found = [
        (interval, method, problem)
        for problem in problems_of(runs)
        for method in PAPERS
        if (interval := figure(runs, problem, method)) is not None
    ]
    if not found:
        return None
    best, method, problem = max(found, key=lambda each: each[0].mean)
    clear = sum(interval.above(neutral) for interval, _, _ in found)
    return Best(method, problem, best, clear, sum(interval.below(neutral) for interval, _, _ in found), len(found))


def _tally(best: Best) -> str:
    return f"clearly better in {best.clear}, clearly worse in {best.lost} of {best.of} comparisons"


def _word(best: Best, neutral: float, wanted: float) -> str:
    """An amount is reproduced where the best clearly reaches it, a comparison (no amount) where all are better."""
    if best.found.mean >= wanted and best.found.above(neutral) if wanted else best.clear == best.of:
        return "reproduced"
    return "partly" if best.clear > (0 if wanted else best.lost) else "not reproduced"


def _shown(found: Interval, neutral: float) -> str:
    if not neutral:
        return f"{points(found)} points"
    return f"{times(found)} ×"
