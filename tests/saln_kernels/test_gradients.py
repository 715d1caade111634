"""Gradients against finite differences in float64, and of lower precisions against float64."""

from typing import Any

import pytest
import torch
from torch import Tensor

import saln_kernels
from cases import SIMILARITIES, make
from saln_kernels.chain_rule import chain
from saln_kernels.criteria import CRITERIA, evaluate, slope
from saln_kernels.matrices import build, gather

VARIANTS: list[dict[str, Any]] = [
    {},
    {"center": True, "laplacian": "unnormalized", "negative": "shift"},
    {"laplacian": "symmetric", "negative": "shift"},
    {"laplacian": "unnormalized", "negative": "clamp"},
]


def leaves(similarity: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Features, residuals, quality and candidates with padding and a repeated row."""
    case = make(4, 5, rows=6, similarity=similarity, quality=True, dtype=torch.float64, seed=3)
    features = case.definite().features
    residuals = case.options.get("residuals", torch.zeros(0))
    candidates = torch.tensor([[0, 1, 2, 3], [5, -1, 4, 0], [1, 3, 1, 5], [-1, -1, 2, -1], [-1, -1, -1, -1]])
    return features, residuals, case.options["quality"], candidates


def check(function: Any, similarity: str, backend: str, **options: Any) -> None:
    """Gradcheck of function(features, candidates, **options) with respect to all that is differentiable."""
    features, residuals, quality, candidates = leaves(similarity)

    def call(features: Tensor, residuals: Tensor, quality: Tensor) -> Tensor:
        if similarity == "precomputed":
            features = (features + features.mT) / 2
        extra = {"residuals": residuals} if similarity == "gradient" else {}
        return function(
            features, candidates, similarity=similarity, quality=quality, backend=backend, **extra, **options
        )

    inputs = [tensor.requires_grad_(tensor.numel() > 0) for tensor in (features, residuals, quality)]
    assert torch.autograd.gradcheck(call, inputs, fast_mode=True)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_spectrum(backend: str, similarity: str, variant: dict[str, Any]) -> None:
    check(lambda *a, **o: saln_kernels.topk_eigvals(*a, k=2, **o), similarity, backend, **variant)
    check(lambda *a, **o: saln_kernels.topk_eigh(*a, k=2, **o).values, similarity, backend, **variant)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("center", [False, True])
def test_gram(backend: str, similarity: str, center: bool) -> None:
    check(saln_kernels.gram, similarity, backend, center=center)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("laplacian", ["unnormalized", "symmetric"])
def test_fiedler(backend: str, similarity: str, laplacian: str) -> None:
    check(
        lambda *a, **o: saln_kernels.fiedler(*a, **o).value, similarity, backend, laplacian=laplacian, negative="shift"
    )


@pytest.mark.parametrize("criterion", sorted(CRITERIA))
@pytest.mark.parametrize("similarity", ["linear", "rbf", "gradient"])
def test_score(backend: str, criterion: str, similarity: str) -> None:
    options = {"negative": "shift"} if criterion == "algebraic_connectivity" else {}
    check(lambda *a, **o: saln_kernels.score_batches(*a, criterion, k=2, **o), similarity, backend, **options)


@pytest.mark.parametrize("q", [0.0, 0.4, 0.9, 1 + 1e-6, 2.0, 30.0, float("inf")])
def test_vendi_orders(backend: str, q: float) -> None:
    features = torch.randn(8, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    candidates = torch.tensor([[0, 1, 2, 3], [4, -1, 6, 7]])
    assert torch.autograd.gradcheck(
        lambda x: saln_kernels.score_batches(x, candidates, "vendi", q=q, similarity="cosine", backend=backend),
        features,
        fast_mode=True,
    )


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_chain_rule(similarity: str, variant: dict[str, Any]) -> None:
    """The steps taken back by hand are those that autograd takes back."""
    options = {"center": False, "laplacian": None, "negative": "clamp", **variant}
    case = make(7, 5, similarity=similarity, quality=True, dtype=torch.float64, **options)
    rows = gather(case.problem, torch.float64)
    held = [leaf.requires_grad_() for leaf in rows[:3] if leaf is not None]
    matrices = build(rows, case.problem).matrices
    grad = torch.randn(matrices.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    wanted = torch.autograd.grad(matrices, held, grad)
    with torch.no_grad():
        found = [piece for piece in chain(rows, case.problem, grad) if piece is not None]
    for position, (piece, other) in enumerate(zip(found, wanted, strict=True)):
        if position == 0 and similarity == "precomputed":
            # The matrix is symmetric, so a gradient with respect to it is one only up to an antisymmetric part.
            piece, other = piece + piece.mT, other + other.mT
        torch.testing.assert_close(piece, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("criterion", sorted(set(CRITERIA) - {"algebraic_connectivity"}))
@pytest.mark.parametrize("parameter", [0.0, 0.4, 0.9, 1.0, 1 + 1e-6, 2.0, 30.0, float("inf")])
def test_slopes(criterion: str, parameter: float) -> None:
    """The derivatives written by hand are those of the formulas."""
    values = torch.rand(4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).sort(1, True).values
    values[1, 3:] = 0
    values[2] = 0
    values = values.requires_grad_()
    if criterion == "logdet":
        parameter = min(parameter + 0.5, 3.0)
    scores = evaluate(criterion, values, 3, parameter, 1e-15)
    (wanted,) = torch.autograd.grad(scores.sum() + 0 * values.sum(), values)
    torch.testing.assert_close(slope(criterion, values.detach(), 3, parameter, 1e-15), wanted)


def test_matrices(backend: str) -> None:
    half = torch.randn(3, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    for function in (saln_kernels.eigvalsh, lambda *a, **o: saln_kernels.eigh(*a, **o).values):
        assert torch.autograd.gradcheck(lambda x, f=function: f(x + x.mT, 3, backend=backend), half)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_low_precision(cpu: str, dtype: torch.dtype) -> None:
    case = make(12, 20, dtype=dtype)
    features = case.features.requires_grad_()
    exact = case.features.detach().double().requires_grad_()
    for criterion in ("effective_rank", "logdet", "participation_ratio"):
        found = saln_kernels.score_batches(features, case.candidates, criterion).sum()
        wanted = saln_kernels.score_batches(exact, case.candidates, criterion, backend="reference").sum()
        (slope,) = torch.autograd.grad(found, features)
        (truth,) = torch.autograd.grad(wanted, exact)
        assert slope.dtype == dtype
        error = (slope.double() - truth).abs().max() / truth.abs().max()
        assert error <= max(1e-4, 2 * torch.finfo(dtype).eps)


@pytest.mark.parametrize("chunk", [1, 10**9])
def test_chunks(cpu: str, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    """The backward pass sums over chunks of candidates."""
    from saln_kernels.truth import reference

    case = make(7, 6, count=9, dtype=torch.float64)
    features = case.features.requires_grad_()
    (wanted,) = torch.autograd.grad(saln_kernels.score_batches(features, case.candidates).sum(), features)
    monkeypatch.setattr(reference, "CHUNK_ELEMENTS", chunk)
    (found,) = torch.autograd.grad(saln_kernels.score_batches(features, case.candidates).sum(), features)
    torch.testing.assert_close(found, wanted)


def test_bad_candidates_send_nothing_back(backend: str) -> None:
    """A candidate that is NaN, or out of range, leaves the gradient of rows it shares as the others make it."""
    case = make(5, 4, count=4, rows=15, dtype=torch.float64, padding=0)
    row = int(case.candidates[0, 0])
    others = ~(case.candidates == row).any(dim=1)
    spoiled = case.features.clone()
    spoiled[row] = torch.nan
    candidates = case.candidates.clone()
    outside = torch.tensor([[int(case.candidates[others][0, 0]), 99, 0, 1, 2]])
    for function in (
        lambda x, c: saln_kernels.topk_eigvals(x, c, 2, check_bounds=False, backend=backend),
        lambda x, c: saln_kernels.score_batches(x, c, check_bounds=False, backend=backend),
        lambda x, c: saln_kernels.fiedler(x, c, check_bounds=False, backend=backend).value,
    ):
        bad = spoiled.clone().requires_grad_()
        (found,) = torch.autograd.grad(function(bad, torch.cat([candidates, outside])).nansum(), bad)
        good = spoiled.clone().requires_grad_()
        (wanted,) = torch.autograd.grad(function(good, candidates[others]).sum(), good)
        torch.testing.assert_close(found, wanted)


def test_vectors_are_not_differentiable(backend: str) -> None:
    features = torch.randn(6, 4, requires_grad=True)
    candidates = torch.arange(6).view(2, 3)
    assert not saln_kernels.topk_eigh(features, candidates, 2, backend=backend).vectors.requires_grad
    pair = saln_kernels.fiedler(features, candidates, backend=backend)
    assert not pair.vector.requires_grad
    assert not pair.residual.requires_grad
