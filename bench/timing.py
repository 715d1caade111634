"""Variants and their timing: warmed up, then interleaved A B C A B C ..., because a shared machine drifts."""

import functools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from threadpoolctl import ThreadpoolController
from torch import Tensor

from bench.cases import Inputs
from bench.truth import Check, WrongResult

MIN_SECONDS = 0.03  # of one measurement; shorter calls are repeated within it, each on another candidate set
SLOW_SECONDS = 1.0  # a call that takes longer needs no second warm-up


@dataclass(frozen=True)
class Variant:
    """One way to compute something, at one setting."""

    name: str
    group: str  # variants of a group are one program at several settings; the best setting speaks for it
    call: Callable[[Tensor, Tensor], Any]  # features [N, d], candidates [C, b] -> result
    check: Callable[[Any], Check]  # of the result on turn 0
    threads: int = 2  # on a CPU
    ours: bool = False
    peer: str = ""  # group that computes the very same with a library, where that is not eigenvalues
    seconds_of: Callable[[int], float] | None = None  # turn -> seconds, for what is timed elsewhere
    share: float = 1.0  # of the candidates that it computes: the time is divided by it
    graph: bool = False  # all turns are captured in one CUDA graph
    late: bool = False  # takes long to prepare: measured against ours alone once all others are


@dataclass
class Timing:
    """Measurements of one variant."""

    variant: Variant
    check: Check
    warm: float  # seconds of the last warm-up call, a first estimate
    rounds: list[tuple[int, float]] = field(default_factory=list)  # round, seconds of one call

    @property
    def seconds(self) -> list[float]:
        """Seconds of one call, by round."""
        return [seconds for _, seconds in self.rounds]

    @property
    def median(self) -> float:
        """Median seconds of one call."""
        return statistics.median(self.seconds)

    def row(self) -> dict[str, Any]:
        """Name, error and times, ready for JSON; no times where none were taken."""
        variant, seconds = self.variant, self.seconds
        found = {"name": variant.name, "group": variant.group, "ours": variant.ours, "n_rounds": len(seconds)}
        found |= {"error": self.check.error, "error_measure": self.check.measure}
        if seconds:
            found |= {"median": self.median, "min": min(seconds), "p90": p90(seconds)}
        return found


def plural(count: int, word: str) -> str:
    """`1 thread`, `2 threads`."""
    return f"{count} {word}" + "s" * (count != 1)


def p90(values: Sequence[float]) -> float:
    """The 90th percentile, by the nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, -(-9 * len(ordered) // 10) - 1)]


@functools.cache
def _pools() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def limited(threads: int) -> Iterator[None]:
    """At most so many threads in torch and in the BLAS of numpy and scipy."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with _pools().limit(limits=threads, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)


def warm_up(variant: Variant, inputs: Inputs) -> Timing:
    """Two calls on turn 0, one where it is slow; the first one's result is checked.

    Raises
    ------
    WrongResult
        The result is further from the truth than it may be. Nothing wrong is ever timed.
    """
    with limited(variant.threads):
        start = time.perf_counter()
        result = variant.call(*inputs.turn(0))
        seconds = time.perf_counter() - start
        check = checked(variant, result)
        if seconds < SLOW_SECONDS:
            start = time.perf_counter()
            variant.call(*inputs.turn(0))
            seconds = time.perf_counter() - start
        return Timing(variant, check, seconds)


def checked(variant: Variant, result: Any) -> Check:
    """The check of a variant's result on turn 0.

    Raises
    ------
    WrongResult
        It did not pass.
    """
    check = variant.check(result)
    if not check.passed:
        raise WrongResult(f"{variant.name}: {check.measure} {check.error:.3g}, allowed {check.allowed:.3g}")
    return check


def measure(variant: Variant, inputs: Inputs, turn: int, calls: int) -> float:
    """Mean seconds of a call, over calls on successive turns."""
    if variant.seconds_of is not None:
        return statistics.fmean(variant.seconds_of(turn + i) for i in range(calls))
    sets = [inputs.turn(turn + i) for i in range(calls)]
    with limited(variant.threads):
        start = time.perf_counter()
        for features, candidates in sets:
            variant.call(features, candidates)
        return (time.perf_counter() - start) / calls


def interleave(
    timings: Sequence[Timing],
    inputs: Inputs,
    rounds: int,
    slow_seconds: float,
    on_step: Callable[[], None] = lambda: None,
) -> None:
    """Measure every variant once a round.

    A variant joins as many rounds, evenly spread, as fit in `slow_seconds` of its own; two at least.
    """
    joins = {id(timing): _joined(timing.warm, rounds, slow_seconds) for timing in timings}
    for turn in range(rounds):
        for timing in timings:
            if turn in joins[id(timing)]:
                calls = max(1, round(MIN_SECONDS / max(timing.warm, 1e-6)))
                timing.rounds.append((turn, measure(timing.variant, inputs, 1 + turn, min(calls, 64))))
            on_step()


def _joined(warm: float, rounds: int, slow_seconds: float) -> set[int]:
    wanted = min(rounds, max(2, int(slow_seconds / max(warm, MIN_SECONDS))))
    return {round(i * (rounds - 1) / max(wanted - 1, 1)) for i in range(wanted)}


def best_of(timings: Sequence[Timing], group: str) -> Timing:
    """The fastest setting of a group, by its median."""
    return min((timing for timing in timings if timing.variant.group == group), key=lambda timing: timing.median)


def ratio(slower: Timing, faster: Timing) -> float:
    """Median over the rounds both joined of one's seconds over the other's."""
    other = dict(faster.rounds)
    return statistics.median(seconds / other[turn] for turn, seconds in slower.rounds if turn in other)
