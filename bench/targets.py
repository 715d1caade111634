"""The targets, and whether a run met them."""

from dataclasses import dataclass
from typing import Any

from bench import counts, ours
from bench.cases import CASES
from bench.timing import plural

MOMENTS_RATIO = 9.0
PROCESSES_RATIO = 4.0
SGEMM_SHARE = 0.70
MEMORY_BYTES = 64 * 2**20
SLOPE_TOLERANCE = 0.05
ERROR = 1e-5


@dataclass(frozen=True)
class Target:
    """One claim."""

    name: str
    wanted: str
    measured: str
    met: bool


def find(case: dict[str, Any], group: str, threads: int = 2) -> dict[str, Any]:
    """The summary of one of our variants."""
    return next(v for v in case["variants"] if v["ours"] and v["group"] == group and v["threads"] == threads)


def judge(results: dict[str, Any]) -> list[Target]:
    """Every target that these results speak of."""
    found: list[Target] = []
    for case in results["cases"]:
        found += _speed(case)
    for case in results["cases"]:
        found += _gram_phase(case)
    for row in results["memory"]:
        growth = row["growth_bytes"]
        found.append(
            Target(
                f"memory over inputs and outputs, C={row['n_candidates']}, {row['call']}",
                f"<= {MEMORY_BYTES / 2**20:.0f} MiB",
                f"{growth / 2**20:.1f} MiB",
                growth <= MEMORY_BYTES,
            )
        )
    largest = max(row["n_candidates"] for row in results["counts"])
    for name in (ours.EXACT, "participation_ratio"):
        power = counts.slope(results["counts"], name)
        found.append(
            Target(
                f"{name}: cost ~ C^p up to C={largest}",
                f"p = 1 ± {SLOPE_TOLERANCE}",
                f"{power:.3f}",
                abs(power - 1) <= SLOPE_TOLERANCE,
            )
        )
    return found


def _speed(case: dict[str, Any]) -> list[Target]:
    name = case["name"]
    ratio = CASES[name].ratio_target
    exact, randomized = find(case, ours.EXACT), find(case, ours.RANDOMIZED)
    found = [
        _at_least(f"{name}: exact over gather + bmm + eigvalsh of torch", exact["ratio_torch"], ratio, " x"),
        _at_least(f"{name}: exact over the best library setting (chunks, numpy)", exact["ratio_library"], ratio, " x"),
        _at_least(f"{name}: exact over two processes", exact["ratio_processes"], PROCESSES_RATIO, " x"),
        Target(f"{name}: relative error of exact", f"<= {ERROR:g}", f"{exact['error']:.1e}", exact["error"] <= ERROR),
        Target(
            f"{name}: certificates of randomized hold",
            "error / certificate <= 1",
            f"{randomized['error']:.1e}",
            randomized["error"] <= 1,
        ),
    ]
    for group in ours.MOMENTS:
        measured = find(case, group)["ratio_torch"]
        found.append(_at_least(f"{name}: {group} over gather + bmm + eigvalsh of torch", measured, MOMENTS_RATIO, " x"))
    same = case["same_bits"]
    found.append(Target(f"{name}: same bits for all threads, chunks, orders", "yes", "yes" if same else "no", same))
    return found


def _gram_phase(case: dict[str, Any]) -> list[Target]:
    # each call does the Gram phase and more, so the better share is still a lower bound of the phase's
    found = []
    for threads in (1, 2):
        share = max(find(case, group, threads)["sgemm_share"] for group in (ours.GRAM, *ours.MOMENTS))
        found.append(
            _at_least(f"{case['name']}: Gram phase over sgemm, {plural(threads, 'thread')}", share, SGEMM_SHARE)
        )
    return found


def _at_least(name: str, measured: float, wanted: float, unit: str = "") -> Target:
    return Target(name, f">= {wanted:g}{unit}", f"{measured:.2f}{unit}", measured >= wanted)
