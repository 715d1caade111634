"""The functions of `saln_kernels` that are timed."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

import saln_kernels
from bench.cases import Inputs
from bench.timing import Variant, limited, plural
from bench.truth import truth_of

EXACT, RANDOMIZED, GRAM = "exact top-k", "randomized top-k", "gram"
HALF = f"{EXACT}, bf16"
MOMENTS = ("participation_ratio", "eigenvalue_variance")


def exact(features: Tensor, candidates: Tensor, k: int, backend: str | None = None) -> Tensor:
    """The call that is headlined: the k leading eigenvalues [C, k]."""
    return saln_kernels.topk_eigvals(features, candidates, k, solver="exact", backend=backend)


def certified(features: Tensor, candidates: Tensor, k: int) -> Any:
    """The k leading eigenvalues and their certificates, [C, k] each."""
    return saln_kernels.topk_eigvals(features, candidates, k, solver="randomized", return_bounds=True)


def score(features: Tensor, candidates: Tensor, criterion: str) -> Tensor:
    """Scores [C]."""
    return saln_kernels.score_batches(features, candidates, criterion)


def variants(inputs: Inputs) -> list[Variant]:
    """Every function of interest, by group."""
    k, truth = inputs.case.k, truth_of(inputs)
    make = partial(Variant, ours=True)
    return [
        make(EXACT, EXACT, partial(exact, k=k), truth.top),
        make(RANDOMIZED, RANDOMIZED, partial(certified, k=k), lambda result: truth.certified(*result)),
        make(
            "topk_eigh",
            "topk_eigh",
            partial(saln_kernels.topk_eigh, k=k),
            lambda result: truth.pairs(*result),
            peer="torch eigh",
        ),
        make(
            "fiedler",
            "fiedler",
            saln_kernels.fiedler,
            lambda result: truth.fiedler(result.value, result.vector),
            peer="torch fiedler",
        ),
        make(GRAM, GRAM, saln_kernels.gram, truth.matrices, peer="torch gram"),
        *(
            make(
                name,
                name,
                partial(score, criterion=name),
                getattr(truth, name),
                peer="torch moments" * (name in MOMENTS),
            )
            for name in ("effective_rank", *MOMENTS)
        ),
    ]


def on_threads(inputs: Inputs, threads: int = 2) -> list[Variant]:
    """All of them and bfloat16 features, at one number of threads of the CPU."""
    half = inputs.features.to(torch.bfloat16)
    bf16 = Variant(
        HALF, HALF, lambda _, c: exact(half, c, inputs.case.k), truth_of(inputs, torch.bfloat16).top, ours=True
    )
    return [
        replace(variant, name=f"{variant.name}, {plural(threads, 'thread')}", threads=threads)
        for variant in (*variants(inputs), bf16)
    ]


def same_bits(inputs: Inputs) -> bool:
    """Whether results are the same to the bit across thread counts, chunkings and orders of the candidates."""
    features, candidates = inputs.turn(0)
    order = torch.randperm(len(candidates), generator=torch.Generator().manual_seed(3))
    calls: list[Callable[[Tensor, Tensor], Tensor]] = [
        partial(exact, k=inputs.case.k),
        partial(saln_kernels.topk_eigvals, k=inputs.case.k, solver="randomized"),
        *(partial(score, criterion=name) for name in ("effective_rank", *MOMENTS)),
    ]
    for call in calls:
        wanted = call(features, candidates)
        with limited(1):
            one_thread = call(features, candidates)
        chunks = torch.cat([call(features, chunk) for chunk in candidates.split(37)])
        if not all(torch.equal(wanted, found) for found in (one_thread, chunks)):
            return False
        if not torch.equal(wanted[order], call(features, candidates[order])):
            return False
    return True
