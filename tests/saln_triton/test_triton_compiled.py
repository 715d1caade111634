"""Machine code for every architecture, without a GPU: it compiles, it can be launched, and its figures are known.

A sample that meets every architecture, dtype, order and kind of result; `python -m tools.triton_compiled`
compiles all of them.
"""

import contextlib
import math
from collections.abc import Callable
from itertools import product
from types import SimpleNamespace

import pytest
import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import make_backend
from triton.runtime.jit import create_function_from_signature

from cases import LAPLACIANS, SIMILARITIES, make
from saln_kernels.backends.triton import launch, run
from saln_kernels.backends.triton.device.codes import FORMULAS
from saln_kernels.backends.triton.device.kernel import spectral_kernel
from saln_kernels.backends.triton.launch import Task, score_task
from saln_kernels.criteria import CRITERIA
from saln_kernels.matrices import Problem
from tools.triton_compiled import SHARED_LIMIT, Configuration, build, configurations, row

VERSION = tuple(map(int, triton.__version__.split(".")[:2]))
# Bytes a thread may spill. Up to B = 64 these are a few addresses, stored before the loop over candidates and loaded
# once each; a tile of 128 leaves too few registers for addresses beside it, and spills some in every step that moves
# the tile.
SPILLED = {16: 128, 32: 128, 64: 128, 128: 1280}

SAMPLE = [
    Configuration(Task("values", 8), 64, torch.float32, 90),
    Configuration(Task("values", 128), 128, torch.bfloat16, 90),
    Configuration(Task("vectors", 8), 32, torch.float16, 80),
    Configuration(Task("tile"), 128, torch.float64, 80),
    Configuration(Task("values", 64), 64, torch.bfloat16, 100),
    Configuration(Task("fiedler"), 16, torch.float64, 100),
    Configuration(Task("tile"), 128, torch.float32, 120),
    Configuration(Task("vectors", 32), 32, torch.float64, 120),
]


@pytest.mark.skipif(
    VERSION < (3, 9),
    reason=f"figures are of Triton 3.9; {triton.__version__} spills more, and fails on some for sm_100",
)
@pytest.mark.parametrize("configuration", SAMPLE, ids=lambda c: f"sm{c.capability}-{c.task.kind}-{c.b}-{c.dtype}")
def test_resources(configuration: Configuration) -> None:
    assert configuration in list(configurations(configuration.capability))
    found = build(configuration)
    assert 0 < found.shared <= SHARED_LIMIT[configuration.capability]
    assert 0 < found.registers * 32 * found.shape.warps <= 65536
    assert found.spilled <= SPILLED[configuration.b], row(configuration, found)


def test_every_criterion_has_a_formula() -> None:
    orders = [-math.inf, 0.0, 0.7, 1.0, 2.0, 3.0, math.inf]
    for name, semidefinite, order in product(CRITERIA, (False, True), orders):
        assert score_task(name, 3, order, 8, semidefinite).formula in FORMULAS


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_options_are_told_and_not_compiled_in(similarity: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked for of one similarity and block, a few kernels serve it."""
    target = make_backend(GPUTarget("cuda", 90, 32))
    binder = create_function_from_signature(spectral_kernel.signature, spectral_kernel.params, target)
    kinds = set()

    class Kernel:
        def __getitem__(self, grid: tuple[int, ...]) -> Callable[..., None]:
            def note(*arguments: object, **known: object) -> None:
                _, kind, options = binder(*arguments, debug=False, **known)
                kinds.add(str((kind, sorted(options.items(), key=str))))

            return note

    monkeypatch.setattr(launch, "spectral_kernel", Kernel())
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(multi_processor_count=132))
    monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
    for center, quality, (laplacian, negative) in product((False, True), (False, True), LAPLACIANS):
        case = make(
            40, 48, count=2, similarity=similarity, center=center, quality=quality,
            laplacian=laplacian, negative=negative,
        )  # fmt: skip
        problem = Problem(*(part.to("meta") if isinstance(part, torch.Tensor) else part for part in case.problem))
        run.gram(problem)
        for k in (1, 3, 8):
            run.eigvals(problem, k)
            run.eigh(problem, k)
        if problem.laplacian != "none":
            run.fiedler(problem)
        for name in CRITERIA:
            if name != "algebraic_connectivity" or problem.laplacian != "none":
                run.score(problem, name, 3, 1.5)
    # The matrix, 8 eigenvalues, all of them, 8 vectors, each with and without a Laplacian, and Fiedler pairs; and all
    # of it again for the rows of `cosine` whose squares overflow.
    assert len(kinds) == 9 * (2 if similarity == "cosine" else 1)


def test_the_sample_meets_everything() -> None:
    everything = [one for capability in SHARED_LIMIT for one in configurations(capability)]
    for pick in (
        lambda one: one.capability,
        lambda one: one.b,
        lambda one: one.dtype,
        lambda one: one.task.kind,
    ):
        assert {pick(one) for one in SAMPLE} == {pick(one) for one in everything}
