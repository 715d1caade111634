"""The native ops as torch ops: schemas, fakes, torch.compile."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

import saln_kernels
from cases import make
from saln_kernels.backends.schemas import SCHEMAS, argument_names
from saln_kernels.matrices import Problem

Place = Callable[[torch.Tensor], torch.Tensor]

PROBLEMS = {
    "plain": {},
    "float64": {"dtype": torch.float64},
    "bfloat16, int32": {"dtype": torch.bfloat16, "index": torch.int32},
    "gradient": {"similarity": "gradient", "quality": True, "center": True},
    "laplacian": {"similarity": "cosine", "laplacian": "symmetric"},
}

OPS: dict[str, tuple[Any, ...]] = {
    "gram": (),
    "eigvals": (3, "exact", 0, 0),
    "eigh": (3, "randomized", 5, 1),
    "fiedler": ("auto", 0, 0),
    "score": ("vendi", 3, 2.0, "auto", 0, 0),
}


def placed(problem: Problem, place: Place) -> Problem:
    return Problem(*(place(value) if isinstance(value, torch.Tensor) else value for value in problem))


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize("differentiate", [False, True])
def test_opcheck(ops: Any, place: Place, name: str, problem: str, differentiate: bool) -> None:
    case = make(6, 4, count=3, **PROBLEMS[problem])
    arguments = placed(case.problem, place)
    if name == "fiedler" and arguments.laplacian == "none":
        arguments = arguments._replace(laplacian="unnormalized")
    arguments = arguments._replace(features=arguments.features.requires_grad_(differentiate))
    torch.library.opcheck(getattr(ops, name), (*arguments, *OPS[name]))


@pytest.mark.parametrize("name", ["matrix_eigvals", "matrix_eigh"])
@pytest.mark.parametrize("differentiate", [False, True])
def test_opcheck_matrices(ops: Any, place: Place, name: str, differentiate: bool) -> None:
    half = place(torch.randn(3, 5, 5))
    matrices = (half + half.mT).requires_grad_(differentiate)
    torch.library.opcheck(getattr(ops, name), (matrices, 4))


def test_opcheck_backward_ops(ops: Any, place: Place) -> None:
    case = make(5, 4, count=3, similarity="gradient", quality=True)
    problem = placed(case.problem, place)
    one, two, three = (place(torch.randn(shape)) for shape in ((3,), (3, 2), (3, 5, 5)))
    torch.library.opcheck(ops.gram_backward, (three, *problem))
    torch.library.opcheck(ops.vectors_backward, (two, place(torch.randn(3, 5, 2)), *problem))
    torch.library.opcheck(ops.eigvals_backward, (two, 2, *problem))
    torch.library.opcheck(ops.score_backward, (one, "effective_rank", 2, 0.0, *problem))
    torch.library.opcheck(ops.matrix_backward, (two, place(torch.randn(3, 5, 2)), three))


def test_schemas_are_the_library_s(cpu: str) -> None:
    """Python names the ops' arguments for backends without C++; the native library has the same."""
    for name, schema in SCHEMAS.items():
        assert str(getattr(torch.ops.saln, name).default._schema) == f"saln::{name}{schema}"
    assert argument_names("score") == ("criterion", "k", "parameter", "solver", "n_iter", "seed")
    assert (argument_names("gram"), argument_names("matrix_eigh")) == ((), ("k",))


def everything(features: torch.Tensor, candidates: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    values, bounds = saln_kernels.topk_eigvals(features, candidates, 3, return_bounds=True)
    pairs = saln_kernels.topk_eigh(features, candidates, 2, similarity="cosine")
    pair = saln_kernels.fiedler(features, candidates)
    matrices = saln_kernels.gram(features, candidates, similarity="rbf")
    total = (
        values.sum()
        + pairs.values.sum()
        + pair.value.sum()
        + matrices.sum()
        + saln_kernels.score_batches(features, candidates).sum()
        + saln_kernels.score_batches(features, candidates, "vendi", q=2.0, similarity="cosine").sum()
        + saln_kernels.eigvalsh(matrices, 2).sum()
        + saln_kernels.eigh(matrices).values.sum()
    )
    return total, bounds + pairs.vectors.sum() + pair.vector.sum()


@pytest.mark.parametrize("dynamic", [False, True])
def test_compile(cpu: str, place: Place, dynamic: bool) -> None:
    """One graph, forward and backward, the same numbers."""
    torch._dynamo.reset()
    compiled = torch.compile(everything, fullgraph=True, dynamic=dynamic, backend="aot_eager")
    for b in (6, 9):
        case = make(b, 5, count=4, dtype=torch.float64)
        features, candidates = place(case.features).requires_grad_(), place(case.candidates)
        wanted, other = everything(features, candidates)
        (slope,) = torch.autograd.grad(wanted, features)
        found, constant = compiled(features, candidates)
        assert not constant.requires_grad
        torch.testing.assert_close(found, wanted)
        torch.testing.assert_close(constant, other)
        torch.testing.assert_close(torch.autograd.grad(found, features)[0], slope)


def test_meta_shapes(cpu: str) -> None:
    """The fakes agree with the ops on shapes and dtypes, at no cost."""
    features = torch.empty(1000, 64, device="meta", dtype=torch.bfloat16)
    candidates = torch.empty(10**6, 64, device="meta", dtype=torch.int32)
    problem = (features, candidates, None, None, "linear", False, 1.0, "none", "clamp", False)
    values, vectors, bounds = torch.ops.saln.eigh(*problem, 8, "auto", 0, 0)
    assert values.shape == bounds.shape == (10**6, 8)
    assert vectors.shape == (10**6, 64, 8)
    assert values.dtype == torch.float32
