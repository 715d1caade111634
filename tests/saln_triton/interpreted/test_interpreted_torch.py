"""The interpreted kernels as torch ops: schemas, one graph, gradients. Their results are in tests/contract."""

import pytest
import torch

from cases import make
from saln_kernels.backends.triton import OPS
from saln_kernels.truth import reference


@pytest.mark.parametrize("name", ["gram", "eigh", "score"])
def test_opcheck(name: str) -> None:
    arguments = {"gram": (), "eigh": (2, "auto", 0, 0), "score": ("participation_ratio", 1, 0.0, "auto", 0, 0)}
    problem = make(3, 2, count=1, quality=True).problem
    OPS.gram(problem)
    torch.library.opcheck(getattr(torch.ops.saln_triton, name), (*problem, *arguments[name]))


def test_compile() -> None:
    """One graph, the same numbers."""
    case = make(4, 3, count=2, dtype=torch.float64)

    def run(features: torch.Tensor) -> torch.Tensor:
        return OPS.eigvals(case.problem._replace(features=features), 2, "auto", 0, 0)[0].exp()

    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(case.features), run(case.features))


def test_gradients() -> None:
    """Forward and backward through the Triton ops, against plain autograd of the reference."""
    case = make(4, 3, count=2, similarity="gradient", quality=True, dtype=torch.float64)
    tensors = [case.features, case.options["residuals"], case.options["quality"]]
    slopes = []
    for ops in (OPS, None):
        leaves = [tensor.clone().requires_grad_() for tensor in tensors]
        problem = case.problem._replace(features=leaves[0], residuals=leaves[1], quality=leaves[2])
        graph = problem._replace(laplacian="unnormalized")
        if ops is not None:
            parts = [
                OPS.gram(problem).sin().sum(),
                OPS.eigvals(problem, 2, "auto", 0, 0)[0].sum(),
                OPS.eigh(problem, 3, "auto", 0, 0)[0].square().sum(),
                OPS.fiedler(graph, "auto", 0, 0)[0].sum(),
                OPS.score(problem, "effective_rank", 1, 0.0, "auto", 0, 0).sum(),
            ]
        else:
            parts = [
                reference.gram(problem).sin().sum(),
                reference.eigvals(problem, 2)[0].sum(),
                reference.eigh(problem, 3)[0].square().sum(),
                reference.fiedler(graph)[0].sum(),
                reference.score(problem, "effective_rank", 1, 0.0).sum(),
            ]
        slopes.append(torch.autograd.grad(sum(parts), leaves))
    for ours, theirs in zip(*slopes, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-8)
