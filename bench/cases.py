"""The named cases, and their inputs: several candidate sets over one pool of features."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

N_SETS = 8  # candidate sets a case rotates through; no call sees the rows of the call before it
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
    ratio_target: float = 8.0  # of the exact solver, over gather + bmm + eigvalsh

    def smoke(self) -> "Case":
        """The same case with fewer candidates, to try the programs; its timings mean nothing."""
        return replace(self, n_candidates=max(2, self.n_candidates // SMOKE_DIVISOR))

    @property
    def gram_flops(self) -> int:
        """Operations of one candidate's Gram matrix: its lower triangle with the diagonal, 2 d an entry."""
        return self.size * (self.size + 1) * self.width

    @property
    def shape(self) -> str:
        """In words."""
        return f"C={self.n_candidates}, b={self.size}, d={self.width}, k={self.k}, N={self.pool}"


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
    """What a case is computed from."""

    case: Case
    features: Tensor  # [N, d] float32
    candidate_sets: Tensor  # [N_SETS, C, b] int32

    def candidates(self, turn: int) -> Tensor:
        """Candidates [C, b] of one turn."""
        return self.candidate_sets[turn % len(self.candidate_sets)]


def make_features(case: Case) -> Tensor:
    """Gaussian features [N, d] float32: spectra without gaps, the hard case of every iterative solver."""
    return torch.randn(case.pool, case.width, generator=torch.Generator().manual_seed(1))


def make_candidates(case: Case, *shape: int, seed: int = 2) -> Tensor:
    """Random row numbers [*shape, b] int32."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(case.pool, (*shape, case.size), dtype=torch.int32, generator=generator)


def make_inputs(case: Case) -> Inputs:
    """Inputs of a case, the same in every process."""
    return Inputs(case, make_features(case), make_candidates(case, N_SETS, case.n_candidates))
