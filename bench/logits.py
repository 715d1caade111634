"""Scores of logits, as online selection for language models takes them: `python -m bench.logits`.

A candidate is 512 rows, of which a part is padding, as long as a vocabulary; its score needs every singular value. It
is timed against the products alone at the rate of torch.mm, and against `svdvals`, in interleaved rounds; then a whole
call of 64 candidates of a large vocabulary in bfloat16 says what that takes in time and memory.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import saln_kernels
from bench import targets
from bench.cases import Case, make_candidates, make_features
from bench.machine import describe
from bench.probe import peak, reset_peak
from bench.timing import limited, plural

SMALL = Case("logits", 3, 512, 32_000, pool=1024)
LARGE = Case("logits, whole", 64, 512, 151_936, pool=1024, dtype=torch.bfloat16)
PADDING = 0.1
CRITERIA = ("nuclear_norm", "effective_rank")
OVER_PRODUCTS, OVER_SVDVALS, HALF_GAIN, ERROR = 1.3, 9.0, 2.0, 1e-4
MM, SVDVALS = "torch.mm", "svdvals"


def padded(case: Case) -> Tensor:
    """Candidates [C, b], a random part of them −1."""
    candidates = make_candidates(case, case.n_candidates)
    generator = torch.Generator().manual_seed(3)
    return candidates.masked_fill(torch.rand(candidates.shape, generator=generator) < PADDING, -1)


def from_singular_values(rows: Tensor) -> dict[str, float]:
    """The criteria of one candidate's rows [n, d], in their precision."""
    values = torch.linalg.svdvals(rows)
    p = values**2 / (values**2).sum()
    return {"nuclear_norm": float(values.sum()), "effective_rank": float((-(p * p.log()).sum()).exp())}


def seconds(call: Callable[[], object]) -> float:
    """Of one call."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def error(scores: Tensor, features: Tensor, candidates: Tensor, name: str) -> float:
    """Relative error of the first candidate's score, against float64."""
    wanted = from_singular_values(features[candidates[0][candidates[0] >= 0]].double())[name]
    return abs(float(scores[0]) / wanted - 1)


def compare(case: Case, rounds: int, threads: int) -> list[dict[str, Any]]:
    """Seconds of a candidate by each way, and the errors of ours. Of torch.mm they are those of all b × b products."""
    features, candidates = make_features(case)[0], padded(case)
    half = features.bfloat16()
    rows = features[candidates[0].clamp_min(0)]
    count = case.n_candidates
    ways: dict[str, Callable[[], object]] = {MM: lambda: torch.mm(rows, rows.mT)}
    found: dict[str, dict[str, Any]] = {MM: {}, SVDVALS: {}}
    with limited(threads):
        for name in CRITERIA:
            for kind, pool in (("float32", features), ("bfloat16", half)):
                group = f"{name}, {kind}"
                ways[group] = call = partial(saln_kernels.score_batches, pool, candidates, name)
                found[group] = {"error": error(call(), pool, candidates, name)}
        times: dict[str, list[float]] = {name: [] for name in found}
        for turn in range(rounds):
            for name, way in ways.items():
                times[name].append(seconds(way) / (1 if name == MM else count))
            if turn < 2:
                times[SVDVALS].append(seconds(partial(from_singular_values, rows[candidates[0] >= 0])))
    n = (candidates >= 0).sum(1).double()
    # of all b × b products a candidate needs half of those of its real rows
    needed = float((n * (n + 1)).mean()) / (2 * case.size**2)
    for name, entry in found.items():
        entry |= {"name": name, "threads": threads, "median": statistics.median(times[name]), "seconds": times[name]}
        if name in ways and name != MM:
            pairs = zip(times[name], times[MM], strict=True)
            entry["over_products"] = statistics.median(own / (mm * needed) for own, mm in pairs)
    return list(found.values())


def whole(case: Case, threads: int) -> list[dict[str, Any]]:
    """One call of each criterion: seconds, and the growth of the peak of memory."""
    features, candidates = make_features(case)[0], padded(case)
    saln_kernels.score_batches(features[:4], torch.tensor([[0, 1]] * 8), CRITERIA[0])  # loads the library
    found = []
    with limited(threads):
        for name in CRITERIA:
            before, exact = reset_peak()
            took = seconds(partial(saln_kernels.score_batches, features, candidates, name))
            found.append(
                {"name": name, "threads": threads, "seconds": took, "peak_was_reset": exact}
                | {"growth_bytes": max(0, peak() - before), "input_bytes": features.nbytes}
            )
    return found


def judge(results: dict[str, Any]) -> list[targets.Target]:
    """Every target that these results speak of."""
    found = []
    for rows in results["ways"]:
        by_name = {row["name"]: row for row in rows}
        for name in CRITERIA:
            own, half = (by_name[f"{name}, {kind}"] for kind in ("float32", "bfloat16"))
            words = f"{name}, {plural(own['threads'], 'thread')}"
            ratio, gain = by_name[SVDVALS]["median"] / own["median"], own["median"] / half["median"]
            found += [
                targets.at_most(f"{words}: over the products alone", own["over_products"], OVER_PRODUCTS, " x"),
                targets.at_least(f"{words}: over svdvals", ratio, OVER_SVDVALS, " x"),
                targets.at_least(f"{words}: bfloat16 over float32", gain, HALF_GAIN, " x"),
                targets.at_most(f"{words}: relative error", max(own["error"], half["error"]), ERROR, form=".1e"),
            ]
    for row in results["whole"]:
        growth = row["growth_bytes"] / 2**20
        found.append(targets.at_most(f"{row['name']}: memory over inputs", growth, targets.MEMORY_MIB, " MiB", ".1f"))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.logits", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, to try the program; its timings mean nothing")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results")
    given = parser.parse_args(arguments)
    cases = [SMALL, LARGE]
    if given.smoke:
        cases = [Case(case.name, 2, 140, 4200, pool=150, dtype=case.dtype) for case in cases]
    small, large = cases
    results = {
        **describe("bench.logits"),
        "cases": [case.shape for case in cases],
        "ways": [compare(small, given.rounds, threads) for threads in (1, 2)],
        "whole": whole(large, 2),
    }
    file = given.output / f"logits-{date.today()}.json"
    file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{targets.as_table(judge(results))}\n\n{file}\n")


if __name__ == "__main__":
    main()
