"""Certificates hold, whatever the spectrum and solver; estimates rank candidates as exact values do."""

import itertools

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import saln_kernels
from cases import LAPLACIANS, SIMILARITIES, make, one_and_a_tail
from saln_kernels.matrices import Problem
from saln_kernels.truth import reference

SPECTRA = ("gaussian", "power law", "identity", "low rank", "clustered", "one large", "graded")


def features_of(kind: str, b: int, d: int, seed: int, dtype: torch.dtype) -> torch.Tensor:
    """Rows [3 b, d] whose batches have a spectrum of a kind."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(3 * b, d, generator=generator, dtype=torch.float64)
    order = torch.arange(1, d + 1, dtype=torch.float64)
    if kind == "power law":
        x *= order**-1.0
    elif kind == "identity":
        x = torch.eye(3 * b, 3 * b, dtype=torch.float64)
    elif kind == "low rank":
        rank = 1 + seed % 3
        x = torch.randn(3 * b, rank, generator=generator, dtype=torch.float64) @ x[:rank]
    elif kind == "clustered":
        x = x[torch.randint(0, 3, (3 * b,), generator=generator)] + 1e-4 * x
    elif kind == "one large":
        x += 20
    elif kind == "graded":
        x *= 10 ** (-8 * (order - 1) / d)
    return x.to(dtype)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(SPECTRA),
    b=st.integers(1, 72),
    d=st.integers(1, 80),
    k=st.integers(1, 8),
    solver=st.sampled_from(["exact", "randomized", "auto"]),
    n_iter=st.one_of(st.none(), st.integers(1, 24)),
    similarity=st.sampled_from(["linear", "cosine", "rbf"]),
    center=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.bfloat16]),
    seed=st.integers(0, 1000),
)
def test_certificates_hold(
    backend: str,
    kind: str,
    b: int,
    d: int,
    k: int,
    solver: str,
    n_iter: int | None,
    similarity: str,
    center: bool,
    dtype: torch.dtype,
    seed: int,
) -> None:
    features = features_of(kind, b, d, seed, dtype)
    generator = torch.Generator().manual_seed(seed)
    candidates = torch.stack([torch.randperm(3 * b, generator=generator)[:b] for _ in range(3)])
    candidates[1, b // 2 :] = -1
    k = min(k, b)
    values, bounds = saln_kernels.topk_eigvals(
        features,
        candidates,
        k,
        similarity=similarity,
        center=center,
        solver=solver,
        n_iter=n_iter,
        seed=seed,
        return_bounds=True,
        backend=backend,
    )
    problem = Problem(features, candidates, None, None, similarity, center, 1 / features.shape[1])
    exact, own = reference.eigvals(problem, k)
    assert (bounds >= 0).all()
    # The reference is float64 and errs too, by no more than its own bound.
    slack = own - torch.finfo(values.dtype).eps * exact.abs()
    assert ((values.double() - exact).abs() <= bounds.double() + slack).all()


@pytest.mark.parametrize("b", [4, 5, 7])
def test_small_part_unseen(backend: str, b: int) -> None:
    """Few steps leave out what is lost in the rounding of the matrix's norm, beside values as small."""
    for seed in range(20):
        features = features_of("clustered", b, 5, seed, torch.float64)
        candidates = torch.randperm(3 * b, generator=torch.Generator().manual_seed(seed))[:b].unsqueeze(0)
        values, bounds = saln_kernels.topk_eigvals(
            features,
            candidates,
            3,
            center=True,
            solver="randomized",
            n_iter=1,
            seed=seed,
            return_bounds=True,
            backend=backend,
        )
        exact, own = reference.eigvals(Problem(features, candidates, center=True), 3)
        assert ((values - exact).abs() <= bounds + own).all()


@pytest.mark.parametrize("tail", [1e-6, 1e-5, 5e-5])
@pytest.mark.parametrize("b", [32, 64, 128, 200])
def test_small_rest_is_counted(backend: str, b: int, tail: float) -> None:
    """Couplings so small that the Krylov space counts as exhausted, yet above rounding, are in the certificates."""
    for seed, steps in itertools.product(range(3), (b, b // 2, 20)):
        matrix = one_and_a_tail(b, tail, seed)
        values, bounds = saln_kernels.topk_eigvals(
            matrix,
            torch.arange(b).unsqueeze(0),
            4,
            similarity="precomputed",
            solver="randomized",
            n_iter=steps,
            return_bounds=True,
            backend=backend,
        )
        exact = torch.linalg.eigvalsh(matrix.double()).flip(0)[:4]
        assert ((values.double() - exact).abs() <= bounds.double()).all(), (seed, steps)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("n", "k"), [(5, 3), (12, 4)])
def test_small_part_unseen_indefinite(backend: str, n: int, k: int, dtype: torch.dtype) -> None:
    """The same where the trace says nothing: ±1 and values about the square root of the rounding unit."""
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        basis = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64)).Q
        spectrum = torch.finfo(dtype).eps ** 0.5 * torch.rand(n, generator=generator, dtype=torch.float64)
        spectrum[:2] = torch.tensor([-1.0, 1.0])
        matrix = basis * spectrum @ basis.T
        matrix = (0.5 * (matrix + matrix.T)).to(dtype)
        values, bounds = saln_kernels.topk_eigvals(
            matrix,
            torch.arange(n).unsqueeze(0),
            k,
            similarity="precomputed",
            solver="randomized",
            n_iter=1,
            seed=seed,
            return_bounds=True,
            backend=backend,
        )
        exact = torch.linalg.eigvalsh(matrix.double()).flip(0)[:k]
        assert ((values.double() - exact).abs() <= bounds.double()).all()


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize(("laplacian", "negative"), LAPLACIANS)
@pytest.mark.parametrize("solver", ["exact", "randomized"])
def test_options(backend: str, similarity: str, laplacian: str | None, negative: str, solver: str) -> None:
    case = make(24, 12, similarity=similarity, laplacian=laplacian, negative=negative, quality=True, center=True)
    values, bounds = saln_kernels.topk_eigvals(
        case.features, case.candidates, 5, **case.options, solver=solver, return_bounds=True, backend=backend
    )
    exact, _ = reference.eigvals(case.problem, 5)
    assert ((values.double() - exact).abs() <= bounds.double()).all()


@pytest.mark.parametrize("b", [8, 32, 64])
def test_exact_bounds_are_useful(backend: str, b: int) -> None:
    case = make(b, 2 * b, similarity="cosine", padding=0)
    values, bounds = saln_kernels.topk_eigvals(
        case.features, case.candidates, b, similarity="cosine", solver="exact", return_bounds=True, backend=backend
    )
    assert (bounds <= 1e-3 * values[:, :1]).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("kind", ["gaussian", "power law", "one large"])
def test_randomized_ranking(cpu: str, kind: str, dtype: torch.dtype) -> None:
    """The top tenth of candidates by estimate is that by exact score."""
    features = features_of(kind, 64, 96, 5, dtype)
    generator = torch.Generator().manual_seed(0)
    candidates = torch.stack([torch.randperm(len(features), generator=generator)[:64] for _ in range(100)])
    tops = [
        set(
            saln_kernels.score_batches(features, candidates, "energy", k=4, solver=solver, backend=cpu)
            .topk(10)
            .indices.tolist()
        )
        for solver in ("exact", "randomized")
    ]
    assert len(tops[0] & tops[1]) >= 9
