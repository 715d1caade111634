"""Tables of the default's study: differences to uniform of paired seeds, with intervals."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bench.markdown import table
from bench.study_methods import CHOSEN_ON, KEPT, METHODS
from bench.study_runs import CHECKED, Run
from bench.study_tasks import CONDITIONS
from saln.pilot.judging.intervals import Interval, interval

if TYPE_CHECKING:
    from bench.default_study import Key

SHOWN = (25, 100, 300)
TOLERATED = 0.005  # below uniform
Runs = Mapping["Key", Run]


def fresh(runs: Runs) -> dict[Key, Run]:
    """Runs of the methods kept, on the seeds by which nothing was chosen."""
    return {key: run for key, run in runs.items() if key.seed not in CHOSEN_ON and key.method in KEPT}


def first(runs: Runs) -> dict[Key, Run]:
    """Runs of all methods on the first seed, by which most was chosen."""
    return {key: run for key, run in runs.items() if key.seed == CHOSEN_ON[0]}


def differences(
    runs: Runs, method: str, name: str, condition: str, step: int, of_uniform: int | None = None
) -> list[float]:
    """Accuracy less that of uniform after so many steps, or as many of uniform's, one value a seed that has both."""
    at, then = CHECKED.index(step), CHECKED.index(of_uniform or step)
    base = {key.seed: run for key, run in runs.items() if key[:3] == (name, condition, "uniform")}
    mine = {key.seed: run for key, run in runs.items() if key[:3] == (name, condition, method)}
    return [mine[seed].accuracy[at] - base[seed].accuracy[then] for seed in sorted(mine.keys() & base.keys())]


def compared(runs: Runs, method: str, step: int) -> dict[tuple[str, str], Interval]:
    """An interval for every set and condition that has runs."""
    found = {each: differences(runs, method, *each, step) for each in CONDITIONS}
    return {each: interval(values) for each, values in found.items() if values}


@dataclasses.dataclass(frozen=True)
class Verdict:
    """How a method fares against uniform over all sets and conditions at one step.

    Attributes
    ----------
    worse, better : int
        Conditions whose whole t interval is below, above zero.
    lowest : float
        The smallest mean difference.
    mean : float
        Over conditions.
    positive, conditions : int
        Conditions with a mean above zero, and all.
    """

    worse: int
    better: int
    lowest: float
    mean: float
    positive: int
    conditions: int


def verdict(runs: Runs, method: str, step: int) -> Verdict | None:
    """None without runs."""
    found = list(compared(runs, method, step).values())
    if not found:
        return None
    return Verdict(
        worse=sum(each.high is not None and each.high < 0 for each in found),
        better=sum(each.low is not None and each.low > 0 for each in found),
        lowest=min(each.mean for each in found),
        mean=statistics.fmean(each.mean for each in found),
        positive=sum(each.mean > 0 for each in found),
        conditions=len(found),
    )


def costs(runs: Runs, method: str, name: str) -> dict[str, float]:
    """Median CPU milliseconds of this method's runs on a set."""
    mine = [run for key, run in runs.items() if key.set == name and key.method == method]
    parts = ("score_ms", "select_ms", "train_ms", "reference_ms")
    return {part: statistics.median(getattr(run, part) for run in mine) for part in parts} if mine else {}


def summary(runs: Runs) -> dict[str, Any]:
    """Everything the tables show, and the intervals of both kinds, ready for JSON."""
    names = dict.fromkeys(name for name, _ in CONDITIONS)
    return {
        method: {
            "verdict": {step: _plain(verdict(runs, method, step)) for step in CHECKED},
            "difference": {
                f"{name}/{condition}": {
                    step: _plain(compared(runs, method, step).get((name, condition))) for step in CHECKED
                }
                for name, condition in CONDITIONS
            },
            "costs": {name: costs(runs, method, name) for name in names},
        }
        for method in METHODS
        if any(key.method == method for key in runs)
    }


def tables(runs: Runs) -> str:
    """Markdown: what is claimed, by fresh seeds, set by set; then all that was tried, by the first."""
    told, tried = fresh(runs), first(runs)
    parts = ["## All sets and conditions, fresh seeds", _verdicts(told)]
    for name in dict.fromkeys(name for name, _ in CONDITIONS):
        conditions = [condition for each, condition in CONDITIONS if each == name]
        parts += [f"## {name}, fresh seeds", *(_differences(told, name, conditions, step) for step in reversed(SHOWN))]
        parts.append(_costs(told, name))
    parts += ["## After 100 steps, against uniform after 300, fresh seeds", _ahead(told, 100, 300)]
    parts += [f"## All that was tried, seed {CHOSEN_ON[0]} alone", _verdicts(tried), _lowest(tried, SHOWN[-1])]
    return "\n\n".join(parts) + "\n"


def _verdicts(runs: Runs) -> str:
    rows = []
    for method in METHODS:
        row: list[object] = [method, "yes" if METHODS[method].reference else "no"]
        for step in SHOWN:
            found = verdict(runs, method, step)
            if found is not None:
                row += [_points(found.mean), _points(found.lowest), f"{found.positive}/{found.conditions}"]
                row.append(f"{found.better}/{found.worse}")
        rows.append(row)
    head = ["method", "reference", *(f"{step}: {part}" for step in SHOWN for part in ("mean", "lowest", "> 0", "+/-"))]
    return table(head, [row for row in rows if len(row) > 2])


def _ahead(runs: Runs, step: int, of_uniform: int) -> str:
    rows = []
    for method in METHODS:
        found = {each: differences(runs, method, *each, step, of_uniform) for each in CONDITIONS}
        if any(found.values()):
            rows.append([method, *(_cell(interval(each)) if each else "-" for each in found.values())])
    return table(["method", *(f"{name} {condition}" for name, condition in CONDITIONS)], rows)


def _lowest(runs: Runs, step: int) -> str:
    rows = []
    for method in METHODS:
        found = compared(runs, method, step)
        if found:
            rows.append([method, *(_points(found[each].mean) if each in found else "-" for each in CONDITIONS)])
    return f"After {step} steps:\n\n" + table(["method", *(f"{a} {b}" for a, b in CONDITIONS)], rows)


def _differences(runs: Runs, name: str, conditions: list[str], step: int) -> str:
    at = CHECKED.index(step)
    rows = []
    for method in METHODS:
        cells = []
        for condition in conditions:
            if method == "uniform":
                mine = [run.accuracy[at] for key, run in runs.items() if key[:3] == (name, condition, method)]
                cells.append(f"{100 * statistics.fmean(mine):.1f} (n = {len(mine)})" if mine else "-")
            else:
                values = differences(runs, method, name, condition, step)
                cells.append(_cell(interval(values)) if values else "-")
        if any(cell != "-" for cell in cells):
            rows.append([method, *cells])
    return f"After {step} steps:\n\n" + table(["method", *conditions], rows)


def _costs(runs: Runs, name: str) -> str:
    rows = []
    for method in METHODS:
        found = costs(runs, method, name)
        if found:
            score, select, train, reference = found.values()
            rows.append([method, *(f"{each:.2f}" for each in (score, select, train, score + select + train))])
            rows[-1].append(f"{reference:.0f}")
    return "CPU milliseconds:\n\n" + table(["method", "score", "select", "train", "a step", "reference, once"], rows)


def _cell(found: Interval) -> str:
    if found.low is None or found.high is None:
        return _points(found.mean)
    mark = " **-**" if found.high < 0 else " **+**" if found.low > 0 else ""
    return f"{_points(found.mean)} ± {100 * (found.high - found.mean):.1f}{mark}"


def _points(difference: float) -> str:
    return f"{100 * difference:+.1f}"


def _plain(value: Any) -> Any:
    return None if value is None else dataclasses.asdict(value)
