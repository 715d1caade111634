"""One case, measured: every variant checked, then interleaved, then set against baselines, sgemm and floor."""

import statistics
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from bench import baselines, exact_paths, floor, ours
from bench.cases import Case, Inputs, make_inputs
from bench.processes import Processes
from bench.timing import Timing, Variant, best_of, interleave, plural, ratio, warm_up
from bench.truth import Check

SGEMM = "sgemm"


@dataclass(frozen=True)
class Effort:
    """How long to measure."""

    rounds: int = 9
    slow_seconds: float = 4.0  # a variant slower than this over all rounds joins fewer of them
    sgemm_size: int = floor.SGEMM_SIZE


SMOKE_EFFORT = Effort(rounds=2, slow_seconds=0.1, sgemm_size=256)


def measure_case(case: Case, effort: Effort, on_step: Callable[[str, float], None]) -> dict[str, Any]:
    """Measurements of one case, ready for JSON; `on_step` hears what runs and the share that is done."""
    inputs = make_inputs(case)
    left_out: list[str] = []
    with ExitStack() as stack:
        timings = []
        for variant in _in_process(inputs, effort, left_out):
            on_step(f"checking {variant.name}", 0.0)
            timings.append(warm_up(variant, inputs))
        library = _best_single_threaded(timings)
        on_step("starting two processes", 0.0)
        processes = stack.enter_context(Processes(case, library))
        timings.append(warm_up(baselines.processes_variant(inputs, processes, library), inputs))

        done, total = 0, effort.rounds * len(timings)

        def stepped() -> None:
            nonlocal done
            done += 1
            on_step(f"round {min(1 + done // len(timings), effort.rounds)} of {effort.rounds}", done / total)

        interleave(timings, inputs, effort.rounds, effort.slow_seconds, stepped)
    on_step("rates of the machine", 1.0)
    rates = floor.measure(inputs, effort.sgemm_size)
    return {
        **{name: str(value) if name == "dtype" else value for name, value in asdict(case).items()},
        "shape": case.shape,
        "rates": [asdict(rate) for rate in rates],
        "left_out": left_out,
        "same_bits": ours.same_bits(inputs),
        "variants": [_summary(timing, timings, inputs, rates, effort) for timing in timings],
        "rounds": [
            {"case": case.name, "variant": timing.variant.name, "round": turn, "seconds": seconds}
            for timing in timings
            for turn, seconds in timing.rounds
        ],
    }


def _in_process(inputs: Inputs, effort: Effort, left_out: list[str]) -> list[Variant]:
    found: list[Variant] = [
        *ours.on_threads(inputs, 2),
        *ours.on_threads(inputs, 1),
        *baselines.settings(inputs),
        *baselines.others(inputs),
        *(_sgemm(threads, effort.sgemm_size) for threads in (1, 2)),
    ]
    for variant in baselines.lanczos_variants(inputs):
        if isinstance(variant, str):
            left_out.append(variant)
        else:
            found.append(variant)
    return found


def _sgemm(threads: int, size: int) -> Variant:
    left, right, out = (torch.rand(size, size, generator=torch.Generator().manual_seed(5)) for _ in range(3))
    wanted = left[:8].double() @ right.double()  # a few rows tell

    def check(product: Tensor) -> Check:
        return Check(float(((product[:8] - wanted) / wanted).abs().max()), 1e-5)

    name = f"{SGEMM} {size}, {plural(threads, 'thread')}"
    return Variant(name, SGEMM, lambda *_: torch.mm(left, right, out=out), check, threads)


def _best_single_threaded(timings: list[Timing]) -> str:
    single = [t for t in timings if t.variant.group in exact_paths.PATHS and t.variant.threads == 1]
    return min(single, key=lambda timing: timing.warm).variant.group


def _summary(
    timing: Timing, timings: list[Timing], inputs: Inputs, rates: list[floor.Rates], effort: Effort
) -> dict[str, Any]:
    variant = timing.variant
    groups = {t.variant.group for t in timings}
    torch_best, pair = best_of(timings, exact_paths.EIGVALSH), best_of(timings, baselines.PROCESSES)
    others = [best_of(timings, group) for group in exact_paths.PATHS]
    library_best = min(torch_best, *others, key=lambda t: t.median)
    rate = next((r for r in rates if r.threads == variant.threads), rates[-1])
    least = floor.floor_seconds(variant.group, inputs, rate) if variant.ours else None
    summary: dict[str, Any] = {
        **timing.row(),
        "threads": variant.threads,
        "error_allowed": timing.check.allowed if timing.check.allowed < float("inf") else None,
        "ratio_torch": ratio(torch_best, timing),
        "ratio_library": ratio(library_best, timing),
        "ratio_processes": ratio(pair, timing),
        "baseline_torch": torch_best.variant.name,
        "baseline_library": library_best.variant.name,
        "baseline_processes": pair.variant.name,
        "floor": least,
        "over_floor": timing.median / least if least else None,
    }
    if variant.peer in groups:
        peer = best_of(timings, variant.peer)
        summary |= {"peer": peer.variant.name, "ratio_peer": ratio(peer, timing)}
    if variant.group in (ours.GRAM, *ours.MOMENTS):
        summary["sgemm_share"] = _sgemm_share(timing, timings, inputs.case, effort)
    return summary


def _sgemm_share(timing: Timing, timings: list[Timing], case: Case, effort: Effort) -> float:
    """Median over rounds: rate of the Gram products really needed over the sgemm rate of the same round."""
    threads = timing.variant.threads
    sgemm = next(t for t in timings if t.variant.group == SGEMM and t.variant.threads == threads)
    of_round = {turn: 2 * effort.sgemm_size**3 / seconds for turn, seconds in sgemm.rounds}
    needed = case.gram_flops * case.n_candidates
    return statistics.median(needed / seconds / of_round[turn] for turn, seconds in timing.rounds if turn in of_round)
