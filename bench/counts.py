"""Cost against the number of candidates."""

import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import saln_kernels
from bench import exact_paths
from bench.cases import CASES, make_candidates, make_features

COUNTS = (100, 316, 1000, 3162, 10_000, 31_623, 100_000, 316_228, 1_000_000)
SMOKE_COUNTS = COUNTS[:4]
LINEAR_FROM = 1000  # below, the fixed cost of a call shows

Call = Callable[[Tensor, Tensor, int], object]
# name -> call, and the largest count it is measured at
CALLS: dict[str, tuple[Call, int]] = {
    "exact top-k": (lambda f, c, k: saln_kernels.topk_eigvals(f, c, k, solver="exact"), 1_000_000),
    "participation_ratio": (lambda f, c, k: saln_kernels.score_batches(f, c, "participation_ratio"), 100_000),
    exact_paths.CHUNKED: (exact_paths.torch_chunks, 3162),
}


def measure_counts(counts: tuple[int, ...], on_step: Callable[[str, float], None]) -> list[dict[str, Any]]:
    """Rows {call, n_candidates, round, seconds} at b = 64, d = 512; the calls interleaved at every count."""
    case = CASES["b64"]
    features = make_features(case)[0]
    candidates = make_candidates(case, max(counts), seed=4)
    for call, _ in CALLS.values():
        call(features, candidates[:64], case.k)
    rows, done = [], 0
    for count in counts:
        on_step(f"C = {count}", done / sum(counts))
        for turn in range(_rounds(count)):
            # another part of the candidates every round, where there is one
            start = (turn * count) % max(1, len(candidates) - count + 1)
            chosen = candidates[start : start + count]
            for name, (call, largest) in CALLS.items():
                if count <= largest:
                    began = time.perf_counter()
                    call(features, chosen, case.k)
                    seconds = time.perf_counter() - began
                    rows.append({"call": name, "n_candidates": count, "round": turn, "seconds": seconds})
        done += count
    return rows


def medians(rows: list[dict[str, Any]], name: str) -> dict[int, float]:
    """Median seconds of a call by count."""
    counts = sorted({row["n_candidates"] for row in rows if row["call"] == name})
    return {
        count: statistics.median(r["seconds"] for r in rows if r["call"] == name and r["n_candidates"] == count)
        for count in counts
    }


def slope(rows: list[dict[str, Any]], name: str) -> float:
    """Exponent p of cost ~ C^p from `LINEAR_FROM` on, by least squares on logarithms; 1 is linear."""
    points = [(math.log(c), math.log(s)) for c, s in medians(rows, name).items() if c >= LINEAR_FROM]
    x, y = torch.tensor(points, dtype=torch.float64).T
    x = x - x.mean()
    return float((x * y).sum() / (x * x).sum())


def _rounds(count: int) -> int:
    return 5 if count <= 10_000 else 3 if count <= 100_000 else 1
