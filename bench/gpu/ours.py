"""The functions of `saln_kernels` that are timed on a GPU."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import saln_kernels
from bench import ours
from bench.cases import Inputs
from bench.timing import Variant
from bench.truth import truth_of
from saln_kernels.backends import triton

EXACT = ours.EXACT
GROUPS = (ours.RANDOMIZED, ours.GRAM, "effective_rank", "participation_ratio")


def variants(inputs: Inputs) -> Iterator[Variant]:
    """Every function of interest, the exact one as a CUDA graph too; Triton where it serves."""
    of_group = {variant.group: variant for variant in ours.variants(inputs)}
    exact, k, top = of_group[EXACT], inputs.case.k, truth_of(inputs).top
    yield exact
    if not inputs.case.baselines:
        return
    yield replace(exact, name=f"{EXACT}, CUDA graph", group=f"{EXACT}, graph", graph=True)
    yield from (of_group[group] for group in GROUPS)
    yield Variant("topk_eigh", "topk_eigh", lambda f, c: saln_kernels.topk_eigh(f, c, k).values, top, ours=True)
    if inputs.device.type == "cuda" and _serves("triton") and inputs.case.size <= triton.LARGEST:
        name = f"{EXACT}, Triton"
        yield replace(exact, name=name, group=name, call=partial(ours.exact, k=k, backend="triton"))


def floor(inputs: Inputs) -> dict[str, Any]:
    """What the plan says of the timed call: floor, what makes it, and what the kernel occupies."""
    return saln_kernels.plan(saln_kernels.topk_eigvals, *inputs.turn(0), inputs.case.k, backend="cuda").as_dict()


def _serves(name: str) -> bool:
    return any(status.name == name and status.serves for status in saln_kernels.build_info().backends)
