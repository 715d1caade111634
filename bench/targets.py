"""The targets, and whether a run met them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench import counts, ours
from bench.cases import CASES
from bench.markdown import table
from bench.timing import plural

MOMENTS_RATIO = 9.0
PROCESSES_RATIO = 4.0
SGEMM_SHARE = 0.70
MEMORY_MIB = 64
SLOPE_TOLERANCE = 0.05
ERROR = 1e-5


@dataclass(frozen=True)
class Target:
    """One claim."""

    name: str
    wanted: str
    measured: str
    met: bool


def at_least(name: str, measured: float, wanted: float, unit: str = "", form: str = ".2f") -> Target:
    """Met from `wanted` on; NaN is not."""
    return Target(name, f">= {wanted:g}{unit}", f"{measured:{form}}{unit}", measured >= wanted)


def at_most(name: str, measured: float, wanted: float, unit: str = "", form: str = ".2f") -> Target:
    """Met up to `wanted`; NaN is not."""
    return Target(name, f"<= {wanted:g}{unit}", f"{measured:{form}}{unit}", measured <= wanted)


def as_table(targets: Sequence[Target]) -> str:
    """In markdown, under a heading."""
    rows = [(each.name, each.wanted, each.measured, "met" if each.met else "**not met**") for each in targets]
    return "## Targets\n\n" + table(("target", "wanted", "measured", ""), rows)


def find(case: dict[str, Any], group: str, threads: int = 2) -> dict[str, Any]:
    """The summary of one of our variants."""
    return next(v for v in case["variants"] if v["ours"] and v["group"] == group and v["threads"] == threads)


def judge(results: dict[str, Any]) -> list[Target]:
    """Every target that these results speak of."""
    found = [target for part in (_speed, _gram_phase) for case in results["cases"] for target in part(case)]
    for row in results["memory"]:
        name = f"memory over inputs and outputs, C={row['n_candidates']}, {row['call']}"
        found.append(at_most(name, row["growth_bytes"] / 2**20, MEMORY_MIB, " MiB", ".1f"))
    largest = max(row["n_candidates"] for row in results["counts"])
    for group in (ours.EXACT, "participation_ratio"):
        power = counts.slope(results["counts"], group)
        name, met = f"{group}: cost ~ C^p up to C={largest}", abs(power - 1) <= SLOPE_TOLERANCE
        found.append(Target(name, f"p = 1 ± {SLOPE_TOLERANCE}", f"{power:.3f}", met))
    return found


def _speed(case: dict[str, Any]) -> Iterator[Target]:
    name, same = case["name"], case["same_bits"]
    ratio = CASES[name].ratio_target
    exact, randomized = find(case, ours.EXACT), find(case, ours.RANDOMIZED)
    yield at_least(f"{name}: exact over gather + bmm + eigvalsh of torch", exact["ratio_torch"], ratio, " x")
    yield at_least(f"{name}: exact over the best library setting (chunks, numpy)", exact["ratio_library"], ratio, " x")
    yield at_least(f"{name}: exact over two processes", exact["ratio_processes"], PROCESSES_RATIO, " x")
    yield at_most(f"{name}: relative error of exact", exact["error"], ERROR, form=".1e")
    yield at_most(f"{name}: error over certificate of randomized", randomized["error"], 1, form=".1e")
    for group in ours.MOMENTS:
        measured = find(case, group)["ratio_torch"]
        yield at_least(f"{name}: {group} over gather + bmm + eigvalsh of torch", measured, MOMENTS_RATIO, " x")
    yield Target(f"{name}: same bits for all threads, chunks, orders", "yes", "yes" if same else "no", same)


def _gram_phase(case: dict[str, Any]) -> Iterator[Target]:
    # each call does the Gram phase and more, so the better share is still a lower bound of the phase's
    for threads in (1, 2):
        share = max(find(case, group, threads)["sgemm_share"] for group in (ours.GRAM, *ours.MOMENTS))
        yield at_least(f"{case['name']}: Gram phase over sgemm, {plural(threads, 'thread')}", share, SGEMM_SHARE)
