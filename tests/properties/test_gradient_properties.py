"""Gradients of problems that nobody thought of against finite differences, in float64, where there is one."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import saln_kernels
from cases import SIMILARITIES, Case, make
from properties.examples import examples
from saln_kernels.criteria import CRITERIA

Function = Callable[..., Tensor]
GRAPHS = (("unnormalized", "shift"), ("unnormalized", "keep"), ("symmetric", "shift"))


@st.composite
def smooth_cases(draw: st.DrawFn, graph: bool) -> Case:
    """Rows in general position, no fewer columns than rows: no eigenvalue is repeated, or kept at 0 by rounding."""
    b = draw(st.integers(2, 6))
    laplacian, negative = draw(st.sampled_from(GRAPHS))
    # Of two centered rows the only edge is what rounding leaves, and a symmetric Laplacian makes a whole one of it.
    center = draw(st.booleans()) and not (graph and laplacian == "symmetric")
    return make(
        b, b + 2 + draw(st.integers(0, 3)), count=3, rows=2 * b, dtype=torch.float64,
        similarity=draw(st.sampled_from(SIMILARITIES)), center=center, quality=draw(st.booleans()),
        laplacian=laplacian if graph else None, negative=negative, padding=draw(st.sampled_from([0.0, 0.3])),
        seed=draw(st.integers(0, 2**31)),
    ).definite()  # fmt: skip


def check(function: Function, case: Case) -> None:
    """Along a direction drawn by torch, backwards and by differences."""
    options = dict(case.options)
    sources = {"features": case.features} | {
        name: options.pop(name) for name in ("residuals", "quality") if options.get(name) is not None
    }

    def call(*values: Tensor) -> Tensor:
        given_by_name = dict(zip(sources, values, strict=True))
        features = given_by_name.pop("features")
        if options["similarity"] == "precomputed":
            features = (features + features.mT) / 2
        return function(features, case.candidates, **given_by_name, **options)

    leaves = [value.clone().requires_grad_() for value in sources.values()]
    assert torch.autograd.gradcheck(call, leaves, fast_mode=True, atol=1e-4, rtol=1e-3)


@pytest.mark.usefixtures("on_cpu")
@examples(5)
@given(case=smooth_cases(graph=False))
def test_gram(case: Case) -> None:
    check(saln_kernels.gram, case)


@pytest.mark.usefixtures("on_cpu")
@examples(8)
@given(case=smooth_cases(graph=False), criterion=st.sampled_from(sorted(set(CRITERIA) - {"algebraic_connectivity"})))
def test_scores(case: Case, criterion: str) -> None:
    check(lambda *a, **o: saln_kernels.score_batches(*a, criterion, k=1, **o), case)


@pytest.mark.usefixtures("on_cpu")
@examples(8)
@given(case=smooth_cases(graph=True))
def test_largest_eigenvalue_of_a_graph(case: Case) -> None:
    check(lambda *a, **o: saln_kernels.topk_eigvals(*a, k=1, **o), case)
    check(lambda *a, **o: saln_kernels.topk_eigh(*a, k=1, **o).values, case)
