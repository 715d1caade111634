"""Wrong arguments: the kind of error, and what its message says."""

import re
from typing import Any

import numpy as np
import pytest
import torch

import saln_kernels
from saln_kernels import validate

pytestmark = pytest.mark.usefixtures("on_cpu")  # arguments are checked before anything knows of devices

FEATURES = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))  # ids are made of it
CANDIDATES = torch.arange(8).view(2, 4)

WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"features": FEATURES.numpy()}, TypeError, "features is a numpy array; wanted a torch tensor: torch.from_numpy"),
    ({"features": [[1.0]]}, TypeError, "features is a list; wanted a torch tensor: torch.as_tensor(features)"),
    ({"features": FEATURES.long()}, TypeError, "features has dtype torch.int64; wanted one of float32, float64"),
    ({"features": FEATURES[0]}, ValueError, "features has shape [3]; wanted [N, d]"),
    ({"features": FEATURES[:, :0]}, ValueError, "features has shape [8, 0]; wanted [N, d] with at least one column"),
    ({"features": FEATURES.to_sparse()}, TypeError, "features has layout torch.sparse_coo; wanted a dense tensor"),
    ({"candidates": CANDIDATES.numpy()}, TypeError, "candidates is a numpy array"),
    ({"candidates": CANDIDATES.float()}, TypeError, "candidates has dtype torch.float32; wanted one of int32, int64"),
    ({"candidates": CANDIDATES[0]}, ValueError, "candidates has shape [4]; wanted [C, b]"),
    ({"candidates": CANDIDATES[:, :0]}, ValueError, "candidates has shape [2, 0]"),
    ({"similarity": "dot"}, ValueError, "similarity is 'dot'; wanted one of 'linear', 'cosine'"),
    ({"similarity": None}, TypeError, "similarity is None; wanted"),
    ({"similarity": "precomputed"}, ValueError, "similarity='precomputed' wants the square matrix [N, N]"),
    ({"similarity": "gradient"}, ValueError, "residuals is None; similarity='gradient' wants a tensor [8, c]"),
    ({"residuals": torch.ones(8, 2)}, ValueError, "residuals came with similarity='linear'"),
    (
        {"similarity": "gradient", "residuals": torch.ones(7, 2)},
        ValueError,
        "residuals has shape [7, 2]; wanted [8, c]",
    ),
    ({"similarity": "gradient", "residuals": np.ones((8, 2))}, TypeError, "residuals is a numpy array"),
    ({"quality": torch.ones(8, 1)}, ValueError, "quality has shape [8, 1]; wanted [8]"),
    ({"quality": torch.ones(7)}, ValueError, "quality has shape [7]; wanted [8]"),
    ({"quality": torch.ones(8).int()}, TypeError, "quality has dtype torch.int32"),
    ({"center": 1}, TypeError, "center is 1, a int; wanted True or False"),
    ({"gamma": 1.0}, ValueError, "gamma came with similarity='linear'"),
    ({"similarity": "rbf", "gamma": 0.0}, ValueError, "gamma is 0.0; wanted a positive finite number"),
    ({"similarity": "rbf", "gamma": "1"}, TypeError, "gamma is '1', a str; wanted a number"),
    ({"check_bounds": 1}, TypeError, "check_bounds is 1"),
    ({"backend": "gpu"}, ValueError, "backend is 'gpu'; wanted None or one of 'cpu', 'cuda', 'triton', 'reference'"),
    ({"backend": 3}, TypeError, "backend is 3"),
    ({"backend": "cuda"}, ValueError, "backend='cuda' came with tensors on cpu; wanted tensors on a CUDA device"),
    (
        {"candidates": torch.tensor([[0, 8]])},
        IndexError,
        "candidates[0, 1] is 8; wanted a row of features, 0 <= row < 8",
    ),
    ({"candidates": torch.tensor([[0, 1], [-2, 9]])}, IndexError, "candidates[1, 0] is -2"),
]

WRONG_SPECTRUM: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"k": 0}, ValueError, "k is 0; wanted 1 <= k <= 4"),
    ({"k": 5}, ValueError, "k is 5; wanted 1 <= k <= 4"),
    ({"k": 2.0}, TypeError, "k is 2.0, a float; wanted an int"),
    ({"k": True}, TypeError, "k is True, a bool; wanted an int"),
    ({"laplacian": "random_walk"}, ValueError, "laplacian is 'random_walk'; wanted None or one of"),
    ({"negative": "abs"}, ValueError, "negative is 'abs'; wanted one of 'clamp', 'shift', 'keep'"),
    ({"laplacian": "symmetric", "negative": "keep"}, ValueError, "negative='keep' came with laplacian='symmetric'"),
    ({"solver": "qr"}, ValueError, "solver is 'qr'; wanted one of 'auto', 'exact', 'randomized'"),
    ({"n_iter": 0}, ValueError, "n_iter is 0; wanted None or at least 1"),
    ({"n_iter": 1.5}, TypeError, "n_iter is 1.5"),
    ({"seed": -1}, ValueError, "seed is -1; wanted 0 <= seed < 2**63"),
    ({"seed": None}, TypeError, "seed is None"),
    ({"return_bounds": "yes"}, TypeError, "return_bounds is 'yes'"),
]

WRONG_SCORE: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"criterion": "entropy"}, ValueError, "criterion is 'entropy'; wanted one of 'effective_rank'"),
    ({"criterion": None}, TypeError, "criterion is None"),
    ({"criterion": "energy", "k": 9}, ValueError, "k is 9; wanted 1 <= k <= 4"),
    ({"criterion": "vendi", "q": -1.0}, ValueError, "q is -1.0; wanted an order q >= 0"),
    ({"criterion": "vendi", "q": float("nan")}, ValueError, "q is nan"),
    ({"criterion": "vendi", "q": "inf"}, TypeError, "q is 'inf', a str; wanted a number"),
    ({"criterion": "logdet", "sigma": 0}, ValueError, "sigma is 0.0; wanted a positive finite number"),
]


@pytest.mark.parametrize(("keywords", "error", "message"), WRONG, ids=lambda value: str(value)[:40])
def test_gram(keywords: dict[str, Any], error: type[Exception], message: str) -> None:
    arguments = {"features": FEATURES, "candidates": CANDIDATES, "backend": "reference", **keywords}
    with pytest.raises(error, match=re.escape(message)):
        saln_kernels.gram(**arguments)


@pytest.mark.parametrize(("keywords", "error", "message"), WRONG_SPECTRUM, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("function", [saln_kernels.topk_eigvals, saln_kernels.topk_eigh])
def test_spectrum(function: Any, keywords: dict[str, Any], error: type[Exception], message: str) -> None:
    arguments = {"features": FEATURES, "candidates": CANDIDATES, "k": 2, "backend": "reference", **keywords}
    with pytest.raises(error, match=re.escape(message)):
        function(**arguments)


@pytest.mark.parametrize(("keywords", "error", "message"), WRONG_SCORE, ids=lambda value: str(value)[:40])
def test_score(keywords: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        saln_kernels.score_batches(FEATURES, CANDIDATES, **keywords, backend="reference")


def test_what_is_of_a_graph_has_a_laplacian(backend: str) -> None:
    """Where none is named, the unnormalized one: one rule for all that needs a graph, and none for the rest."""
    graph = {"similarity": "rbf", "backend": backend}
    for function in (
        saln_kernels.fiedler,
        lambda *a, **o: (saln_kernels.score_batches(*a, "algebraic_connectivity", **o),),
    ):
        found, wanted, other = (
            function(FEATURES, CANDIDATES, laplacian=laplacian, **graph)
            for laplacian in (None, "unnormalized", "symmetric")
        )
        assert torch.equal(found[0], wanted[0])
        assert not torch.allclose(found[0], other[0])
    plain = saln_kernels.score_batches(FEATURES, CANDIDATES, "logdet", **graph)
    assert not torch.allclose(
        plain, saln_kernels.score_batches(FEATURES, CANDIDATES, "logdet", laplacian="symmetric", **graph)
    )


@pytest.mark.parametrize("function", [saln_kernels.eigvalsh, saln_kernels.eigh])
def test_matrices(function: Any) -> None:
    with pytest.raises(TypeError, match="matrices is a numpy array"):
        function(np.eye(3), backend="reference")
    with pytest.raises(ValueError, match=re.escape("matrices has shape [3, 3]; wanted [C, b, b]")):
        function(torch.eye(3), backend="reference")
    with pytest.raises(ValueError, match=re.escape("matrices has shape [1, 3, 2]; wanted square matrices")):
        function(torch.zeros(1, 3, 2), backend="reference")
    with pytest.raises(ValueError, match="k is 4; wanted 1 <= k <= 3"):
        function(torch.zeros(1, 3, 3), 4, backend="reference")


def test_devices() -> None:
    with pytest.raises(ValueError, match="candidates is on meta and features on cpu; wanted one device"):
        saln_kernels.gram(FEATURES, CANDIDATES.to("meta"))
    with pytest.raises(RuntimeError, match="no backend of saln_kernels runs on meta"):
        saln_kernels.gram(FEATURES.to("meta"), CANDIDATES.to("meta"))
    with pytest.raises(ValueError, match="backend='cpu' came with tensors on meta"):
        saln_kernels.gram(FEATURES.to("meta"), CANDIDATES.to("meta"), backend="cpu")


def test_kinds_that_convert(backend: str) -> None:
    """Integers of numpy are integers; quality may be of another floating dtype."""
    values = saln_kernels.topk_eigvals(FEATURES, CANDIDATES, np.int64(2), seed=np.int32(0), backend=backend)
    assert values.shape == (2, 2)
    quality = torch.rand(8, dtype=torch.float64)
    assert saln_kernels.gram(FEATURES, CANDIDATES, quality=quality, backend=backend).dtype == torch.float32


def test_missing_library_says_how_to_build(monkeypatch: pytest.MonkeyPatch) -> None:
    from saln_kernels.backends import native

    monkeypatch.setattr(native, "LIBRARY", native.LIBRARY.with_name("absent.so"))
    monkeypatch.setattr(native, "_missing", native.load())
    with pytest.raises(RuntimeError, match=r"not built.*pip install --no-build-isolation -e \..*backend='reference'"):
        saln_kernels.gram(FEATURES, CANDIDATES)


@pytest.mark.parametrize(("setting", "allowed"), [("tf32", True), ("ieee", False), ("none", False)])
def test_tf32_is_asked_of_the_switch_that_is_set(setting: str, allowed: bool) -> None:
    """The older switch, allow_tf32, raises where torch.backends.cuda.matmul.fp32_precision was set."""

    class OnGpu(torch.Tensor):
        is_cuda = True

    before = torch.backends.cuda.matmul.fp32_precision
    try:
        torch.backends.cuda.matmul.fp32_precision = setting
        assert validate.problem(FEATURES.as_subclass(OnGpu), CANDIDATES).allow_tf32 is allowed
        assert validate.problem(FEATURES, CANDIDATES).allow_tf32 is False
    finally:
        torch.backends.cuda.matmul.fp32_precision = before


def test_the_older_switch_for_tf32_still_counts() -> None:
    before = torch.backends.cuda.matmul.fp32_precision
    try:
        torch.backends.cuda.matmul.fp32_precision = "none"
        torch.backends.cuda.matmul.allow_tf32 = True
        assert validate._allows_tf32()
    finally:
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cuda.matmul.fp32_precision = before
