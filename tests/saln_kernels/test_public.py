"""The public functions hand to the ops what they were given; what the ops return is in tests/contract."""

import pytest
import torch

import saln_kernels
from cases import DTYPES, LAPLACIANS, SIMILARITIES, make
from contract.calls import Call, serve
from pairwise import pairwise
from saln_kernels.backends.dispatch import serving
from saln_kernels.criteria import CRITERIA

OPTIONS = pairwise(SIMILARITIES, (False, True), (False, True), LAPLACIANS, DTYPES)


@pytest.mark.parametrize(("similarity", "center", "quality", "laplacian", "dtype"), OPTIONS)
def test_options(
    backend: str,
    on_cpu: None,
    similarity: str,
    center: bool,
    quality: bool,
    laplacian: tuple[str | None, str],
    dtype: torch.dtype,
) -> None:
    """To the bit: the same call."""
    how, negative = laplacian
    case = make(
        7, 5, similarity=similarity, center=center, quality=quality, laplacian=how, negative=negative, dtype=dtype
    )
    if similarity == "rbf" and center:
        case.options["gamma"] = 0.3
    ops, given = serving(backend, torch.device("cpu")), (case.features, case.candidates)
    keywords = {**case.options, "backend": backend}

    def same(found: torch.Tensor | tuple[torch.Tensor, ...], call: Call, *names: str) -> None:
        wanted = serve(ops, call)
        parts = [found] if isinstance(found, torch.Tensor) else list(found)
        for part, name in zip(parts, names, strict=True):
            assert torch.equal(part.nan_to_num(7), getattr(wanted, name).nan_to_num(7)), name

    if how is None:
        same(saln_kernels.gram(*given, **keywords), Call(case.problem, "gram"), "values")
    same(
        saln_kernels.topk_eigvals(*given, 3, **keywords, solver="randomized", n_iter=5, seed=2, return_bounds=True),
        Call(case.problem, k=3, solver="randomized", n_iter=5, seed=2),
        *("values", "bounds"),
    )
    same(
        saln_kernels.topk_eigh(*given, 2, **keywords, return_bounds=True),
        Call(case.problem, "eigh", k=2),
        *("values", "vectors", "bounds"),
    )
    same(saln_kernels.topk_eigh(*given, 2, **keywords), Call(case.problem, "eigh", k=2), "values", "vectors")
    same(saln_kernels.fiedler(*given, **keywords), Call(case.problem, "fiedler"), "values", "vectors", "bounds")
    parameters = {"energy": {"k": 2}, "vendi": {"q": 0.5}, "logdet": {"sigma": 3.0}}
    for criterion in CRITERIA:
        chosen = parameters.get(criterion, {})
        parameter = chosen.get("q", chosen.get("sigma", 1.0))
        call = Call(case.problem, "score", criterion=criterion, k=chosen.get("k", 7), parameter=parameter)
        same(saln_kernels.score_batches(*given, criterion, **chosen, **keywords), call, "values")


def test_expanded(backend: str) -> None:
    row = torch.tensor([[1.0, 2.0, 3.0]])
    features = row.expand(10, 3)
    result = saln_kernels.gram(features, torch.tensor([[0, 9, 4]]).T.expand(3, 2), backend=backend)
    torch.testing.assert_close(result, torch.full((3, 2, 2), 14.0))


def test_eigenvectors_of_an_estimate(backend: str) -> None:
    case = make(64, 30, count=3, padding=0)
    found = saln_kernels.topk_eigh(case.features, case.candidates, 4, solver="randomized", n_iter=40, backend=backend)
    exact = saln_kernels.topk_eigh(case.features.double(), case.candidates, 4, backend="reference")
    torch.testing.assert_close(found.values.double(), exact.values, rtol=1e-4, atol=0)
    overlap = (found.vectors.double() * exact.vectors).sum(dim=1).abs()
    assert (overlap > 1 - 1e-3).all()
