"""Tables of the study."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from bench.markdown import table
from bench.study.methods import ABLATIONS, DEFAULT, METHODS, shown
from bench.study.problems import SETS, Problem
from bench.study.results import Runs
from bench.study.speed import MEASURES, costs, difference, final, problems_of, speed, worst_class
from saln.pilot.judging.intervals import Interval
from saln.pilot.judging.kpi import SpeedUp
from saln.pilot.output.words import points, short_times, times

AIM, FLOOR = 2.0, 0.95
"""Times as fast as uniform: where data are redundant or noisy, and everywhere."""
REDUNDANT_OR_NOISY = ("noise", "duplicates")


def default_table(runs: Runs) -> str:
    """The default against uniform on every set and condition, and whether the aims were met."""
    rows = []
    for problem in problems_of(runs):
        gained, cost = difference(runs, problem, DEFAULT), costs(runs, problem, DEFAULT)
        base = costs(runs, problem, "uniform")
        if gained is None or cost is None or base is None:
            continue
        everything = speed(runs, problem, DEFAULT, "everything")
        rows.append(
            [
                SETS[problem.set].title,
                problem.condition,
                _marked(points(gained), gained, 0.0),
                *(_speed(speed(runs, problem, DEFAULT, measure)) for measure in MEASURES),
                f"{(cost.selection + cost.training) / (base.selection + base.training):.1f}",
                "" if everything is None else aim(problem, everything),
            ]
        )
    head = ("set", "condition", "points", "× steps", "× seconds", "× seconds, everything", "a step costs ×", "aim")
    return table(head, rows) if rows else "No runs of the default are in the results file yet."


def ablation_table(runs: Runs) -> str:
    """The default, parts of it, and who knows everything: points of the final value, and times by steps."""
    names = [name for name in (DEFAULT, *ABLATIONS) if any(key.method == name for key in runs)]
    rows = []
    for problem in problems_of(runs):
        found = [(difference(runs, problem, name), speed(runs, problem, name, "steps")) for name in names]
        cells = [
            "-"
            if gained is None or fast is None
            else f"{_marked(f'{100 * gained.mean:+.1f}', gained, 0.0)}, {short_times(fast)}"
            for gained, fast in found
        ]
        if any(cell != "-" for cell in cells):
            rows.append([SETS[problem.set].title, problem.condition, *cells])
    return table(("set", "condition", *map(shown, names)), rows) if rows else ""


def aim(problem: Problem, found: SpeedUp) -> str:
    """Whether the aim for this problem was met: surely, by the mean alone, or not."""
    wanted = AIM if problem.condition in REDUNDANT_OR_NOISY else FLOOR
    if found.missed or found.ratio.mean < wanted:
        return f"missed (≥ {wanted})"
    return (
        f"met (≥ {wanted})" if found.ratio.low is not None and found.ratio.low >= wanted else f"mean met (≥ {wanted})"
    )


def final_table(runs: Runs, name: str) -> str:
    """Final accuracy with its bootstrap interval, and the difference to uniform with its t interval."""
    return _by_condition(runs, name, _final_cell)


def worst_table(runs: Runs, name: str) -> str:
    """Final accuracy of the worst class, less uniform's."""
    return _by_condition(runs, name, lambda runs, problem, method: _found(worst_class(runs, problem, method)))


def speed_table(runs: Runs, name: str, measure: str) -> str:
    """How many times as fast as uniform to uniform's final accuracy."""

    def cell(runs: Runs, problem: Problem, method: str) -> str:
        return _speed(speed(runs, problem, method, measure))

    return _by_condition(runs, name, cell, without=("uniform",))


def cost_table(runs: Runs, name: str) -> str:
    """CPU milliseconds, median over the conditions' seeds, of the first condition."""
    problem = next(each for each in problems_of(runs) if each.set == name)
    rows = []
    for method in _methods(runs, problem):
        found = costs(runs, problem, method)
        if found is not None:
            each = (found.selection, found.training, found.selection + found.training)
            rows.append([shown(method), *(f"{value:.2f}" for value in each), f"{found.setup:.0f}"])
    return table(("method", "selection", "training", "a step", "before the first step"), rows)


def _by_condition(runs: Runs, name: str, cell: Callable[[Runs, Problem, str], str], without: Sequence[str] = ()) -> str:
    there = [each for each in problems_of(runs) if each.set == name]
    methods = dict.fromkeys(method for problem in there for method in _methods(runs, problem))
    rows = []
    for method in methods:
        cells = [cell(runs, problem, method) for problem in there]
        if method not in without and any(cells):
            rows.append([shown(method), *(each or "-" for each in cells)])
    return table(("method", *(each.condition for each in there)), rows)


def _methods(runs: Runs, problem: Problem) -> Iterable[str]:
    there = {key.method for key in runs if key[:2] == problem}
    return [name for name in METHODS if name in there]


def _final_cell(runs: Runs, problem: Problem, method: str) -> str:
    found, gained = final(runs, problem, method), difference(runs, problem, method)
    if found is None:
        return ""
    text = f"{100 * found.mean:.1f}"
    if found.bootstrap_low is not None and found.bootstrap_high is not None:
        text += f" [{100 * found.bootstrap_low:.1f}, {100 * found.bootstrap_high:.1f}]"
    if method == "uniform" or gained is None:
        return f"{text} (n = {found.n})"
    return f"{text}; {_found(gained)}"


def _found(found: Interval | None) -> str:
    return "" if found is None else _marked(points(found), found, 0.0)


def _speed(found: SpeedUp | None) -> str:
    if found is None:
        return ""
    text = times(found)
    if found.missed:
        text += f", {found.missed} of {found.ratio.n} never"
        # An upper bound wins nothing, but it can lose.
        return f"{text} **-**" if found.ratio.below(1.0) else text
    return _marked(text, found.ratio, 1.0)


def _marked(text: str, found: Interval, neutral: float) -> str:
    """With a sign in bold where both intervals are clear of the neutral value."""
    if found.above(neutral):
        return f"{text} **+**"
    return f"{text} **-**" if found.below(neutral) else text


def default_summary(runs: Runs) -> str:
    """How often the aims were met, in a sentence each."""
    parts = []
    for wanted, conditions in ((AIM, REDUNDANT_OR_NOISY), (FLOOR, None)):
        found = [
            everything
            for problem in problems_of(runs)
            if conditions is None or problem.condition in conditions
            if (everything := speed(runs, problem, DEFAULT, "everything")) is not None
        ]
        steps = [
            by_steps
            for problem in problems_of(runs)
            if conditions is None or problem.condition in conditions
            if (by_steps := speed(runs, problem, DEFAULT, "steps")) is not None
        ]
        if found:
            where = "with noise or duplicates" if conditions else "in all"
            parts.append(
                f"Of {len(found)} problems {where}, the default was at least {wanted} × as fast as uniform in "
                f"{_reached(found, wanted)} with everything counted, and in {_reached(steps, wanted)} by steps."
            )
    return " ".join(parts)


def _reached(found: list[SpeedUp], wanted: float) -> int:
    return sum(not each.missed and each.ratio.mean >= wanted for each in found)
