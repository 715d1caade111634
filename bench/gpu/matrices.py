"""The case `eigvalsh` on a GPU: all eigenvalues of many small given matrices, beside what libraries offer."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import torch
from torch import Tensor

import saln_kernels
from bench import ours
from bench.cases import Inputs
from bench.gpu import baselines, cusolver
from bench.gpu.cases import LEAST_POOLS, Case
from bench.timing import Variant
from bench.truth import Check

XSYEV, CUPY = baselines.XSYEV, baselines.CUPY  # of the groups; nothing is gathered here
STOCK = f"torch.linalg.eigvalsh ({torch.__version__})"  # which calls XsyevBatched from 2.12 on
FEW = 64  # older ones loop over matrices above order 32: timed on few


def make_inputs(case: Case, device: torch.device) -> Inputs:
    """Turns of matrices [C, b, b], Gram matrices of Gaussian rows, in place of features; nobody reads candidates."""
    generator = torch.Generator(device).manual_seed(1)
    pools = torch.empty(LEAST_POOLS, case.n_candidates, case.size, case.size, device=device)
    for pool in pools:
        rows = torch.randn(case.n_candidates, case.size, case.width, generator=generator, device=device)
        pool.copy_(rows @ rows.mT)
    return Inputs(case, pools, torch.zeros(LEAST_POOLS, case.n_candidates, 1, dtype=torch.int32, device=device))


def check(inputs: Inputs, values: Tensor) -> Check:
    """The largest error over the largest eigenvalue, of the first matrices, in either order."""
    wanted = _eigvals(inputs)
    found = values[: len(wanted)].cpu().double().sort(dim=1).values
    return Check(float(((found - wanted).abs().amax(1) / wanted[:, -1]).max()), 1e-5)


@cache
def _eigvals(inputs: Inputs) -> Tensor:
    return torch.linalg.eigvalsh(inputs.features[: inputs.case.n_true].cpu().double())


class XsyevPath:
    """XsyevBatched of a copy, since it overwrites what it is given."""

    def __init__(self) -> None:
        self._solver: cusolver.Solver | None = None

    def __call__(self, matrices: Tensor, _: Tensor) -> Tensor:
        if self._solver is None:
            self._solver = cusolver.Solver(len(matrices), matrices.shape[1], matrices.device)
        return self._solver.eigvals(matrices.clone())


def variants(inputs: Inputs) -> Iterator[Variant]:
    """Ours, and each library's own."""

    def checked(values: Tensor) -> Check:
        return check(inputs, values)

    count = inputs.case.n_candidates
    loops = inputs.device.type == "cuda" and _version() < (2, 12)
    few = min(FEW, count) if loops else count
    yield Variant("eigvalsh", ours.EXACT, lambda m, _: saln_kernels.eigvalsh(m), checked, ours=True)
    yield Variant("XsyevBatched", XSYEV, XsyevPath(), checked)
    yield Variant("CuPy eigvalsh", CUPY, lambda m, _: cusolver.cupy_eigvals(m), checked)
    words = f", {few} matrices, extrapolated" * (few < count)
    yield Variant(
        STOCK + words, baselines.STOCK, lambda m, _: torch.linalg.eigvalsh(m[:few]), checked, share=few / count
    )


def _version() -> tuple[int, ...]:
    return tuple(map(int, torch.__version__.split(".")[:2]))


def plan(inputs: Inputs) -> dict[str, Any]:
    """What is planned."""
    return saln_kernels.plan(saln_kernels.eigvalsh, inputs.features, backend="cuda").as_dict()
