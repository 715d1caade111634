"""Fiedler pairs: closed forms, networkx, deflation, padding."""

import networkx
import numpy as np
import pytest
import torch

import saln_kernels
from cases import make
from saln_kernels.truth import reference


def of_weights(weights: torch.Tensor, backend: str, **options: object) -> saln_kernels.Fiedler:
    n = len(weights)
    return saln_kernels.fiedler(
        weights, torch.arange(n).unsqueeze(0), similarity="precomputed", **options, backend=backend
    )


def path(n: int) -> torch.Tensor:
    weights = torch.zeros(n, n, dtype=torch.float64)
    index = torch.arange(n - 1)
    weights[index, index + 1] = weights[index + 1, index] = 1
    return weights


@pytest.mark.parametrize("n", [2, 3, 8, 20])
def test_complete(backend: str, n: int) -> None:
    weights = torch.ones(n, n, dtype=torch.float64)
    found = of_weights(weights, backend)
    assert float(found.value) == pytest.approx(n)
    assert float(found.vector.sum()) == pytest.approx(0, abs=1e-12)
    symmetric = of_weights(weights, backend, laplacian="symmetric")
    assert float(symmetric.value) == pytest.approx(n / (n - 1))


@pytest.mark.parametrize("n", [3, 7, 16])
def test_star(backend: str, n: int) -> None:
    weights = torch.zeros(n, n, dtype=torch.float64)
    weights[0, 1:] = weights[1:, 0] = 1
    assert float(of_weights(weights, backend).value) == pytest.approx(1)


@pytest.mark.parametrize("sizes", [(4, 4), (20, 10), (58, 6)])
def test_two_cliques(backend: str, sizes: tuple[int, int]) -> None:
    """The signs of the vector cut two cliques joined by one weak edge."""
    first, n = sizes[0], sum(sizes)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(1))
    weights = torch.zeros(n, n, dtype=torch.float64)
    weights[:first, :first] = 1
    weights[first:, first:] = 1
    weights[0, first] = weights[first, 0] = 0.01
    found = of_weights(weights[order][:, order], backend)
    side = found.vector[0] > 0
    in_first = order < first
    assert torch.equal(side, in_first) or torch.equal(side, ~in_first)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("normalized", [False, True])
def test_networkx(backend: str, seed: int, normalized: bool) -> None:
    generator = np.random.default_rng(seed)
    n = 12 + 5 * seed
    weights = generator.random((n, n)) * (generator.random((n, n)) < 0.6)
    weights = np.triu(weights, 1) + np.triu(weights, 1).T
    graph = networkx.from_numpy_array(weights)
    value = networkx.algebraic_connectivity(graph, normalized=normalized, tol=1e-12, method="lanczos", seed=0)
    vector = networkx.fiedler_vector(graph, normalized=normalized, tol=1e-12, method="lanczos", seed=0)
    kind = "symmetric" if normalized else "unnormalized"
    found = of_weights(torch.from_numpy(weights), backend, laplacian=kind)
    assert float(found.value) == pytest.approx(value, rel=1e-7)
    # networkx scales the normalized vector by D^1/2; both are compared as directions, up to sign.
    ours = found.vector[0].numpy()
    theirs = vector * np.sqrt(weights.sum(axis=1)) if normalized else vector
    candidates = [vector, theirs, vector / np.sqrt(weights.sum(axis=1))] if normalized else [vector]
    assert max(abs(ours @ other) / np.linalg.norm(other) for other in candidates) == pytest.approx(1, abs=1e-6)


def test_indefinite_laplacian_is_deflated(backend: str) -> None:
    """With negative weights the constant vector is not the smallest; the pair found must still be orthogonal to it."""
    case = make(24, 4, similarity="linear", laplacian="unnormalized", negative="keep", padding=0)
    found = saln_kernels.fiedler(case.features, case.candidates, **case.options, backend=backend)
    assert (found.value < 0).all()
    assert found.vector.sum(dim=1).abs().max() < 1e-4


def test_symmetric_isolated_sample(backend: str) -> None:
    """An isolated sample is a component of its own: value 0, and the vector is that sample."""
    weights = path(5).to(torch.float32)
    weights[4, 3] = weights[3, 4] = 0
    found = of_weights(weights, backend, laplacian="symmetric")
    assert abs(float(found.value)) < 1e-6
    torch.testing.assert_close(found.vector[0], torch.tensor([0.0, 0, 0, 0, 1]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("solver", ["exact", "randomized"])
def test_solvers(backend: str, solver: str) -> None:
    case = make(64, 16, similarity="rbf", laplacian="unnormalized", count=3)
    found = saln_kernels.fiedler(case.features, case.candidates, **case.options, solver=solver, backend=backend)
    exact, _, _ = reference.fiedler(case.problem)
    norm = torch.linalg.matrix_norm(reference.gram(case.problem), ord=2)
    assert ((found.value - exact).abs() <= 1e-4 * norm).all()
