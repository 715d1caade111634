"""Inputs at the edges: nothing there, nothing real, nothing independent, huge, tiny, not finite, out of range."""

import pytest
import torch

import saln_kernels
from cases import SIMILARITIES, make
from saln_kernels import validate
from saln_kernels.criteria import CRITERIA


def every_result(
    features: torch.Tensor, candidates: torch.Tensor, backend: str, **options: object
) -> list[torch.Tensor]:
    """All functions on one problem; each [C, ..]."""
    b = candidates.shape[1]
    shared = {"backend": backend, **options}
    return [
        saln_kernels.gram(features, candidates, **shared),
        *saln_kernels.topk_eigvals(features, candidates, min(3, b), return_bounds=True, **shared),
        *saln_kernels.topk_eigh(features, candidates, min(3, b), return_bounds=True, **shared),
        *saln_kernels.fiedler(features, candidates, **shared),
        *(saln_kernels.score_batches(features, candidates, criterion, **shared) for criterion in CRITERIA),
    ]


@pytest.mark.parametrize("b", [1, 5, 64])
def test_no_candidates(backend: str, b: int) -> None:
    features, candidates = torch.randn(9, 4), torch.zeros(0, b, dtype=torch.int64)
    for result in every_result(features, candidates, backend):
        assert len(result) == 0
    assert saln_kernels.topk_eigh(features, candidates, 1, backend=backend).vectors.shape == (0, b, 1)


def test_no_features_all_padding(backend: str) -> None:
    for result in every_result(torch.zeros(0, 4), torch.full((3, 5), -1), backend):
        assert (result == 0).all()


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_all_padding(backend: str, similarity: str) -> None:
    case = make(6, 4, similarity=similarity).definite()
    case.candidates[2] = -1
    for result in every_result(case.features, case.candidates, backend, **case.options):
        assert (result[2] == 0).all()
        assert result.isfinite().all()


def test_one_row(backend: str) -> None:
    features = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    values, vectors = saln_kernels.topk_eigh(features, torch.tensor([[0], [1]]), 1, backend=backend)
    torch.testing.assert_close(values, torch.tensor([[25.0], [0.0]]))
    assert vectors[0].item() == 1
    centered = saln_kernels.topk_eigvals(features, torch.tensor([[0]]), 1, center=True, backend=backend)
    assert centered.item() == 0


@pytest.mark.parametrize("b", [2, 9, 40, 70])
@pytest.mark.parametrize("d", [1, 6])
def test_duplicates(backend: str, b: int, d: int) -> None:
    features = torch.randn(3, d)
    found = saln_kernels.topk_eigvals(features, torch.full((2, b), 1), b, backend=backend)
    wanted = b * features[1].square().sum()
    torch.testing.assert_close(found[:, 0], wanted.expand(2), rtol=1e-5, atol=0)
    assert (found[:, 1:].abs() <= 1e-5 * wanted).all()
    rank = saln_kernels.score_batches(features, torch.full((2, b), 1), "effective_rank", backend=backend)
    torch.testing.assert_close(rank, torch.ones(2), rtol=1e-3, atol=0)


@pytest.mark.parametrize("n", [2, 8, 33, 64, 100])
@pytest.mark.parametrize("solver", ["exact", "randomized"])
def test_identity(backend: str, n: int, solver: str) -> None:
    """Orthonormal rows break any Krylov method after one step."""
    features = torch.eye(n, n + 3)
    found = saln_kernels.topk_eigh(features, torch.arange(n).unsqueeze(0), min(n, 6), solver=solver, backend=backend)
    torch.testing.assert_close(found.values, torch.ones(1, min(n, 6)), rtol=1e-5, atol=0)
    gram = found.vectors[0].mT @ found.vectors[0]
    torch.testing.assert_close(gram, torch.eye(min(n, 6)), rtol=0, atol=1e-4)


def test_zero_rows(backend: str) -> None:
    case = make(8, 5, padding=0)
    features = case.features.clone()
    features[case.candidates[0, :3]] = 0
    for similarity in ("linear", "cosine", "rbf"):
        for result in every_result(features, case.candidates, backend, similarity=similarity):
            assert result.isfinite().all()
    cosine = saln_kernels.gram(features, case.candidates[:1], similarity="cosine", backend=backend)
    assert (cosine[0, :3] == 0).all()
    assert (cosine[0, :, :3] == 0).all()


@pytest.mark.parametrize("factor", [1e-15, 1e15])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_scaled(backend: str, factor: float, dtype: torch.dtype) -> None:
    case = make(12, 20, dtype=dtype)
    scaled = (case.features.double() * factor).to(dtype)
    values = saln_kernels.topk_eigvals(case.features, case.candidates, 12, backend=backend)
    rescaled = saln_kernels.topk_eigvals(scaled, case.candidates, 12, backend=backend)
    torch.testing.assert_close(rescaled.double() / factor**2, values.double(), rtol=1e-4, atol=1e-4)
    for criterion in ("effective_rank", "energy", "participation_ratio", "stable_rank", "spectral_gap"):
        torch.testing.assert_close(
            saln_kernels.score_batches(scaled, case.candidates, criterion, backend=backend),
            saln_kernels.score_batches(case.features, case.candidates, criterion, backend=backend),
            rtol=1e-4,
            atol=1e-4,
        )
    for similarity in ("cosine", "linear"):
        pairs = [
            saln_kernels.fiedler(features, case.candidates, similarity=similarity, backend=backend)
            for features in (case.features, scaled)
        ]
        unit = 1.0 if similarity == "cosine" else factor**2
        torch.testing.assert_close(pairs[1].value.double() / unit, pairs[0].value.double(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("b", "d"), [(1, 3), (12, 20), (40, 7), (150, 60)])
def test_cosine_of_any_length(backend: str, b: int, d: int, dtype: torch.dtype) -> None:
    """Powers of two, over which squares overflow or vanish, change no direction; a row of zeros stays one."""
    case = make(b, d, count=3, dtype=dtype, similarity="cosine")
    powers = torch.tensor((-1000.0, -600.0, 0.0, 520.0, 1000.0) if dtype == torch.float64 else (-110, -70, 0, 66, 122))
    scale = 2.0 ** powers.double()[torch.arange(len(case.features)) % 5].unsqueeze(1)
    case.features[int(case.candidates[0, 0])] = 0
    scaled = (case.features.double() * scale).to(dtype)
    slack = 1e-12 if dtype == torch.float64 else 2e-6
    for function in (
        lambda x: saln_kernels.gram(x, case.candidates, similarity="cosine", backend=backend),
        lambda x: saln_kernels.topk_eigvals(x, case.candidates, 1, similarity="cosine", center=True, backend=backend),
        lambda x: saln_kernels.topk_eigvals(
            x, case.candidates, 1, similarity="cosine", solver="randomized", n_iter=2, backend=backend
        ),
        lambda x: saln_kernels.score_batches(x, case.candidates, "stable_rank", similarity="cosine", backend=backend),
    ):
        torch.testing.assert_close(function(scaled), function(case.features), rtol=slack, atol=slack * b)


@pytest.mark.parametrize("scale", [1e-30, 1e-15, 1e20, 1e37])
def test_cosine_of_scaled_rows(backend: str, scale: float) -> None:
    x = torch.randn(6, 5, generator=torch.Generator().manual_seed(9))
    rows = torch.arange(6).unsqueeze(0)
    found = saln_kernels.gram(x * scale, rows, similarity="cosine", backend=backend)
    wanted = saln_kernels.gram(x.double(), rows, similarity="cosine", backend="reference")
    torch.testing.assert_close(found.double(), wanted, rtol=0, atol=4e-7)


def test_a_matrix_that_overflows(backend: str) -> None:
    """Finite features, but a matrix that float32 cannot hold: NaN in that candidate alone."""
    case = make(6, 9, count=3, rows=40, padding=0)
    row = int(case.candidates[1, 2])
    features = case.features.clone()
    features[row, 1] = 1e20
    holds = (case.candidates == row).any(dim=1)
    clean = every_result(case.features, case.candidates, backend, similarity="linear")
    found = every_result(features, case.candidates, backend, similarity="linear")
    for result, before in zip(found, clean, strict=True):
        assert result[holds].isnan().all()
        assert torch.equal(result[~holds], before[~holds])


def test_larger_orders_than_are_solved(cpu: str) -> None:
    """Said by an argument's name before an op is called, by plan() too; a small other side has no limit."""
    b = validate.LARGEST_ORDER + 1
    features, rows = torch.randn(b, 3), torch.arange(b).unsqueeze(0)
    wanted = r"candidates has shape \[1, 16385\] .* wanted at most 16384 columns"
    for call in (
        lambda: saln_kernels.gram(features, rows),
        lambda: saln_kernels.fiedler(features, rows),
        lambda: saln_kernels.topk_eigh(features, rows, 2),
        lambda: saln_kernels.topk_eigvals(features, rows, 2, similarity="rbf"),
        lambda: saln_kernels.score_batches(features, rows, "algebraic_connectivity"),
        lambda: saln_kernels.plan(saln_kernels.topk_eigh, features, rows, 2),
        lambda: saln_kernels.plan(saln_kernels.gram, features, rows),
    ):
        with pytest.raises(ValueError, match=wanted):
            call()
    with pytest.raises(ValueError, match=r"matrices has shape .* wanted b of at most 16384"):
        saln_kernels.eigvalsh(torch.zeros(1, 1, 1).expand(1, b, b))
    problem = validate.problem(features, rows, similarity="rbf")
    with pytest.raises(ValueError, match="order 16385, larger than 16384"):
        torch.ops.saln.eigvals(*problem, 1, "exact", 0, 0)
    assert saln_kernels.plan(saln_kernels.topk_eigvals, features, rows, 2).side == "covariance"
    exact = torch.linalg.svdvals(features.double()).square()
    found = saln_kernels.topk_eigvals(features, rows, 3)
    torch.testing.assert_close(found[0].double(), exact, rtol=1e-5, atol=0)
    rank = saln_kernels.score_batches(features, rows, "participation_ratio")
    torch.testing.assert_close(rank[0].double(), exact.sum() ** 2 / exact.square().sum(), rtol=1e-5, atol=0)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("b", [5, 17, 70])
def test_not_finite(backend: str, value: float, similarity: str, b: int) -> None:
    """NaN in exactly the candidates that hold it, and the others are the same to the bit."""
    case = make(b, 9, similarity=similarity, count=9, rows=20 * b).definite()
    row = int(case.candidates[0, b // 2])
    features = case.features.clone()
    features[row, row if similarity == "precomputed" else 3] = value
    holds = (case.candidates == row).any(dim=1)
    clean = every_result(case.features, case.candidates, backend, **case.options)
    for result, before in zip(every_result(features, case.candidates, backend, **case.options), clean, strict=True):
        assert result[holds].isnan().all()
        assert torch.equal(result[~holds], before[~holds])


@pytest.mark.parametrize("name", ["quality", "residuals"])
def test_not_finite_weights(backend: str, name: str) -> None:
    case = make(6, 5, similarity="gradient", quality=True, count=8)
    row = int(case.candidates[0, 0])
    weights = case.options[name].clone()
    weights[row] = torch.nan
    holds = (case.candidates == row).any(dim=1)
    for result in every_result(case.features, case.candidates, backend, **{**case.options, name: weights}):
        assert torch.equal(result.isnan().reshape(len(holds), -1).all(dim=1), holds)
        assert torch.equal(result.isnan().reshape(len(holds), -1).any(dim=1), holds)


@pytest.mark.parametrize("index", [torch.int32, torch.int64], ids=str)
@pytest.mark.parametrize("bad", [-2, 13, 2**31 - 1, -(2**31)])
def test_out_of_range(backend: str, device: torch.device, index: torch.dtype, bad: int) -> None:
    case = make(5, 4, rows=13, index=index)
    case.candidates[3, 2] = bad
    with pytest.raises(IndexError, match=rf"candidates\[3, 2\] is {bad}; wanted .* 0 <= row < 13"):
        saln_kernels.gram(case.features, case.candidates, check_bounds=True, backend=backend)
    if device.type == "cpu":  # where the check waits for nothing it is the default
        with pytest.raises(IndexError):
            saln_kernels.gram(case.features, case.candidates, backend=backend)
    clean = case.candidates.clone()
    clean[3] = -1
    before = every_result(case.features, clean, backend, check_bounds=False)
    for result, other in zip(
        every_result(case.features, case.candidates, backend, check_bounds=False), before, strict=True
    ):
        assert result[3].isnan().all()
        keep = torch.arange(6) != 3
        assert torch.equal(result[keep], other[keep])


@pytest.mark.parametrize("d", [1, 2, 40])
def test_fewer_rows_than_k(backend: str, d: int) -> None:
    """Beyond the n real rows everything is 0 exactly, whichever side the eigenvalues came from."""
    candidates = torch.tensor([[0, -1, -1, -1], [-1, 1, 2, -1], [3, 4, 5, 6]])
    found = saln_kernels.topk_eigh(torch.randn(7, d), candidates, 4, return_bounds=True, backend=backend)
    values, bounds = saln_kernels.topk_eigvals(torch.randn(7, d), candidates, 4, return_bounds=True, backend=backend)
    for row, n in enumerate((1, 2, 4)):
        for result in (
            found.values[row, n:],
            found.bounds[row, n:],
            found.vectors[row, :, n:],
            values[row, n:],
            bounds[row, n:],
        ):
            assert (result == 0).all()
