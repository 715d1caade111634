"""Timing on a GPU: checked, warmed up, then interleaved A B C A B C ..., by events of the device."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from bench import timing as on_cpu
from bench.cases import Inputs
from bench.timing import Variant, checked

MIN_SECONDS = 0.005  # of one measurement; shorter calls are repeated within it, each on other inputs
MOST_CALLS = 48
SLOW_SECONDS = 0.2  # a call that takes longer needs no second warm-up, and joins two rounds


@dataclass
class Timing(on_cpu.Timing):
    """Measurements of one variant; `rounds` has seconds of one call on all candidates."""

    run: Callable[[int, int], None] = field(kw_only=True)  # (first turn, number of calls)


def seconds_of(work: Callable[[], None], device: torch.device) -> float:
    """Seconds of work on a device."""
    if device.type != "cuda":
        start = time.perf_counter()
        work()
        return time.perf_counter() - start
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    work()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / 1e3


def prepare(variant: Variant, inputs: Inputs) -> Timing:
    """Run a variant on turn 0, check the result, warm it up on every turn; a graph is captured first.

    Raises
    ------
    WrongResult
        The result is further from the truth than it may be. Nothing wrong is ever timed.
    """
    if variant.graph and inputs.device.type == "cuda":
        run, result = _captured(variant, inputs)
    else:

        def run(first: int, calls: int) -> None:
            for turn in range(first, first + calls):
                variant.call(*inputs.turn(turn))

        result = variant.call(*inputs.turn(0))
    check = checked(variant, result)
    del result
    once = seconds_of(lambda: run(0, 1), inputs.device)
    if once > SLOW_SECONDS:
        return Timing(variant, check, once, run=run)
    run(0, inputs.turns)
    warm = seconds_of(lambda: run(0, inputs.turns), inputs.device) / inputs.turns
    return Timing(variant, check, warm, run=run)


def _captured(variant: Variant, inputs: Inputs) -> tuple[Callable[[int, int], None], Any]:
    """One graph of a call on every turn in order, and the place of the first one's result, filled."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        variant.call(*inputs.turn(0))
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = [variant.call(*inputs.turn(turn)) for turn in range(inputs.turns)]
    graph.replay()

    def run(first: int, calls: int) -> None:
        for _ in range(max(1, calls // inputs.turns)):
            graph.replay()

    return run, results[0]


def interleave(timings: Sequence[Timing], inputs: Inputs, rounds: int, budget: float, first: int = 0) -> None:
    """Measure every variant once a round, twice at least, for at most so many seconds; first numbers the rounds."""
    began = time.perf_counter()
    for number in range(rounds):
        if number >= 2 and time.perf_counter() - began > budget:
            return
        for timing in timings:
            if number < 2 or timing.warm <= SLOW_SECONDS:
                timing.rounds.append((first + number, measure(timing, inputs, number)))


def measure(timing: Timing, inputs: Inputs, first: int) -> float:
    """Mean seconds of a call on all candidates, over calls on successive turns."""
    calls = min(MOST_CALLS, max(1, round(MIN_SECONDS / max(timing.warm, 1e-7))))
    if timing.variant.graph:
        calls = -(-calls // inputs.turns) * inputs.turns
    return seconds_of(lambda: timing.run(first, calls), inputs.device) / calls / timing.variant.share
