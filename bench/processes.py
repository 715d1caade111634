"""The best library path as two single-threaded processes, each with half of the candidates."""

import time
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from types import TracebackType

import torch
from torch import Tensor

from bench.cases import Case, make_inputs
from bench.exact_paths import PATHS
from bench.timing import limited

N_PROCESSES = 2


class Processes:
    """Two processes that wait for turns; use as a context."""

    def __init__(self, case: Case, library: str) -> None:
        context = get_context("spawn")
        self._barrier = context.Barrier(N_PROCESSES)
        self._pipes: list[Connection] = []
        self._processes = []
        for part in range(N_PROCESSES):
            here, there = context.Pipe()
            process = context.Process(target=_work, args=(case, library, part, there, self._barrier), daemon=True)
            process.start()
            there.close()
            self._pipes.append(here)
            self._processes.append(process)
        for pipe in self._pipes:
            pipe.recv()  # warm

    def values(self) -> Tensor:
        """Leading eigenvalues [C, k] of candidate set 0."""
        for pipe in self._pipes:
            pipe.send("values")
        return torch.cat([torch.from_numpy(pipe.recv()) for pipe in self._pipes])

    def seconds(self, turn: int) -> float:
        """From the first process's start to the last one's end, on one candidate set."""
        for pipe in self._pipes:
            pipe.send(turn)
        spans = [pipe.recv() for pipe in self._pipes]
        return float(max(end for _, end in spans) - min(start for start, _ in spans))

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for pipe, process in zip(self._pipes, self._processes, strict=True):
            pipe.close()  # ends its loop
            process.join(10)


def _work(case: Case, library: str, part: int, pipe: Connection, barrier: Barrier) -> None:
    call = PATHS[library]
    with limited(1):
        inputs = make_inputs(case)
        halves = [half.contiguous() for half in inputs.candidate_sets.tensor_split(N_PROCESSES, dim=1)[part]]
        for half in halves[:2]:
            call(inputs.features, half, case.k)
        pipe.send("warm")
        while True:
            try:
                wanted = pipe.recv()
            except EOFError:
                return
            if wanted == "values":
                pipe.send(call(inputs.features, halves[0], case.k).numpy())
                continue
            half = halves[wanted % len(halves)]
            barrier.wait()  # perf_counter is one clock for all processes of a machine
            start = time.perf_counter()
            call(inputs.features, half, case.k)
            pipe.send((start, time.perf_counter()))
