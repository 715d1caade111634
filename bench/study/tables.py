"""Tables of the study from its runs: `python -m bench.study.tables` prints them, or fills them into `--page FILE`.

Differences are within a seed; intervals are Student's t over seeds, 95 %, one by one. *Times as fast* is uniform's CPU
time over the method's, each to uniform's final value in that seed, choosing and the look counted; where a seed never
got there, all it took counts, and the ratio is an upper bound.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.markdown import table
from bench.study.__main__ import BASE, FILE, LONG, OTHERS, PARTS, SALN, SHORTER, TELLING
from bench.study.conditions import CONDITIONS
from bench.study.runs import ORACLE, Cell, Runs
from bench.study.tasks import TASKS
from saln.pilot.judging.intervals import Interval, interval

Found = dict[Cell, dict[str, Any]]
PAPER = ("gstds", *SALN)


def main() -> None:
    """Print, or fill in between `<!-- name -->` and `<!-- end -->`."""
    parser = argparse.ArgumentParser(prog="python -m bench.study.tables", description=__doc__)
    parser.add_argument("--input", type=Path, default=FILE)
    parser.add_argument("--page", type=Path)
    given = parser.parse_args()
    found = Runs(given.input).found
    made = {name: make(found) for name, make in TABLES.items()}
    if given.page is None:
        sys.stdout.write("\n\n".join(made.values()) + "\n")
        return
    text = given.page.read_text(encoding="utf-8")
    for name, each in made.items():
        before, mark, rest = text.partition(f"<!-- {name} -->\n")
        if mark:
            text = before + mark + each + "\n" + rest[rest.index("<!-- end -->") :]
    given.page.write_text(text, encoding="utf-8")


def default(found: Found) -> str:
    """The default beside random batches and an oracle."""
    rows = []
    for task, condition in _cells(found):
        seeds = _seeds(found, task, condition, "auto", "uniform")
        if not seeds:
            continue
        knows = _seeds(found, task, condition, "auto", ORACLE) == seeds  # fewer seeds are another question
        lines = [found[Cell(task, condition, "auto", seed)] for seed in seeds]
        rows.append(
            (
                task, condition, len(seeds),
                *(_mean(found, task, condition, method) for method in ("uniform", "auto")),
                _mean(found, task, condition, ORACLE) if knows else "",
                points(_differences(found, task, condition, "auto", "uniform", seeds)),
                points(_differences(found, task, condition, "auto", ORACLE, seeds)) if knows else "",
                times(found, task, condition, "auto", seeds),
                f"{100 * statistics.fmean(line['wrong_chosen'] for line in lines):.0f} %",
                _choosing(lines),
            )
        )  # fmt: skip
    head = ("training", "data", "seeds", "random", "`auto`", "oracle", "`auto` − random", "`auto` − oracle",
            "times as fast", "wrong labels chosen", "of its time choosing")  # fmt: skip
    return table(head, rows)


def schedules(found: Found) -> str:
    """On schedules of their own, each against random batches on a longer one."""
    rows = []
    for task, condition in _cells(found):
        if condition not in SHORTER:
            continue
        for longer in (1.0, 1 / SHORTER[condition]):
            shorter = longer * SHORTER[condition]
            with_random = {*_seeds(found, task, condition, "uniform", length=longer)}
            seeds = {m: sorted(with_random & {*_seeds(found, task, condition, m, length=shorter)}) for m in BASE}
            if not seeds["auto"]:
                continue
            shown = [
                points(_differences(found, task, condition, method, "uniform", seeds[method], (shorter, longer)))
                if seeds[method] == seeds["auto"]
                else ""
                for method in ("auto", "uniform", ORACLE)
            ]
            steps = [
                found[Cell(task, condition, method, seeds["auto"][0], length)]["curve"][-1][0]
                for method, length in (("uniform", longer), ("auto", shorter))
            ]
            rows.append((task, condition, *steps, len(seeds["auto"]), *shown))
    head = ("training", "data", "steps of random batches", "fewer", "seeds",
            "`auto` in fewer", "random in fewer", "oracle in fewer")  # fmt: skip
    return table(head, rows)


def long(found: Found) -> str:
    """On clean data, with more steps than elsewhere."""
    rows = []
    for task in dict(_cells(found)):
        if seeds := _seeds(found, task, "clean", "auto", "uniform", length=LONG):
            lines = [found[Cell(task, "clean", "auto", seed, LONG)] for seed in seeds]
            rows.append(
                (
                    task, lines[0]["curve"][-1][0], len(seeds),
                    *(_mean(found, task, "clean", method, LONG) for method in ("uniform", "auto")),
                    points(_differences(found, task, "clean", "auto", "uniform", seeds, (LONG, LONG))),
                    times(found, task, "clean", "auto", seeds, LONG),
                    _choosing(lines),
                )
            )  # fmt: skip
    head = ("training", "steps", "seeds", "random", "`auto`",
            "`auto` − random", "times as fast", "of its time choosing")  # fmt: skip
    return table(head, rows)


def _methods(names: Sequence[str]) -> Callable[[Found], str]:
    def make(found: Found) -> str:
        """Points over random batches, where it tells."""
        columns = [(task, condition) for task, condition in _cells(found) if condition in TELLING]
        rows = []
        for method in names:
            shown = []
            for task, condition in columns:
                seeds = _seeds(found, task, condition, method, "uniform")
                shown.append(points(_differences(found, task, condition, method, "uniform", seeds)) if seeds else "")
            if any(shown):
                rows.append((f"`{method}`", *shown))
        kept = [i for i in range(len(columns)) if any(row[i + 1] for row in rows)]
        head = ("method", *(f"{columns[i][0]}, {columns[i][1]}" for i in kept))
        return table(head, [(row[0], *(row[i + 1] for i in kept)) for row in rows])

    return make


def claims(found: Found) -> str:
    """What the paper claims, and what was found: the best of its rules anywhere."""
    faster, more, over_jest = [], [], []
    for task, condition in _cells(found):
        for method in PAPER:
            where = f"`{method}` on {task}, {condition}"
            if seeds := _seeds(found, task, condition, method, "uniform"):
                faster.append((_speed(found, task, condition, method, seeds), where))
                more.append((interval(_differences(found, task, condition, method, "uniform", seeds)), where))
            if seeds := _seeds(found, task, condition, method, "jest"):
                over_jest.append((interval(_differences(found, task, condition, method, "jest", seeds)), where))
    rows = []
    for claim, among, show, neutral in (
        ("up to 8 × less training time (steps and choosing)", faster, _times, 1.0),
        ("up to 5 points more accuracy than random", more, _points, 0.0),
        ("better than JEST", over_jest, _points, 0.0),
    ):
        if not among:
            continue
        best, where = max(among, key=lambda each: each[0].mean)
        better, worse = (sum(getattr(each, side)(neutral) for each, _ in among) for side in ("above", "below"))
        rows.append((claim, f"at best {show(best)} ({where})", f"better in {better}, worse in {worse} of {len(among)}"))
    return table(("claim", "found", "clear of no difference"), rows) if rows else "Not run yet."


TABLES: dict[str, Callable[[Found], str]] = {
    "default": default,
    "schedules": schedules,
    "long": long,
    "parts": _methods(("auto", *PARTS)),
    "methods": _methods(("auto", *OTHERS)),
    "claims": claims,
}


def score(line: dict[str, Any]) -> float:
    """What a run is judged by, after its last step."""
    return float(line["final"][line["judged_by"]])


def points(differences: Sequence[float]) -> str:
    """Hundredths, with the interval; bold where it is clear of 0; nothing of nothing.

    >>> points([0.01, 0.02, 0.03])
    '+2.0 [-0.5, +4.5]'
    """
    return _points(interval(differences)) if differences else ""


def times(
    found: Found, task: str, condition: str, method: str, seeds: Sequence[int], length: float = 1.0
) -> str:  # fmt: skip
    """Times as fast as random batches, with the interval."""
    return _times(_speed(found, task, condition, method, seeds, length))


def _choosing(lines: list[dict[str, Any]]) -> str:
    return f"{100 * statistics.fmean(line['selecting'] / line['seconds'] for line in lines):.0f} %"


def _points(shown: Interval) -> str:
    text = f"{100 * shown.mean:+.1f}"
    if shown.low is not None and shown.high is not None:
        text += f" [{100 * shown.low:+.1f}, {100 * shown.high:+.1f}]"
    return f"**{text}**" if shown.above(0.0) or shown.below(0.0) else text


def _times(shown: Interval) -> str:
    text = f"{'≤' if shown.missed else ''}{shown.mean:.2f}"
    if shown.high is not None:
        text += f" [≤{shown.high:.2f}]" if shown.low is None else f" [{shown.low:.2f}, {shown.high:.2f}]"
    return text


def _speed(
    found: Found, task: str, condition: str, method: str, seeds: Sequence[int], length: float = 1.0
) -> Interval:  # fmt: skip
    logs, missed = [], 0
    for seed in seeds:
        ours, theirs = (found[Cell(task, condition, each, seed, length)] for each in (method, "uniform"))
        reached = _reached(ours, score(theirs))
        missed += reached is None
        logs.append(math.log((_reached(theirs, score(theirs)) or theirs["seconds"]) / (reached or ours["seconds"])))
    return interval(logs, missed=missed).exp()


def _reached(line: dict[str, Any], target: float) -> float | None:
    """Seconds to the first evaluation at or above, with what came before the first step."""
    before = line["seconds"] - line["curve"][-1][1]
    return next((before + seconds for _, seconds, value in line["curve"] if value >= target), None)


def _cells(found: Found) -> Iterator[tuple[str, str]]:
    there = {(cell.task, cell.condition) for cell in found}
    return ((task, condition) for task in TASKS for condition in CONDITIONS if (task, condition) in there)


def _seeds(found: Found, task: str, condition: str, *methods: str, length: float = 1.0) -> list[int]:
    """Those that all of these methods have."""
    seeds = {cell.seed for cell in found}
    wanted = {seed: [Cell(task, condition, method, seed, length) for method in methods] for seed in seeds}
    return sorted(seed for seed, cells in wanted.items() if all(cell in found for cell in cells))


def _mean(found: Found, task: str, condition: str, method: str, length: float = 1.0) -> str:
    seeds = _seeds(found, task, condition, method, length=length)
    lines = [found[Cell(task, condition, method, seed, length)] for seed in seeds]
    return f"{statistics.fmean(score(line) for line in lines):.3f}" if lines else ""


def _differences(
    found: Found, task: str, condition: str, method: str, other: str, seeds: Sequence[int],
    lengths: tuple[float, float] = (1.0, 1.0),
) -> list[float]:  # fmt: skip
    """Of a method from another, each on a schedule of its length."""
    one, two = lengths
    return [
        score(found[Cell(task, condition, method, seed, one)]) - score(found[Cell(task, condition, other, seed, two)])
        for seed in seeds
    ]


if __name__ == "__main__":
    main()
