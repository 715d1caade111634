"""The functions of `saln_kernels` that are timed."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

import saln_kernels
from bench.cases import Inputs
from bench.timing import Variant, limited, plural
from bench.truth import truth_of

EXACT, RANDOMIZED, GRAM = "exact top-k", "randomized top-k", "gram"
MOMENTS = ("participation_ratio", "eigenvalue_variance")


def variants(inputs: Inputs, threads: int = 2) -> list[Variant]:
    """Every function of interest at one number of threads."""
    features, k = inputs.features, inputs.case.k
    half = features.to(torch.bfloat16)
    truth, half_truth = truth_of(inputs), truth_of(inputs, torch.bfloat16)
    make = partial(Variant, threads=threads, ours=True)
    name = f"{{}}, {plural(threads, 'thread')}"
    found = [
        make(
            name.format(EXACT),
            EXACT,
            lambda c: saln_kernels.topk_eigvals(features, c, k, solver="exact"),
            truth.top,
        ),
        make(
            name.format(RANDOMIZED),
            RANDOMIZED,
            lambda c: saln_kernels.topk_eigvals(features, c, k, solver="randomized", return_bounds=True),
            lambda result: truth.certified(*result),
        ),
        make(
            name.format("exact top-k, bf16"),
            "exact top-k, bf16",
            lambda c: saln_kernels.topk_eigvals(half, c, k, solver="exact"),
            half_truth.top,
        ),
        make(
            name.format("topk_eigh"),
            "topk_eigh",
            lambda c: saln_kernels.topk_eigh(features, c, k),
            lambda result: truth.pairs(*result),
            peer="torch eigh",
        ),
        make(
            name.format("fiedler"),
            "fiedler",
            lambda c: saln_kernels.fiedler(features, c),
            lambda result: truth.fiedler(result.value, result.vector),
            peer="torch fiedler",
        ),
        make(
            name.format(GRAM),
            GRAM,
            lambda c: saln_kernels.gram(features, c),
            truth.matrices,
            peer="torch gram",
        ),
    ]
    for criterion in ("effective_rank", *MOMENTS):
        found.append(
            make(
                name.format(criterion),
                criterion,
                partial(_score, features, criterion),
                getattr(truth, criterion),
                peer="torch moments" if criterion in MOMENTS else "",
            )
        )
    return found


def same_bits(inputs: Inputs) -> bool:
    """Whether results are the same to the bit across thread counts, chunkings and orders of the candidates."""
    features, k, candidates = inputs.features, inputs.case.k, inputs.candidates(0)
    order = torch.randperm(len(candidates), generator=torch.Generator().manual_seed(3))
    calls: list[Callable[[Tensor], Tensor]] = [
        lambda c: saln_kernels.topk_eigvals(features, c, k, solver="exact"),
        lambda c: saln_kernels.topk_eigvals(features, c, k, solver="randomized"),
        *(partial(_score, features, name) for name in ("effective_rank", *MOMENTS)),
    ]
    for call in calls:
        wanted = call(candidates)
        with limited(1):
            one_thread = call(candidates)
        chunks = torch.cat([call(chunk) for chunk in candidates.split(37)])
        if not all(torch.equal(wanted, found) for found in (one_thread, chunks)):
            return False
        if not torch.equal(wanted[order], call(candidates[order])):
            return False
    return True


def _score(features: Tensor, criterion: str, candidates: Tensor) -> Tensor:
    return saln_kernels.score_batches(features, candidates, criterion)
