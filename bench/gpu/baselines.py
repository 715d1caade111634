"""What a user would run on a GPU without `saln_kernels`, from libraries, each at its best setting."""

import math
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

import saln_kernels
from bench import lanczos
from bench.cases import Inputs
from bench.gpu import cusolver
from bench.timing import Variant
from bench.truth import Check, truth_of

XSYEV, CUPY, STOCK = "gather + bmm + XsyevBatched", "gather + bmm + CuPy eigvalsh", "gather + bmm + torch eigvalsh"
GRAM, SVD, LANCZOS, COMPILED = "gather + bmm", "torch.svd_lowrank", "Lanczos, CUDA graph", "Lanczos, torch.compile"
EXACT = (XSYEV, CUPY, STOCK)
CHUNKS = (None, 1024)  # candidates at once: all, or as many as leave rows and matrices in the L2 cache
FEW = 64  # candidates: torch loops over matrices above order 32, so that is timed on few and extrapolated
ALLOWED = 1e-4  # of an exact library path, relative
_Path = Callable[[Tensor, Tensor, int], Tensor]
_Form = Callable[[Tensor, Tensor], Tensor]


def grams(features: Tensor, candidates: Tensor) -> Tensor:
    """Gather and bmm: [C, b, b] float32, of bfloat16 rows by the matrix units, which sum in float32."""
    rows = features.index_select(0, candidates.flatten()).view(*candidates.shape, -1)
    if rows.dtype == torch.float32 or not rows.is_cuda:
        return torch.bmm(rows.float(), rows.float().mT)
    return torch.bmm(rows, rows.mT, out_dtype=torch.float32)


def by_chunks(path: Callable[[Tensor, Tensor], Tensor], size: int | None) -> Callable[[Tensor, Tensor], Tensor]:
    """The path on so many candidates at a time."""
    if size is None:
        return path
    return lambda features, candidates: torch.cat([path(features, chunk) for chunk in candidates.split(size)])


def stock_path(features: Tensor, candidates: Tensor, k: int, form: _Form = grams) -> Tensor:
    """Gather, bmm, torch.linalg.eigvalsh: [C, k]."""
    return torch.linalg.eigvalsh(form(features, candidates))[:, -k:].flip(1)


def cupy_path(features: Tensor, candidates: Tensor, k: int, form: _Form = grams) -> Tensor:
    """The same with CuPy's eigvalsh, which calls cuSOLVER's batched solvers."""
    return cusolver.cupy_eigvals(form(features, candidates))[:, -k:].flip(1)


def svd_path(features: Tensor, candidates: Tensor, k: int) -> Tensor:
    """Randomized SVD of all Gram matrices at once, 8 oversampled: [C, k]."""
    return torch.svd_lowrank(grams(features, candidates), q=min(k + 8, candidates.shape[1]), niter=2)[1][:, :k]


class XsyevPath:
    """Gather, bmm, XsyevBatched: [C, k]; its workspaces are made on first sight of a batch size."""

    def __init__(self, k: int, form: _Form = grams) -> None:
        self._k, self._form = k, form
        self._solvers: dict[tuple[int, int], cusolver.Solver] = {}

    def __call__(self, features: Tensor, candidates: Tensor) -> Tensor:
        count, order = candidates.shape
        if (count, order) not in self._solvers:
            self._solvers[count, order] = cusolver.Solver(count, order, features.device)
        # the next chunk's values go to the same place
        return self._solvers[count, order].eigvals(self._form(features, candidates))[:, -self._k :].flip(1)


class LanczosPath:
    """Batched Lanczos in torch as far as the tridiagonal matrices, so that nothing in it waits for the device.

    Their eigenvalues, which any user also needs, are only computed to see how far off they are: not timed.
    """

    def __init__(self, inputs: Inputs, n_iter: int, step: lanczos.Step, whole_basis: bool) -> None:
        self._truth, self._n_iter, self._step, self._whole = truth_of(inputs), n_iter, step, whole_basis
        start = torch.randn(inputs.case.size, generator=torch.Generator().manual_seed(0))
        self._start = (start / start.norm()).to(inputs.device)

    def __call__(self, features: Tensor, candidates: Tensor) -> Tensor:
        return lanczos.tridiagonals(grams(features, candidates), self._start, self._n_iter, self._step, self._whole)

    def check(self, tridiagonals: Tensor) -> Check:
        """Of the k leading Ritz values, computed on the CPU."""
        ritz = torch.linalg.eigvalsh(tridiagonals[: self._truth.n].cpu())
        return self._truth.top(ritz[:, -self._truth.k :].flip(1), allowed=math.inf)


def variants(inputs: Inputs) -> Iterator[Variant]:
    """Every baseline; one whose library is not there raises when it is called."""
    k, count, truth = inputs.case.k, inputs.case.n_candidates, truth_of(inputs)
    exact, approximate = partial(truth.top, allowed=ALLOWED), partial(truth.top, allowed=math.inf)
    paths: dict[str, Callable[[Tensor, Tensor], Tensor]] = {XSYEV: XsyevPath(k), CUPY: partial(cupy_path, k=k)}
    for group, path in paths.items():
        for size in CHUNKS:
            if size is None or size < count:
                words = group if size is None else f"{group}, {size} at a time"
                yield Variant(words, group, by_chunks(path, size), exact)
    few = min(FEW, count)
    words = f", {few} candidates, extrapolated" * (few < count)
    yield Variant(STOCK + words, STOCK, partial(_on_few, stock_path, few, k), exact, share=few / count)
    yield Variant(SVD + words, SVD, partial(_on_few, svd_path, few, k), approximate, share=few / count)
    yield Variant(GRAM, GRAM, grams, partial(truth.matrices, allowed=ALLOWED))
    features, candidates = inputs.turn(0)
    n_iter = saln_kernels.plan(
        saln_kernels.topk_eigvals, features, candidates, k, solver="randomized", backend="cpu"
    ).n_iter
    words = f"{{}}, {n_iter} steps, their eigenvalues not counted"
    plain = LanczosPath(inputs, n_iter, lanczos.step, False)
    yield Variant(words.format(LANCZOS), LANCZOS, plain, plain.check, graph=True)
    compiled = LanczosPath(inputs, n_iter, torch.compile(lanczos.step, dynamic=False), True)
    yield Variant(words.format(COMPILED), COMPILED, compiled, compiled.check, late=True)


def _on_few(path: _Path, few: int, k: int, features: Tensor, candidates: Tensor) -> Tensor:
    return path(features, candidates[:few], k)
