"""The functions of `saln_kernels` that are timed on a GPU."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from torch import Tensor

import saln_kernels
from bench.gpu.cases import Inputs
from bench.gpu.timing import Variant
from saln_kernels.backends import triton

EXACT = "topk_eigvals"
ALLOWED = 1e-5  # relative error against float64
CRITERIA = ("effective_rank", "participation_ratio")


def variants(inputs: Inputs) -> Iterator[Variant]:
    """Every function of interest, called and as a CUDA graph; Triton where it serves."""
    k = inputs.case.k
    top = partial(call, k=k)
    make = partial(Variant, ours=True, allowed=ALLOWED)
    yield make(EXACT, EXACT, top)
    if not inputs.case.baselines:
        return
    yield make(f"{EXACT}, CUDA graph", f"{EXACT}, graph", top, graph=True)
    yield make(
        f"{EXACT}, randomized", f"{EXACT}, randomized", partial(_certified, k=k), measure="certificate", allowed=1.0
    )
    yield make("topk_eigh", "topk_eigh", lambda f, c: saln_kernels.topk_eigh(f, c, k).values)
    yield make("gram", "gram", saln_kernels.gram, measure="gram")
    for criterion in CRITERIA:
        yield make(criterion, criterion, partial(_score, criterion=criterion), measure=criterion)
    if inputs.device.type == "cuda" and _serves("triton") and inputs.case.size <= triton.LARGEST:
        yield make(f"{EXACT}, Triton", f"{EXACT}, Triton", partial(call, k=k, backend="triton"))


def floor(inputs: Inputs) -> dict[str, Any]:
    """What the plan says of the timed call: floor, what makes it, and what the kernel occupies."""
    features, candidates = inputs.turn(0)
    return saln_kernels.plan(saln_kernels.topk_eigvals, features, candidates, inputs.case.k, backend="cuda").as_dict()


def call(features: Tensor, candidates: Tensor, k: int, backend: str | None = None) -> Tensor:
    """The call that is headlined: the k leading eigenvalues [C, k], exact."""
    return saln_kernels.topk_eigvals(features, candidates, k, solver="exact", backend=backend)


def _certified(features: Tensor, candidates: Tensor, k: int) -> Any:
    return saln_kernels.topk_eigvals(features, candidates, k, solver="randomized", return_bounds=True)


def _score(features: Tensor, candidates: Tensor, criterion: str) -> Tensor:
    return saln_kernels.score_batches(features, candidates, criterion)


def _serves(name: str) -> bool:
    return any(status.name == name and status.serves for status in saln_kernels.build_info().backends)
