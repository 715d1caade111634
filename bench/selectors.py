"""What choosing a batch costs, for every method: `python -m bench.selectors`, on a quiet machine.

Every method of the registry with its default options, at one and two threads, beside its plain torch form where there
is one (`plain_selectors.py`). What is timed is a whole `select`: finding rows that are not finite, proposing, scoring,
choosing. Rounds are interleaved over successive super-batches; a plain form is timed only if it chooses the same rows.
"""

import argparse
import dataclasses
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench import markdown
from bench.machine import describe
from bench.plain_selectors import PLAIN
from bench.timing import limited, p90, plural
from saln import SELECTORS, SuperBatch, make_selector

SUPER_BATCHES = 8
CLASSES = 10
TARGETS_MS = {"saln": 2.0, "spectral_candidates": 5.0}  # at 2 threads, 32 of 320, d = 512
SAME_ROWS = 0.9  # share of rows a plain form must have in common; rounding decides some
Call = Callable[[int], Tensor]


@dataclasses.dataclass
class Row:
    """One method at one number of threads, ours or plain."""

    method: str
    plain: bool
    threads: int
    same_rows: float | None  # of a plain form
    seconds: list[float] = dataclasses.field(default_factory=list)

    @property
    def milliseconds(self) -> float:
        return 1e3 * statistics.median(self.seconds)


def make_super_batch(rows: int, dim: int, seed: int) -> SuperBatch:
    """Gaussian features, random losses, labels and residuals."""
    source = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (rows,), generator=source)
    softmax = torch.randn(rows, CLASSES, generator=source).softmax(dim=1)
    return SuperBatch(
        torch.randn(rows, dim, generator=source),
        losses=3 * torch.rand(rows, generator=source),
        reference_losses=torch.rand(rows, generator=source),
        labels=labels,
        indices=torch.arange(rows),
        residuals=softmax - torch.nn.functional.one_hot(labels, CLASSES),
        quality=torch.rand(rows, generator=source) + 0.1,
    )


def measure(names: list[str], rows: int, size: int, dim: int, rounds: int) -> list[Row]:
    """Timings, `rounds` of each."""
    super_batches = [make_super_batch(rows, dim, seed) for seed in range(SUPER_BATCHES)]
    timed = [pair for name in names for pair in _rows_of(name, super_batches, size)]
    with torch.inference_mode():
        for turn in range(-1, rounds):  # the first is to warm up
            for row, call in timed:
                with limited(row.threads):
                    start = time.perf_counter()
                    call(turn % SUPER_BATCHES)
                    seconds = time.perf_counter() - start
                if turn >= 0:
                    row.seconds.append(seconds)
            print(f"\rround {turn + 1} of {rounds}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return [row for row, _ in timed]


def _rows_of(name: str, super_batches: list[SuperBatch], size: int) -> list[tuple[Row, Call]]:
    selector = make_selector(name)

    def ours(turn: int) -> Tensor:
        return selector.select(super_batches[turn], size, generator=torch.Generator().manual_seed(turn))

    def plain(turn: int) -> Tensor:
        return PLAIN[name](super_batches[turn], size, torch.Generator().manual_seed(turn))

    found = [(Row(name, False, threads, None), ours) for threads in (1, 2)]
    if name in PLAIN:
        same = statistics.fmean(
            len(set(ours(turn).tolist()) & set(plain(turn).tolist())) / size for turn in range(SUPER_BATCHES)
        )
        if same < SAME_ROWS:
            raise SystemExit(f"{name}: the plain form has {100 * same:.0f} % of the rows in common; nothing is timed")
        found += [(Row(name, True, threads, same), plain) for threads in (1, 2)]
    return found


def table(rows: list[Row], standard: bool) -> str:
    """Markdown; `standard` sizes are held against the targets."""
    head = ("method", "1 thread, ms", "2 threads, ms", "p90", "plain torch, ms", "x plain", "same rows", "target")
    lines = []
    for name in dict.fromkeys(row.method for row in rows):
        one, two = (row for row in rows if row.method == name and not row.plain)
        best = min((one, two), key=lambda row: row.milliseconds)
        plains = [row for row in rows if row.method == name and row.plain]
        plain = min(plains, key=lambda row: row.milliseconds) if plains else None
        cells = [name, f"{one.milliseconds:.2f}", f"{two.milliseconds:.2f}", f"{1e3 * p90(best.seconds):.2f}"]
        if plain is None:
            cells += ["-", "-", "-"]
        else:
            ratio = plain.milliseconds / best.milliseconds
            cells += [f"{plain.milliseconds:.2f}", f"{ratio:.1f}", f"{100 * (plain.same_rows or 0):.0f} %"]
        target = TARGETS_MS.get(name) if standard else None
        met = "met" if target is not None and two.milliseconds <= target else "missed"
        cells.append("-" if target is None else f"{target:g} ms: {met}")
        lines.append(cells)
    return markdown.table(head, lines)


def main(arguments: list[str] | None = None) -> None:
    """Measure and print; with --json everything to a file as well."""
    parser = argparse.ArgumentParser(prog="python -m bench.selectors", description=__doc__)
    parser.add_argument("--methods", default=",".join(SELECTORS), help="separated by commas")
    parser.add_argument("--rows", type=int, default=320)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=32)
    parser.add_argument("--json", type=Path, help="write every measurement to this file")
    given = parser.parse_args(arguments)
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    if load > 0.3 * cores:
        print(f"the load is {load:.1f} on {plural(cores, 'core')}: these timings mean nothing", file=sys.stderr)
    rows = measure(given.methods.split(","), given.rows, given.size, given.dim, given.rounds)
    standard = (given.rows, given.size, given.dim) == (320, 32, 512)
    print(f"{given.size} of {given.rows} rows, d = {given.dim}, medians of {plural(given.rounds, 'round')}\n")
    print(table(rows, standard))
    if given.json is not None:
        settings: dict[str, Any] = {name: getattr(given, name) for name in ("rows", "size", "dim", "rounds")}
        command = " ".join(["python -m bench.selectors", *sys.argv[1:]])
        found = {**describe(), "command": command, "settings": settings, "measured": [*map(dataclasses.asdict, rows)]}
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
