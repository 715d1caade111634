"""What a user would run without `saln_kernels`, from libraries, each at its best setting."""

import math
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import scipy.linalg
import torch
from sklearn.utils.extmath import randomized_svd
from torch import Tensor

import saln_kernels
from bench import lanczos
from bench.cases import Inputs
from bench.exact_paths import EIGVALSH, PATHS, torch_grams, torch_path
from bench.processes import Processes
from bench.timing import Variant, plural
from bench.truth import Check, truth_of

PROCESSES = "two processes"


def scipy_path(features: Tensor, candidates: Tensor, k: int) -> Tensor:
    """The k leading eigenvalues alone, a candidate at a time: [C, k]."""
    pool, b = features.numpy(), candidates.shape[1]
    found = np.empty((len(candidates), k), np.float32)
    for i, chosen in enumerate(candidates.numpy()):
        rows = pool[chosen]
        values = scipy.linalg.eigh(
            rows @ rows.T, eigvals_only=True, subset_by_index=(b - k, b - 1), check_finite=False, overwrite_a=True
        )
        found[i] = values[::-1]
    return torch.from_numpy(found)


def sklearn_path(features: Tensor, candidates: Tensor, k: int) -> Tensor:
    """Randomized SVD of a candidate's Gram matrix (cheaper than of its rows), one at a time: [C, k]."""
    pool = features.numpy()
    found = np.empty((len(candidates), k), np.float32)
    for i, chosen in enumerate(candidates.numpy()):
        rows = pool[chosen]
        found[i] = randomized_svd(rows @ rows.T, k, random_state=0)[1]
    return torch.from_numpy(found)


def svd_lowrank_path(features: Tensor, candidates: Tensor, k: int) -> Tensor:
    """Randomized SVD of all Gram matrices at once, 8 oversampled: [C, k]."""
    return torch.svd_lowrank(torch_grams(features, candidates), q=min(k + 8, candidates.shape[1]), niter=2)[1][:, :k]


def moments_path(features: Tensor, candidates: Tensor) -> Tensor:
    """Participation ratio from trace and Frobenius norm, without eigenvalues: [C]."""
    grams = torch_grams(features, candidates)
    return grams.diagonal(dim1=1, dim2=2).sum(1) ** 2 / torch.linalg.vector_norm(grams, dim=(1, 2)) ** 2


def eigh_path(features: Tensor, candidates: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Gather, bmm, eigh: [C, k] and [C, b, k]."""
    values, vectors = torch.linalg.eigh(torch_grams(features, candidates))
    return values[:, -k:].flip(1), vectors[:, :, -k:].flip(2)


def fiedler_path(features: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor]:
    """Second pair of the Laplacian of cosine similarities, by eigh: [C] and [C, b]."""
    rows = torch.nn.functional.normalize(features[candidates], dim=2)
    weights = torch.bmm(rows, rows.mT).clamp_min(0)
    weights.diagonal(dim1=1, dim2=2).zero_()
    values, vectors = torch.linalg.eigh(torch.diag_embed(weights.sum(2)) - weights)
    return values[:, 1], vectors[:, :, 1]


_EXACT: dict[str, Callable[[Tensor, Tensor, int], Tensor]] = {EIGVALSH: torch_path, **PATHS}


def settings(inputs: Inputs) -> Iterator[Variant]:
    """The exact library paths at 1 and 2 threads: torch all at once and in chunks that fit the caches, numpy."""
    top = partial(truth_of(inputs).top, allowed=1e-4)
    for threads in (1, 2):
        words = plural(threads, "thread")
        for group, path in _EXACT.items():
            yield Variant(f"{group}, {words}", group, partial(path, k=inputs.case.k), top, threads)


def others(inputs: Inputs) -> Iterator[Variant]:
    """The other library ways to the k leading eigenvalues, and to what our other functions compute."""
    k, truth = inputs.case.k, truth_of(inputs)
    exact, approximate = partial(truth.top, allowed=1e-4), partial(truth.top, allowed=math.inf)
    yield Variant("scipy eigh by index", "scipy eigh", partial(scipy_path, k=k), exact, 1)
    yield Variant("sklearn randomized_svd", "sklearn", partial(sklearn_path, k=k), approximate, 1)
    yield Variant("torch svd_lowrank", "svd_lowrank", partial(svd_lowrank_path, k=k), approximate)
    yield Variant("torch gather + bmm", "torch gram", torch_grams, _loose(truth.matrices))
    yield Variant("torch moments", "torch moments", moments_path, _loose(truth.participation_ratio))
    yield Variant("torch eigh", "torch eigh", partial(eigh_path, k=k), _loose(lambda r: truth.pairs(*r)), 1)
    yield Variant(
        "torch Laplacian + eigh",
        "torch fiedler",
        fiedler_path,
        _loose(lambda r: truth.fiedler(*r)),
        1,
    )


def lanczos_variants(inputs: Inputs) -> Iterator[Variant | str]:
    """Batched Lanczos in torch, plain and compiled, at as many steps as ours; or why there is none."""
    features, k = inputs.features, inputs.case.k
    candidates = inputs.candidates
    n_iter = saln_kernels.plan(saln_kernels.topk_eigvals, features, candidates, k, solver="randomized").n_iter
    check = partial(truth_of(inputs).top, allowed=math.inf)

    def variant(name: str, one_step: lanczos.Step, whole: bool) -> Variant:
        return Variant(
            f"{name}, {n_iter} steps", name, lambda f, c: lanczos.eigvals(f, c, k, n_iter, one_step, whole), check
        )

    yield variant("torch Lanczos", lanczos.step, False)
    try:
        yield variant("torch.compile Lanczos", lanczos.compiled_step(torch_grams(features, candidates), n_iter), True)
    except RuntimeError as error:
        yield str(error)


def processes_variant(inputs: Inputs, processes: Processes, library: str) -> Variant:
    """The two processes as a variant; the timing happens inside them."""
    return Variant(
        f"{library} in two processes",
        PROCESSES,
        lambda *_: processes.values(),
        partial(truth_of(inputs).top, allowed=1e-4),
        threads=1,
        seconds_of=processes.seconds,
    )


def _loose(check: Callable[..., Check]) -> Callable[..., Check]:
    # a library's float32 result is reported with its error, but need not meet our tolerance
    def loosened(result: object) -> Check:
        found = check(result)
        return Check(found.error, 1e-3, found.measure)

    return loosened
