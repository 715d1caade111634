"""The paper's claims against the study's figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from bench.markdown import table
from bench.study.methods import PAPERS
from bench.study.problems import SETS, Problem
from bench.study.results import Runs
from bench.study.speed import difference, problems_of, speed
from saln.pilot.judging.intervals import Interval
from saln.pilot.output.words import points

FASTER, POINTS = 8.0, 0.05


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
    rows = []
    for claim, measure in (("steps", "steps"), ("clock, total cost", "everything")):
        best = _best(runs, lambda problem, method, by=measure: _ratio(runs, problem, method, by), 1.0)  # type: ignore[misc]
        if best is not None:
            shown = f"at best {best.found.mean:.2f} × {_bounds(best.found)} ({best})"
            rows.append(
                [f"up to 8 × less training time ({claim})", f"{shown}; {_tally(best)}", _word(best, FASTER, 1.0)]
            )
    best = _best(runs, lambda problem, method: difference(runs, problem, method), 0.0)
    if best is not None:
        shown = f"at best {points(best.found)} points ({best})"
        rows.append(["up to 5 points more accuracy than random", f"{shown}; {_tally(best)}", _word(best, POINTS, 0.0)])
    best = _best(runs, lambda problem, method: difference(runs, problem, method, beside="jest"), 0.0)
    if best is not None:
        word = "reproduced" if best.clear == best.of else "partly" if best.clear > best.lost else "not reproduced"
        rows.append(["better than JEST", f"at best {points(best.found)} points ({best}); {_tally(best)}", word])
    return table(("claim", "found", "verdict"), rows) if rows else "No runs of the paper's methods yet."


def _ratio(runs: Runs, problem: Problem, method: str, measure: str) -> Interval | None:
    """An upper bound, where the method never got there in some seed, is no evidence of speed."""
    found = speed(runs, problem, method, measure)
    if found is None:
        return None
    if not found.missed:
        return found.ratio
    return dataclasses.replace(found.ratio, low=0.0, bootstrap_low=0.0)


def _best(runs: Runs, figure: Callable[[Problem, str], Interval | None], neutral: float) -> Best | None:
    found = [
        (interval, method, problem)
        for problem in problems_of(runs)
        for method in PAPERS
        if (interval := figure(problem, method)) is not None
    ]
    if not found:
        return None
    best, method, problem = max(found, key=lambda each: each[0].mean)
    clear = sum(interval.above(neutral) for interval, _, _ in found)
    return Best(method, problem, best, clear, sum(interval.below(neutral) for interval, _, _ in found), len(found))


def _tally(best: Best) -> str:
    return f"clearly better in {best.clear}, clearly worse in {best.lost} of {best.of} comparisons"


def _word(best: Best, wanted: float, neutral: float) -> str:
    """Reproduced where the best reaches what was claimed, partly where any is clearly better at all."""
    if best.found.above(neutral) and best.found.mean >= wanted:
        return "reproduced"
    return "partly" if best.clear else "not reproduced"


def _bounds(found: Interval) -> str:
    if found.low is None or found.high is None:
        return ""
    return f"[{found.low:.2f}, {found.high:.2f}]"
