"""What every public function on candidates says of one set of them."""

import torch
from torch import Tensor

import saln_kernels

ROWS = 40
CANDIDATES = torch.rand(3, ROWS, generator=torch.Generator().manual_seed(0)).argsort(dim=1)[:, :12]


def everything(features: Tensor, candidates: Tensor) -> list[Tensor]:
    """What every function on candidates says."""
    greedy = [
        part
        for function in (saln_kernels.greedy_logdet, saln_kernels.k_center)
        for part in function(features, candidates, 3)
    ]
    return [
        saln_kernels.gram(features, candidates),
        *saln_kernels.topk_eigh(features, candidates, 2),
        *saln_kernels.fiedler(features, candidates),
        saln_kernels.score_batches(features, candidates),
        saln_kernels.topk_eigvals(features, candidates, 2, solver="randomized"),
        *saln_kernels.maxvol(features, candidates, 2),
        *greedy,
    ]
