"""Tables of the study: short ones for the page, and all figures for a file beside it."""

from __future__ import annotations

from collections.abc import Callable

from bench.markdown import table
from bench.study.methods import ABLATIONS, DEFAULT, METHODS, shown
from bench.study.problems import SETS, Problem
from bench.study.results import Runs
from bench.study.speed import MEASURES, costs, difference, final, problems_of, speed
from saln.pilot.judging.intervals import Interval
from saln.pilot.output.words import points, times

_Cell = Callable[[Runs, Problem, str], str]
AIM, FLOOR = 2.0, 0.95
"""Times as fast as uniform: where data are redundant or noisy, and everywhere."""
REDUNDANT_OR_NOISY = ("noise", "duplicates")


def default_table(runs: Runs) -> str:
    """The default against uniform on every set and condition, and whether the aims were met."""
    rows = []
    for problem in problems_of(runs):
        gained, cost = difference(runs, problem, DEFAULT), costs(runs, problem, DEFAULT)
        base = costs(runs, problem, "uniform")
        by_steps, in_all = (speed(runs, problem, DEFAULT, measure) for measure in ("steps", "everything"))
        if gained is None or cost is None or base is None or by_steps is None or in_all is None:
            continue
        price = (cost.selection + cost.training) / (base.selection + base.training)
        cells = (_marked(points(gained), gained, 0.0), _speed(by_steps), _speed(in_all), f"{price:.1f}")
        rows.append([SETS[problem.set].title, problem.condition, *cells, aim(problem, in_all)])
    head = ("set", "condition", "points", "× steps", "× clock, total cost", "price of a step ×", "aim")
    return table(head, rows) if rows else "No runs of the default are in the results file yet."


def default_summary(runs: Runs) -> str:
    """How often the aims were met, in a sentence each."""
    parts = []
    for wanted, conditions in ((AIM, REDUNDANT_OR_NOISY), (FLOOR, None)):
        there = [each for each in problems_of(runs) if conditions is None or each.condition in conditions]
        found = {
            measure: [ratio for each in there if (ratio := speed(runs, each, DEFAULT, measure)) is not None]
            for measure in ("everything", "steps")
        }
        if found["steps"]:
            where = "with noise or duplicates" if conditions else "in all"
            clock, steps = (sum(_reached(each, wanted) for each in found[name]) for name in ("everything", "steps"))
            parts.append(
                f"Of {len(found['steps'])} problems {where}, the default was at least {wanted} × as fast as uniform in "
                f"{clock} by the clock, and in {steps} by steps."
            )
    return " ".join(parts)


def ablation_table(runs: Runs) -> str:
    """The default, parts of it, and who knows everything: points of the final value, and times by steps."""
    return _by_method(runs, (DEFAULT, *ABLATIONS), _points_and_steps)


def points_table(runs: Runs) -> str:
    """Points of the final value of all methods beside uniform."""
    return _by_method(runs, tuple(name for name in METHODS if name not in ABLATIONS), _points)


def clock_table(runs: Runs) -> str:
    """How many times as fast as uniform all methods are by the clock, at total cost."""

    def cell(runs: Runs, problem: Problem, method: str) -> str:
        found = speed(runs, problem, method, "everything")
        return "-" if found is None else _marked(times(found, bounds=False), found, 1.0)

    return _by_method(runs, tuple(name for name in METHODS if name not in ("uniform", *ABLATIONS)), cell)


def every_figure(runs: Runs) -> list[dict[str, object]]:
    """All figures with their intervals, a row per set, condition and method.

    `never` counts the seeds that did not reach uniform's final value: ratios and `high` are then upper bounds.
    """
    rows: list[dict[str, object]] = []
    for problem in problems_of(runs):
        for method in METHODS:
            at_the_end, cost = final(runs, problem, method), costs(runs, problem, method)
            if at_the_end is None or cost is None:
                continue
            row: dict[str, object] = {**problem._asdict(), "method": method, "seeds": at_the_end.n}
            row |= _columns("final", at_the_end)
            row |= _columns("difference", difference(runs, problem, method))
            row |= _columns("worst_class_difference", difference(runs, problem, method, of="worst_class"))
            for measure in MEASURES:
                found = speed(runs, problem, method, measure)
                row |= _columns(f"times_{measure}", found)
                row["never"] = "" if found is None else found.missed
            row |= {"selection_ms": f"{cost.selection:.2f}", "training_ms": f"{cost.training:.2f}"}
            rows.append({**row, "setup_ms": f"{cost.setup:.0f}"})
    return rows


def aim(problem: Problem, found: Interval) -> str:
    """Whether the aim for this problem was met: surely, by the mean alone, or not."""
    wanted = AIM if problem.condition in REDUNDANT_OR_NOISY else FLOOR
    if not _reached(found, wanted):
        return f"missed (≥ {wanted})"
    return f"met (≥ {wanted})" if found.low is not None and found.low >= wanted else f"mean met (≥ {wanted})"


def _by_method(runs: Runs, methods: tuple[str, ...], cell: _Cell) -> str:
    names = [name for name in methods if any(key.method == name for key in runs)]
    rows = []
    for problem in problems_of(runs):
        cells = [cell(runs, problem, name) for name in names]
        if any(each != "-" for each in cells):
            rows.append([SETS[problem.set].title, problem.condition, *cells])
    return table(("set", "condition", *map(shown, names)), rows) if rows else "No runs of these methods yet."


def _points_and_steps(runs: Runs, problem: Problem, method: str) -> str:
    gained, fast = difference(runs, problem, method), speed(runs, problem, method, "steps")
    if gained is None or fast is None:
        return "-"
    return f"{_marked(f'{100 * gained.mean:+.1f}', gained, 0.0)}, {times(fast, bounds=False)}"


def _points(runs: Runs, problem: Problem, method: str) -> str:
    at_the_end, gained = final(runs, problem, method), difference(runs, problem, method)
    if at_the_end is None or gained is None:
        return "-"
    return f"{100 * at_the_end.mean:.1f}" if method == "uniform" else _marked(f"{100 * gained.mean:+.1f}", gained, 0.0)


def _speed(found: Interval) -> str:
    never = f", {found.missed} of {found.n} never" if found.missed else ""
    return _marked(times(found) + never, found, 1.0)


def _marked(text: str, found: Interval, neutral: float) -> str:
    """With a sign in bold where the interval is clear of the neutral value; an upper bound can only lose."""
    if found.above(neutral):
        return f"{text} **+**"
    return f"{text} **-**" if found.below(neutral) else text


def _reached(found: Interval, wanted: float) -> bool:
    return not found.missed and found.mean >= wanted


def _columns(name: str, found: Interval | None) -> dict[str, str]:
    values = (None, None, None) if found is None else (found.mean, found.low, found.high)
    return dict(zip((name, f"{name}_low", f"{name}_high"), map(_short, values), strict=True))


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
