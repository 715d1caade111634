"""Fiedler pairs: closed forms, networkx, deflation, padding."""

import math

import networkx
import numpy as np
import pytest
import torch

import oracle
import saln_kernels
from cases import SIMILARITIES, make
from saln_kernels.truth import reference
from tolerance import assert_as_accurate


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


@pytest.mark.parametrize("n", [2, 3, 5, 8, 17, 33, 64, 65, 100])
def test_path(backend: str, n: int) -> None:
    found = of_weights(path(n), backend)
    assert float(found.value) == pytest.approx(2 - 2 * math.cos(math.pi / n), abs=1e-12)
    assert float(found.residual) <= 1e-11
    # The k-th entry is cos(pi (k + 1/2) / n): monotone along the path.
    entries = found.vector[0].numpy()
    wanted = np.cos(math.pi * (np.arange(n) + 0.5) / n)
    assert abs(entries @ wanted) / np.linalg.norm(wanted) == pytest.approx(1, abs=1e-9)


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


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("negative", ["clamp", "shift", "keep"])
@pytest.mark.parametrize("laplacian", ["unnormalized", "symmetric"])
def test_value_and_residual(backend: str, similarity: str, negative: str, laplacian: str) -> None:
    if (laplacian, negative) == ("symmetric", "keep"):
        pytest.skip("refused: degrees may be negative")
    case = make(17, 8, similarity=similarity, laplacian=laplacian, negative=negative, quality=True)
    found = saln_kernels.fiedler(case.features, case.candidates, **case.options, backend=backend)
    features, options = case.arrays()
    exact = torch.tensor(
        [
            oracle.fiedler_value(*oracle.matrix(features, rows, **options), laplacian)
            for rows in case.candidates.tolist()
        ],
        dtype=torch.float64,
    )
    plain, _, plain_residual = reference.fiedler(case.problem, dtype=torch.float32)
    matrices = reference.gram(case.problem)
    norm = torch.linalg.matrix_norm(matrices)
    assert_as_accurate(found.value, exact, plain, norm)
    v = found.vector.double()
    left = (matrices @ v.unsqueeze(2)).squeeze(2) - found.value.double().unsqueeze(1) * v
    limit = (2 * (plain_residual.double() / norm).max() + 128 * 2**-23) * norm
    assert (left.norm(dim=1) <= limit).all()
    assert (found.residual <= 2 * limit).all()
    assert torch.allclose(v.norm(dim=1), torch.ones(len(v), dtype=torch.float64), atol=1e-5)
    assert (found.vector[case.candidates == -1] == 0).all()
    largest = found.vector.abs().amax(dim=1)
    assert torch.allclose(found.vector.amax(dim=1), largest, rtol=1e-4)


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


def test_small_candidates(backend: str) -> None:
    features = torch.randn(5, 3)
    candidates = torch.tensor([[-1, -1, -1], [-1, 2, -1], [0, 1, -1]])
    found = saln_kernels.fiedler(features, candidates, similarity="rbf", backend=backend)
    assert (found.value[:2] == 0).all()
    assert (found.vector[:2] == 0).all()
    assert (found.residual[:2] == 0).all()
    weight = torch.exp(-(features[0] - features[1]).square().sum() / 3)
    torch.testing.assert_close(found.value[2], 2 * weight)
    torch.testing.assert_close(found.vector[2].abs(), torch.tensor([0.5**0.5, 0.5**0.5, 0]))


@pytest.mark.parametrize("solver", ["exact", "randomized"])
def test_solvers(backend: str, solver: str) -> None:
    case = make(64, 16, similarity="rbf", laplacian="unnormalized", count=3)
    found = saln_kernels.fiedler(case.features, case.candidates, **case.options, solver=solver, backend=backend)
    exact, _, _ = reference.fiedler(case.problem)
    norm = torch.linalg.matrix_norm(reference.gram(case.problem), ord=2)
    assert ((found.value - exact).abs() <= 1e-4 * norm).all()
