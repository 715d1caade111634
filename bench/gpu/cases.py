"""The shapes that are measured on a GPU, and their inputs: pools of features that together outgrow the L2 cache."""

from dataclasses import dataclass, replace

import torch

from bench import cases
from bench.cases import Inputs

ROTATED_BYTES = 200 << 20  # of features, several times the L2 cache of an H100 (50 MB) or H200 (60 MB)
LEAST_POOLS, MOST_POOLS = 2, 6
FLOOR_RATIO = 4.0  # measured over floor: at first; 2 in the end


@dataclass(frozen=True)
class Case(cases.Case):
    """A shape and what is wanted of it; its ratio target is over gather + bmm + XsyevBatched."""

    dtype: torch.dtype = torch.bfloat16
    n_true: int = 256
    floor: float = 0.0  # seconds on an H100: the larger of operations and bytes over its rates
    lanczos_ratio: float | None = None  # target over a CUDA-graphed batched Lanczos
    baselines: bool = True
    kind: str = "spectra"  # of bench/gpu/kinds.py

    def smoke(self) -> "Case":
        """The same kind of case, tiny: to try the programs, on a CPU too."""
        return replace(self, n_candidates=8, size=min(self.size, 12), width=24, k=3, pool=64, n_true=8)


CASES = {
    case.name: case
    for case in (
        Case("headline", 4096, 64, 512, floor=50e-6, ratio_target=15, lanczos_ratio=5),
        Case("small", 16384, 32, 768, k=4, floor=146e-6, ratio_target=10, lanczos_ratio=5),
        Case("wide", 1024, 256, 1024, floor=172e-6, n_true=32, ratio_target=15, lanczos_ratio=5),
        Case("many", 1 << 20, 64, 512, floor=256 * 50e-6, baselines=False),
        Case("logits", 64, 512, 151_936, k=512, pool=16384, floor=3.3e-3, n_true=1, kind="logits"),
        Case("eigvalsh", 4096, 64, 96, k=64, dtype=torch.float32, floor=67e-6, n_true=64, kind="eigvalsh"),
    )
}


def make_inputs(case: Case, device: torch.device) -> Inputs:
    """Each turn takes another pool and its own candidates."""
    pool_bytes = case.pool * case.width * case.dtype.itemsize
    turns = 1 if not case.baselines else min(MOST_POOLS, max(LEAST_POOLS, -(-ROTATED_BYTES // pool_bytes)))
    return cases.make_inputs(case, turns, turns, device)
