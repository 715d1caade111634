"""Variants and their timing on a GPU: checked, warmed up, then interleaved A B C A B C ..., by events of the device."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from bench.gpu.cases import Inputs, true_eigvals
from bench.truth import Check, WrongResult

MIN_SECONDS = 0.005  # of one measurement; shorter calls are repeated within it, each on other inputs
MOST_CALLS = 48
SLOW_SECONDS = 0.2  # a call that takes longer needs no second warm-up, and joins two rounds

Measure = Literal["top", "gram", "certificate", "effective_rank", "participation_ratio"]


@dataclass(frozen=True)
class Variant:
    """One way to compute something."""

    name: str
    group: str  # variants of a group are one program at several settings; the best setting speaks for it
    call: Callable[[Tensor, Tensor], Any]  # features [N, d], candidates [C, b] -> result
    measure: Measure = "top"  # what the result is, and so what it is compared with
    allowed: float | None = None  # relative error; None where a variant is approximate and its error only reported
    ours: bool = False
    share: float = 1.0  # of the candidates that it computes: the time is divided by it
    graph: bool = False  # all turns are captured in one CUDA graph
    finish: Callable[[Tensor], Tensor] | None = None  # makes the result of what the call returns; not timed
    late: bool = False  # takes long to prepare: measured against ours alone once all others are


@dataclass
class Timing:
    """Measurements of one variant."""

    variant: Variant
    check: Check
    run: Callable[[int, int], None]  # (first turn, number of calls)
    warm: float  # seconds of one call, a first estimate
    rounds: list[tuple[int, float]] = field(default_factory=list)  # round, seconds of one call on all candidates


class Truth:
    """Float64 spectra of the first candidates of turn 0, and how far a result is from them."""

    def __init__(self, inputs: Inputs) -> None:
        self._k = inputs.case.k
        self._values = true_eigvals(inputs)  # [n, b]
        features, candidates = inputs.turn(0)
        rows = features[candidates[: len(self._values)].long()].cpu().double()
        self._grams = rows @ rows.mT

    def check(self, variant: Variant, result: Any) -> Check:
        """The worst relative error; NaN passes no check."""
        n, allowed = len(self._values), float("inf") if variant.allowed is None else variant.allowed
        if variant.measure == "certificate":
            values, bounds = (part[:n].cpu().double() for part in result)
            error = ((values - self._values[:n, : self._k]).abs() / bounds).max()
            return Check(float(error), allowed, "error / certificate")
        found = result[:n] if variant.finish is None else variant.finish(result[:n])
        found = found.cpu().double()
        exact = self._values[: len(found)]
        if variant.measure == "gram":
            error = (found - self._grams[: len(found)]).abs().amax(dim=(1, 2)) / exact[:, 0]
        else:
            wanted = self._wanted(variant.measure, exact)
            error = (found - wanted).abs() / wanted
        return Check(float(error.max()), allowed)

    def _wanted(self, measure: Measure, values: Tensor) -> Tensor:
        if measure == "top":
            return values[:, : self._k]
        if measure == "participation_ratio":
            return values.sum(1) ** 2 / values.square().sum(1)
        shares = values.clamp(min=1e-300) / values.clamp(min=0).sum(1, keepdim=True)
        return (-(shares * shares.log()).sum(1)).exp()


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


def prepare(variant: Variant, inputs: Inputs, truth: Truth) -> Timing:
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
    check = truth.check(variant, result)
    del result
    if not check.error <= check.allowed:
        raise WrongResult(f"{variant.name}: {check.measure} {check.error:.3g}, allowed {check.allowed:.3g}")
    once = seconds_of(lambda: run(0, 1), inputs.device)
    if once > SLOW_SECONDS:
        return Timing(variant, check, run, once)
    run(0, inputs.turns)
    return Timing(variant, check, run, seconds_of(lambda: run(0, inputs.turns), inputs.device) / inputs.turns)


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
