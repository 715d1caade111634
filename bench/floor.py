"""The roofline: operations over the machine's own sgemm rate, gathered bytes over its own gather bandwidth."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

import saln_kernels
from bench import ours
from bench.cases import Case, Inputs
from bench.timing import limited

SGEMM_SIZE = 2048


@dataclass(frozen=True)
class Rates:
    """What the machine does at its best, at one number of threads."""

    threads: int
    sgemm: float  # operations a second of torch.mm
    gather: float  # bytes of feature rows read a second


def sgemm_rate(threads: int, size: int = SGEMM_SIZE) -> float:
    """Operations a second of torch.mm of square float32 matrices, the better of two."""
    left, right, out = (torch.rand(size, size) for _ in range(3))
    with limited(threads):
        return 2 * size**3 / min(_seconds(lambda: torch.mm(left, right, out=out)) for _ in range(2))


def gather_rate(inputs: Inputs, threads: int) -> float:
    """Bytes a second of random feature rows read, by the better of two library gathers.

    `embedding_bag` sums the rows of a candidate and writes one; `index_select` copies rows to a block that stays in the
    cache. The pool of features is larger than the caches.
    """
    features, candidates = inputs.features, inputs.candidates.long()
    block = candidates.flatten()[:1024]
    out = features.new_empty(len(block), features.shape[1])
    blocks = [chunk for chunk in candidates.flatten().split(1024) if len(chunk) == len(block)]

    def copies() -> None:
        for rows in blocks:
            torch.index_select(features, 0, rows, out=out)

    with limited(threads):
        seconds = _seconds(lambda: torch.nn.functional.embedding_bag(candidates, features, mode="sum"))
        rate = candidates.numel() / seconds
        if blocks:
            rate = max(rate, len(blocks) * len(block) / _seconds(copies))
    return rate * features.shape[1] * features.element_size()


def measure(inputs: Inputs, size: int = SGEMM_SIZE) -> list[Rates]:
    """Rates at 1 and 2 threads, in one go."""
    return [Rates(threads, sgemm_rate(threads, size), gather_rate(inputs, threads)) for threads in (1, 2)]


def floor_seconds(group: str, inputs: Inputs, rates: Rates) -> float | None:
    """The least time of one call of ours by the plan's operations and bytes; None where no plan is known."""
    if group not in _PLANS:
        return None
    function, arguments = _PLANS[group]
    case = inputs.case
    if function in (saln_kernels.topk_eigvals, saln_kernels.topk_eigh):
        arguments = {"k": case.k, **arguments}
    features = inputs.features.to(torch.bfloat16) if group == ours.HALF else inputs.features
    plan = saln_kernels.plan(function, features, inputs.candidates, **arguments)
    return max(plan.flops / rates.sgemm, _gathered_bytes(case, features.element_size()) / rates.gather)


def _gathered_bytes(case: Case, element_size: int) -> int:
    return case.n_candidates * case.size * case.width * element_size


def _seconds(call: Callable[[], object]) -> float:
    call()
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


_PLANS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    ours.EXACT: (saln_kernels.topk_eigvals, {"solver": "exact"}),
    ours.RANDOMIZED: (saln_kernels.topk_eigvals, {"solver": "randomized"}),
    ours.HALF: (saln_kernels.topk_eigvals, {"solver": "exact"}),
    "topk_eigh": (saln_kernels.topk_eigh, {}),
    "fiedler": (saln_kernels.fiedler, {}),
    ours.GRAM: (saln_kernels.gram, {}),
    **{name: (saln_kernels.score_batches, {"criterion": name}) for name in ("effective_rank", *ours.MOMENTS)},
}
