"""Is there a default method that cannot hurt? `python -m bench.default_study --data FOLDER --results FILE.csv`.

Every method of `study_methods.py` on every set and condition of `study_tasks.py`, seed after seed. Each finished run is
a line of the results file; runs that stand there are not repeated, so that the program can be stopped and started at
will. Accuracies do not depend on the machine's load; times are CPU time of one thread, and a busy machine lengthens
even those. What to go on with was chosen by the seeds of `CHOSEN_ON`, on which everything ran; the methods of `KEPT`
ran on the others, too. `--tables`, `--picture` and `--page` run nothing.
"""

import argparse
import csv
import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench.study_methods import CHOSEN_ON, KEPT, METHODS
from bench.study_picture import draw
from bench.study_runs import CHECKED, Run, run
from bench.study_tables import summary, tables
from bench.study_tasks import CONDITIONS, make_task

COSTS = tuple(field.name for field in dataclasses.fields(Run))[1:]
MARK = "<!-- python -m bench.default_study --page: everything below is generated -->"
HEAD = ("set", "condition", "method", "seed", *(f"accuracy_{step}" for step in CHECKED), *COSTS)


class Key(NamedTuple):
    """Which run."""

    set: str
    condition: str
    method: str
    seed: int


def read(file: Path) -> dict[Key, Run]:
    """Finished runs; none where there is no file."""
    if not file.exists():
        return {}
    with file.open(newline="", encoding="utf-8") as lines:
        return {
            Key(line["set"], line["condition"], line["method"], int(line["seed"])): Run(
                tuple(float(line[f"accuracy_{step}"]) for step in CHECKED), *(float(line[cost]) for cost in COSTS)
            )
            for line in csv.DictReader(lines)
        }


def wanted(seeds: list[int], methods: list[str]) -> Iterator[Key]:
    """All conditions of a seed before the next, methods not kept on the first seeds alone; expensive methods last."""
    for late in (False, True):
        for seed in seeds:
            runs = [each for each in methods if METHODS[each].late is late and (seed in CHOSEN_ON or each in KEPT)]
            for name, condition in CONDITIONS:
                yield from (Key(name, condition, each, seed) for each in runs)


def work(data: Path, file: Path, keys: list[Key]) -> None:
    """Run what is missing, a line each."""
    fresh = not file.exists()
    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        file.open("a", newline="", encoding="utf-8") as lines,
        Progress(*columns, console=Console(stderr=True)) as progress,
    ):
        writer = csv.writer(lines)
        if fresh:
            writer.writerow(HEAD)
        bar = progress.add_task("", total=len(keys))
        problem, task = None, None
        for key in keys:
            progress.update(bar, description=" ".join(map(str, key)))
            if task is None or problem != (key.set, key.condition, key.seed):
                problem = (key.set, key.condition, key.seed)
                task = make_task(data, key.set, key.condition, key.seed)
            found = run(task, METHODS[key.method])
            costs = (f"{getattr(found, cost):.4f}" for cost in COSTS)
            writer.writerow([*key, *(f"{each:.5f}" for each in found.accuracy), *costs])
            lines.flush()
            progress.advance(bar)


def page(text: str, runs: dict[Key, Run]) -> str:
    """The text with the tables of these runs after its mark."""
    before, mark, _ = text.partition(MARK)
    if not mark:
        raise ValueError(f"the page has no {MARK}")
    return f"{before}{MARK}\n\n{tables(runs)}"


def main(arguments: list[str] | None = None) -> None:
    """Run and print tables, or with --json the figures behind them."""
    parser = argparse.ArgumentParser(prog="python -m bench.default_study", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the sets")
    parser.add_argument("--results", type=Path, required=True, help="CSV file, read and added to")
    parser.add_argument("--seeds", default="0,1,2,3,4,5,6", help="separated by commas")
    parser.add_argument("--methods", default=",".join(METHODS), help="separated by commas")
    parser.add_argument("--tables", action="store_true", help="run nothing")
    parser.add_argument("--picture", type=Path, help="SVG file to draw; run nothing")
    parser.add_argument("--page", type=Path, help=f"markdown file to rewrite from {MARK} on; run nothing")
    parser.add_argument("--json", action="store_true", help="figures instead of tables")
    given = parser.parse_args(arguments)
    unknown = [each for each in given.methods.split(",") if each not in METHODS]
    if unknown:
        parser.error(f"methods has {', '.join(unknown)}, want some of {', '.join(METHODS)}")
    if not (given.tables or given.picture or given.page):
        if given.data is None or not given.data.is_dir():
            parser.error(f"data is {given.data}, want the folder of the sets")
        torch.set_num_threads(1)
        seeds = [int(each) for each in given.seeds.split(",")]
        done = read(given.results)
        work(given.data, given.results, [key for key in wanted(seeds, given.methods.split(",")) if key not in done])
    runs = read(given.results)
    if given.picture:
        draw(runs, given.picture)
    if given.page:
        given.page.write_text(page(given.page.read_text(encoding="utf-8"), runs), encoding="utf-8")
    if given.picture or given.page:
        return
    sys.stdout.write(json.dumps(summary(runs), indent=1) + "\n" if given.json else tables(runs))


if __name__ == "__main__":
    main()
