"""Second derivatives: right by the reference, refused in words by the kernels, never wrong without a word."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import saln_kernels
from cases import SIMILARITIES
from saln_kernels.criteria import CRITERIA

Function = Callable[..., Tensor]
ROWS = torch.tensor([[0, 1, 2, 3], [5, -1, 4, 0], [-1, -1, 2, -1], [-1, -1, -1, -1]])

FUNCTIONS: dict[str, Function] = {  # looked up when called: --device puts others in their place
    "gram": lambda *a, **o: saln_kernels.gram(*a, **o),
    "topk_eigvals": lambda *a, **o: saln_kernels.topk_eigvals(*a, k=2, **o),
    "topk_eigh": lambda *a, **o: saln_kernels.topk_eigh(*a, k=2, **o).values,
    "fiedler": lambda *a, **o: saln_kernels.fiedler(*a, **{"negative": "shift", **o}).value,
    "score_batches": lambda *a, **o: saln_kernels.score_batches(*a, **o),
    "eigvalsh": lambda x, rows, **o: saln_kernels.eigvalsh(x @ x.mT, 2, backend=o["backend"]),
    "eigh": lambda x, rows, **o: saln_kernels.eigh(x @ x.mT, 2, backend=o["backend"]).values,
}


def source(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator).requires_grad_()


def first(function: Function, x: Tensor, **options: Any) -> Tensor:
    """The first derivative, to be differentiated again."""
    found = function(x, ROWS, **options)
    (slope,) = torch.autograd.grad(found.square().sum(), x, create_graph=True)
    return slope


@pytest.mark.parametrize("name", FUNCTIONS)
def test_refused(kernels: str, name: str) -> None:
    """By name; the first derivative is as without create_graph."""
    x = source(3, 6, 4) if name.startswith("eig") else source(6, 4)
    slope = first(FUNCTIONS[name], x, backend=kernels)
    (plain,) = torch.autograd.grad(FUNCTIONS[name](x, ROWS, backend=kernels).square().sum(), x)
    assert torch.equal(slope, plain)
    with pytest.raises(NotImplementedError, match=rf"second derivatives of {name} are not .*backend='reference'"):
        torch.autograd.grad(slope.square().sum(), x)


@pytest.mark.parametrize("of", ["residuals", "quality"])
def test_refused_by_whatever_it_is_differentiated(cpu: str, of: str) -> None:
    """A plain sum, whose incoming gradient needs none itself; with respect to residuals or quality alone."""
    x, given = source(6, 4).detach(), {"residuals": source(6, 3), "quality": source(6)}
    given = {name: value if name == of else value.detach() for name, value in given.items()}
    found = saln_kernels.score_batches(x, ROWS, similarity="gradient", **given)
    (slope,) = torch.autograd.grad(found.sum(), given[of], create_graph=True)
    with pytest.raises(NotImplementedError, match="second derivatives of score_batches"):
        slope.sum().backward()


def test_unused_second_derivatives_disturb_nobody(cpu: str) -> None:
    """A graph kept for another term's sake."""
    x = source(6, 4)
    score = saln_kernels.score_batches(x, ROWS[:2]).sum()
    (slope,) = torch.autograd.grad(score, x, create_graph=True)
    other = (x**3).sum()
    (again,) = torch.autograd.grad(other, x, create_graph=True)
    torch.testing.assert_close(torch.autograd.grad(again.sum() + slope.detach().sum(), x)[0], 6 * x)


def options_of(similarity: str, seed: int = 1) -> dict[str, Any]:
    extra = {"residuals": source(6, 3, seed=seed).detach()} if similarity == "gradient" else {}
    return {"similarity": similarity, "backend": "reference", **extra}


def check(function: Function, similarity: str, **options: Any) -> None:
    """Gradgradcheck of the reference."""
    x = source(6, 6 if similarity == "precomputed" else 5, seed=2)
    options = {**options_of(similarity), **options}

    def call(x: Tensor) -> Tensor:
        if similarity == "precomputed":
            x = x @ x.mT
        return function(x, ROWS, **options)

    assert torch.autograd.gradgradcheck(call, x)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("center", [False, True])
def test_reference_spectra(similarity: str, center: bool) -> None:
    for name in ("gram", "topk_eigvals"):
        check(FUNCTIONS[name], similarity, center=center)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("laplacian", ["unnormalized", "symmetric"])
def test_reference_graphs(similarity: str, laplacian: str) -> None:
    """The trivial vector that the symmetric Laplacian's pair is orthogonal to moves too."""
    check(FUNCTIONS["fiedler"], similarity, laplacian=laplacian)
    check(FUNCTIONS["topk_eigvals"], similarity, laplacian=laplacian, negative="shift")


@pytest.mark.parametrize("criterion", sorted(CRITERIA))
def test_reference_criteria(criterion: str) -> None:
    options = {"negative": "shift"} if criterion == "algebraic_connectivity" else {}
    check(lambda *a, **o: saln_kernels.score_batches(*a, criterion, **o), "linear", **options)


def test_reference_matrices() -> None:
    half = source(2, 4, 4)
    for name in ("eigvalsh", "eigh"):
        assert torch.autograd.gradgradcheck(lambda x, f=FUNCTIONS[name]: f(x, None, backend="reference"), half)
