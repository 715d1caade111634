"""The study: `python -m bench.study --data FOLDER --model FOLDER` goes on with what is missing, most telling first.

FOLDER of data has the real data sets, the model is a folder of transformers. Runs go to bench/results/study.jsonl.
`--minutes 20` stops before the first run that would take longer, by what its like have taken; `python -m
bench.study.tables` makes tables of what is there. `--list` says what is missing.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from bench.machine import describe
from bench.study.conditions import CONDITIONS
from bench.study.runs import FIRST_SEED, ORACLE, Cell, Runs
from bench.study.task import Task
from bench.study.tasks import TASKS

FILE = Path(__file__).parents[1] / "results/study.jsonl"
BASE = ("uniform", "auto", ORACLE)
PARTS = tuple(f"auto:{part}=no" for part in ("spectrum", "credibility", "learnability", "repeats", "forgetting"))
SALN = tuple(f"saln:keep={keep}" for keep in ("abs", "both_ends", "near_zero", "positive", "negative"))
OTHERS = ("jest", "rho_loss", "infobatch", "selective_backprop", "spectral_candidates", "logdet", "gstds", *SALN)
TELLING = ("clean", "40 % wrong", "copies", "rare, balanced")
SHORTER = {"clean": 0.8, "40 % wrong": 1 / 3}  # schedules of their own, beside random batches on longer ones
LONG = 3.0  # times as many steps, on clean data
SEEDS = 5


def cells(tasks: list[str], conditions: list[str], methods: list[str], seeds: int) -> Iterator[Cell]:
    """Seed by seed, first the default everywhere, then in long, its parts and the other methods where it tells."""
    all_seeds = range(FIRST_SEED, FIRST_SEED + seeds)
    for seed in all_seeds:
        for task in tasks:
            for condition in conditions:
                base = [each for each in methods if each in BASE and (condition != "clean" or each != ORACLE)]
                yield from (Cell(task, condition, method, seed) for method in base)
                if condition in SHORTER:
                    yield from (Cell(task, condition, method, seed, SHORTER[condition]) for method in base)
                    yield from (Cell(task, condition, m, seed, 1 / SHORTER[condition]) for m in base if m == "uniform")
    for seed in all_seeds:
        for task in tasks:
            base = [each for each in methods if each in BASE and each != ORACLE and "clean" in conditions]
            yield from (Cell(task, "clean", method, seed, LONG) for method in base)
    for seed in all_seeds:
        for task in tasks:
            for condition in (each for each in conditions if each in TELLING):
                yield from (Cell(task, condition, method, seed) for method in methods if method not in BASE)


def main() -> None:
    """Run what is missing."""
    parser = argparse.ArgumentParser(prog="python -m bench.study", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--conditions", nargs="+", choices=CONDITIONS, default=list(CONDITIONS))
    parser.add_argument("--methods", nargs="+", default=[*BASE, *PARTS, *OTHERS])
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="budget of wall clock")
    parser.add_argument("--output", type=Path, default=FILE)
    parser.add_argument("--list", action="store_true", help="say what is missing, and run nothing")
    given = parser.parse_args()
    torch.set_num_threads(1)
    begun = time.monotonic()
    runs = Runs(given.output, describe("bench.study")["git"]["commit"])
    missing = runs.missing(cells(given.tasks, given.conditions, given.methods, given.seeds))
    if given.list:
        sys.stdout.writelines(f"{cell}\n" for cell in missing)
        return
    made: dict[str, Task] = {}
    taken: dict[str, list[float]] = {}
    for number, cell in enumerate(missing, start=1):
        left = 60 * given.minutes - (time.monotonic() - begun)
        if statistics.mean(taken.get(cell.task, [0.0])) > left:
            sys.stdout.write(f"time is over; {len(missing) - number + 1} of {len(missing)} runs are left\n")
            return
        if cell.task not in made:
            made[cell.task] = TASKS[cell.task](given.data, given.model)
        before = time.monotonic()
        line = runs.add(cell, made[cell.task])
        taken.setdefault(cell.task, []).append(time.monotonic() - before)
        score = line["final"][line["judged_by"]]
        sys.stdout.write(
            f"{number} of {len(missing)}: {cell.task}, {cell.condition}, {cell.method}, seed {cell.seed}"
            f"{'' if cell.length == 1 else f', {cell.length:.2f} of the steps'}: {score:.4f}, {line['seconds']:.0f} s\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
