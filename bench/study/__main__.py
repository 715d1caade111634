"""Does selection pay? `python -m bench.study --data FOLDER` runs what is missing and writes docs/study.md.

Every method on every set and condition that the folder has, seed after seed, through the pilot's own functions. Each
finished run is a line of the results file and is not repeated, so that the program can be stopped and started at will.
The page's tables and pictures are made of results files alone; `--tables` runs nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench.study import methods, problems, results
from bench.study.ablations import made
from bench.study.page import write
from bench.study.results import Key
from saln.pilot.output.result import machine, versions
from saln.pilot.problem.clock import cpu_time
from saln.pilot.problem.task import make_task
from saln.pilot.training.trainer import run_method

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "bench/results/study-2026-11-24.jsonl"
ALONE = ROOT / "bench/results/study-alone-2026-11-24.jsonl"
USEFULNESS = ROOT / "bench/results/usefulness-2026-11-24.csv"
PAGE = ROOT / "docs/study.md"
"""Its text is written by hand, its tables are replaced."""
WARM_UP_STEPS = 3


def wanted(there: list[problems.Problem], names: list[str], seeds: int) -> Iterator[Key]:
    """All problems of a seed before the next; costly methods after all others."""
    early = [name for name in names if name not in methods.LATE]
    for some in (early, *([name] for name in names if name in methods.LATE)):
        for seed in range(seeds):
            # Another method goes first in each seed, so that a machine that slows down favours none.
            turn = seed % max(1, len(some))
            for problem in there:
                fit = problems.SETS[problem.set].methods or names
                yield from (Key(*problem, name, seed) for name in (*some[turn:], *some[:turn]) if name in fit)


def work(data: Path, file: Path, keys: list[Key]) -> None:
    """Run what is missing, a line each. Seconds are CPU time."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TimeRemainingColumn())
    loaded, task, of, warm = "", None, None, set[str]()
    with file.open("a", encoding="utf-8") as lines, Progress(*columns, console=console) as progress, cpu_time():
        bar = progress.add_task("", total=len(keys))
        for key in keys:
            progress.update(bar, description=" ".join(map(str, key)))
            problem = problems.Problem(key.set, key.condition)
            config = problems.config(problem)
            if key.set != loaded:
                dataset, loaded = problems.load(data, key.set), key.set
            if task is None or of != (problem, key.seed):
                task, of = make_task(dataset, config, key.seed), (problem, key.seed)
            method = made(key.method, task)
            if key.method not in warm:
                run_method(method, task, config, steps=WARM_UP_STEPS)
                warm.add(key.method)
            lines.write(results.line(key, run_method(method, task, config)))
            lines.flush()
            progress.advance(bar)


def main(arguments: list[str] | None = None) -> None:
    """Run what is missing and write the page, or with --tables only the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.study", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the sets")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file of runs, read and added to")
    parser.add_argument("--alone", type=Path, default=ALONE, help="runs of the default and uniform alone, read")
    parser.add_argument("--usefulness", type=Path, default=USEFULNESS, help="file of bench.usefulness, read")
    parser.add_argument("--page", type=Path, default=PAGE, help="pictures and figures go to a folder of its name")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sets", default="", help="separated by commas; all that are in the folder by default")
    parser.add_argument("--methods", default="", help="separated by commas; all by default")
    parser.add_argument("--tables", action="store_true", help="run nothing")
    given = parser.parse_args(arguments)
    if not given.tables:
        if given.data is None or not given.data.is_dir():
            parser.error(f"data is {given.data}, want the folder of the sets")
        there = _chosen(
            parser, "sets", given.sets, list(dict.fromkeys(each.set for each in problems.problems(given.data)))
        )
        names = _chosen(parser, "methods", given.methods, methods.available())
        torch.set_num_threads(1)
        about = {"settings": problems.all_settings(), "versions": versions(), "machine": machine()}
        done = results.start(given.results, about)
        keys = wanted([each for each in problems.problems(given.data) if each.set in there], names, given.seeds)
        work(given.data, given.results, [key for key in keys if key not in done])
    if not given.results.exists():
        parser.error(f"results is {given.results}, which is not there yet")
    write(given.results, given.alone, given.usefulness, given.page, PAGE.read_text(encoding="utf-8"))
    sys.stdout.write(f"{given.page}\n")


def _chosen(parser: argparse.ArgumentParser, option: str, text: str, known: list[str]) -> list[str]:
    chosen = text.split(",") if text else known
    unknown = [each for each in chosen if each not in known]
    if unknown or not known:
        parser.error(f"{option} has {', '.join(unknown) or 'nothing'}, want some of {', '.join(known)}")
    return chosen


if __name__ == "__main__":
    main()
