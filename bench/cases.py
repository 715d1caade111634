"""Cases and their inputs: no call sees the rows of the call before it."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

N_SETS = 8  # candidate sets a case of the CPU rotates through
SMOKE_DIVISOR = 16


@dataclass(frozen=True)
class Case:
    """One shape: C candidates of b rows out of N features of width d, k leading eigenvalues."""

    name: str
    n_candidates: int  # C
    size: int  # b
    width: int  # d
    k: int = 8
    pool: int = 32768  # N
    ratio_target: float | None = None  # of the exact solver, over the library's exact path
    dtype: torch.dtype = torch.float32
    n_true: int | None = None  # candidates whose result is compared with float64; all

    def smoke(self) -> "Case":
        """The same case with fewer candidates, to try the programs; its timings mean nothing."""
        return replace(self, n_candidates=max(2, self.n_candidates // SMOKE_DIVISOR))

    @property
    def gram_flops(self) -> int:
        """Operations of one candidate's Gram matrix: its lower triangle with the diagonal, 2 d per entry."""
        return self.size * (self.size + 1) * self.width

    @property
    def shape(self) -> str:
        """In words."""
        kind = str(self.dtype).removeprefix("torch.")
        return f"C={self.n_candidates}, b={self.size}, d={self.width}, k={self.k}, N={self.pool}, {kind}"


CASES = {
    case.name: case
    for case in (
        Case("b64", 1024, 64, 512, ratio_target=8.0),
        Case("b32", 1024, 32, 768, ratio_target=6.0),
        Case("b256", 128, 256, 1024, ratio_target=6.0),
    )
}


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a case is computed from; a turn takes the next pool and the next candidates."""

    case: Case
    pools: Tensor  # [P, N, d]
    candidate_sets: Tensor  # [T, C, b] int32

    @property
    def turns(self) -> int:
        """How many different inputs there are."""
        return len(self.candidate_sets)

    def turn(self, number: int) -> tuple[Tensor, Tensor]:
        """Features [N, d] and candidates [C, b] of one turn."""
        return self.pools[number % len(self.pools)], self.candidate_sets[number % self.turns]

    @property
    def features(self) -> Tensor:
        """Features [N, d] of turn 0."""
        return self.pools[0]

    @property
    def candidates(self) -> Tensor:
        """Candidates [C, b] of turn 0."""
        return self.candidate_sets[0]

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return self.pools.device


def make_features(case: Case, n_pools: int = 1, device: torch.device | None = None) -> Tensor:
    """Gaussian features [n_pools, N, d]: spectra without gaps, the hard case of every iterative solver."""
    generator = torch.Generator(device or "cpu").manual_seed(1)
    pools = torch.empty(n_pools, case.pool, case.width, dtype=case.dtype, device=device)
    for pool in pools:
        pool.copy_(torch.randn(case.pool, case.width, generator=generator, device=device))
    return pools


def make_candidates(case: Case, *shape: int, seed: int = 2, device: torch.device | None = None) -> Tensor:
    """Random row numbers [*shape, b] int32."""
    generator = torch.Generator(device or "cpu").manual_seed(seed)
    return torch.randint(case.pool, (*shape, case.size), dtype=torch.int32, generator=generator, device=device)


def make_inputs(case: Case, n_sets: int = N_SETS, n_pools: int = 1, device: torch.device | None = None) -> Inputs:
    """Inputs of a case, the same in every process on one kind of device."""
    candidates = make_candidates(case, n_sets, case.n_candidates, device=device)
    return Inputs(case, make_features(case, n_pools, device), candidates)
