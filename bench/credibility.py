"""How well wrong labels and copies are found: `python -m bench.credibility --data FOLDER` writes bench/results.

Every set and condition of the study, ten seeds, through the default's own look at what the model trains on.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
from pathlib import Path
from time import process_time

import torch

from bench.markdown import table
from bench.study import problems
from saln.pilot.problem.inputs import image_inputs, table_inputs
from saln.pilot.problem.pool import make_pool
from saln.selectors import OnePass
from saln.selectors.support.copies import find_copies
from saln.selectors.support.credibility import label_credibility
from saln.superbatch import SuperBatch

FILE = Path(__file__).parent / "results/credibility-2026-11-24.csv"
SEEDS = range(10)
COLUMNS = ("set", "condition", "seed", "rows", "noise", "judged", "area", "different_found", "different", "cpu_ms")
DIFFERENT = ("different_found", "different")


def area_under_roc(values: torch.Tensor, wrong: torch.Tensor) -> float:
    """How often a wrong label is less credible than a right one; ties count half."""
    _, ranks, counts = torch.unique(values, return_inverse=True, return_counts=True)
    before = counts.cumsum(0) - counts
    rank = (before + (counts - 1) / 2)[ranks].double()
    n_wrong = int(wrong.sum())
    return 1 - float((rank[wrong].sum() - n_wrong * (n_wrong - 1) / 2) / (n_wrong * int((~wrong).sum())))


def measure(data: Path) -> list[dict[str, str]]:
    """A row a problem and seed."""
    rows: list[dict[str, str]] = []
    torch.set_num_threads(1)
    name = ""
    for problem in problems.problems(data):
        if problem.set != name:
            dataset, name = problems.load(data, problem.set), problem.set
        config = problems.config(problem)
        for seed in SEEDS:
            pool = make_pool(dataset, config, seed)
            inputs = image_inputs if config.model == "resnet" else table_inputs
            x = inputs(dataset, pool, config).train.flatten(1)
            samples = SuperBatch(x, labels=pool.labels, indices=torch.arange(len(x)))
            selector = OnePass()
            selector.prepare(samples)
            begun = process_time()
            selector.prepare(samples)
            spent = process_time() - begun
            copies = find_copies(x).different
            judged = label_credibility(x, pool.labels, among=copies)
            area = "" if judged.values is None or not pool.wrong.any() else area_under_roc(judged.values, pool.wrong)
            row = (
                *problem,
                seed,
                len(x),
                f"{judged.noise:.3f}",
                int(judged.values is not None),
                area if isinstance(area, str) else f"{area:.4f}",
                len(x) if copies is None else len(copies),
                len(pool.rows.unique()),
                f"{1e3 * spent:.1f}",
            )
            rows.append(dict(zip(COLUMNS, map(str, row), strict=True)))
            sys.stderr.write(f"{' '.join(map(str, row))}\n")
    return rows


def summary(rows: list[dict[str, str]]) -> str:
    """A line a problem: ranges and medians over seeds."""
    lines = []
    for problem in dict.fromkeys((row["set"], row["condition"]) for row in rows):
        mine = [row for row in rows if (row["set"], row["condition"]) == problem]
        noise = sorted(float(row["noise"]) for row in mine)
        areas = [float(row["area"]) for row in mine if row["area"]]
        lines.append(
            (
                problems.SETS[problem[0]].title,
                problem[1],
                f"{noise[0]:.2f} to {noise[-1]:.2f}",
                f"{sum(int(row['judged']) for row in mine)} of {len(mine)}",
                f"{min(areas):.2f} to {max(areas):.2f}" if areas else "-",
                "{} of {}".format(*(round(statistics.median(int(row[name]) for row in mine)) for name in DIFFERENT)),
                f"{statistics.median(float(row['cpu_ms']) for row in mine):.0f}",
            )
        )
    head = ("set", "condition", "estimated share wrong", "labels judged", "area under ROC", "different rows", "CPU ms")
    return table(head, lines)


def main() -> None:
    """Measure with --data, else show what was measured."""
    parser = argparse.ArgumentParser(prog="python -m bench.credibility", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the sets; left out, the results are shown")
    parser.add_argument("--results", type=Path, default=FILE)
    given = parser.parse_args()
    if given.data is not None:
        rows = measure(given.data)
        with given.results.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    with given.results.open(encoding="utf-8") as file:
        sys.stdout.write(summary(list(csv.DictReader(file))) + "\n")


if __name__ == "__main__":
    main()
