"""The shapes that are measured on a GPU, and their inputs: pools of features that together outgrow the L2 cache."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

ROTATED_BYTES = 200 << 20  # of features, several times the L2 cache of an H100 (50 MB) or H200 (60 MB)
LEAST_POOLS, MOST_POOLS = 2, 6


@dataclass(frozen=True)
class Case:
    """One shape: C candidates of b rows out of N features of width d, k leading eigenvalues."""

    name: str
    n_candidates: int  # C
    size: int  # b
    width: int  # d
    k: int
    floor: float  # seconds on an H100: the larger of operations and bytes over its rates
    pool: int = 32768  # N
    dtype: torch.dtype = torch.bfloat16
    n_true: int = 256  # candidates whose result is compared with float64
    library_ratio: float | None = None  # target over gather + bmm + XsyevBatched
    lanczos_ratio: float | None = None  # target over a CUDA-graphed batched Lanczos
    baselines: bool = True

    def smoke(self) -> "Case":
        """The same kind of case, tiny: to try the programs, on a CPU too."""
        return replace(self, n_candidates=8, size=min(self.size, 12), width=24, k=3, pool=64, n_true=8)

    @property
    def shape(self) -> str:
        """In words."""
        kind = str(self.dtype).removeprefix("torch.")
        return f"C={self.n_candidates}, b={self.size}, d={self.width}, k={self.k}, N={self.pool}, {kind}"


CASES = {
    case.name: case
    for case in (
        Case("headline", 4096, 64, 512, 8, 50e-6, library_ratio=15, lanczos_ratio=5),
        Case("small", 16384, 32, 768, 4, 146e-6, library_ratio=10, lanczos_ratio=5),
        Case("wide", 1024, 256, 1024, 8, 172e-6, n_true=32, library_ratio=15, lanczos_ratio=5),
        Case("many", 1 << 20, 64, 512, 8, 256 * 50e-6, baselines=False),
    )
}
FLOOR_RATIO = 4.0  # measured over floor: at first; 2 in the end
MEMORY_BYTES = 64 << 20  # the peak of `many` over inputs and outputs


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a case is computed from; a turn takes one pool and its own candidates."""

    case: Case
    pools: Tensor  # [P, N, d]
    candidate_sets: Tensor  # [P, C, b] int32

    @property
    def turns(self) -> int:
        """How many different inputs there are."""
        return len(self.pools)

    def turn(self, number: int) -> tuple[Tensor, Tensor]:
        """Features [N, d] and candidates [C, b] of one turn."""
        return self.pools[number % self.turns], self.candidate_sets[number % self.turns]

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return self.pools.device


def make_inputs(case: Case, device: torch.device) -> Inputs:
    """Gaussian features, whose spectra have no gaps, and random row numbers; the same every time on one device."""
    generator = torch.Generator(device).manual_seed(1)
    pool_bytes = case.pool * case.width * case.dtype.itemsize
    turns = 1 if not case.baselines else min(MOST_POOLS, max(LEAST_POOLS, -(-ROTATED_BYTES // pool_bytes)))
    pools = torch.empty(turns, case.pool, case.width, dtype=case.dtype, device=device)
    for pool in pools:
        pool.copy_(torch.randn(case.pool, case.width, generator=generator, device=device))
    shape = (turns, case.n_candidates, case.size)
    candidates = torch.randint(case.pool, shape, dtype=torch.int32, generator=generator, device=device)
    return Inputs(case, pools, candidates)


def true_eigvals(inputs: Inputs) -> Tensor:
    """All eigenvalues [n_true, b] of the first candidates of turn 0, descending, float64 on the CPU."""
    features, candidates = inputs.turn(0)
    chosen = candidates[: inputs.case.n_true]
    rows = features[chosen.long()].cpu().double()
    return torch.linalg.eigvalsh(rows @ rows.mT).flip(1)
