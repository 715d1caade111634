"""What the truth says of results, by the rule of tests/tolerance.py."""

import torch
from torch import Tensor

from contract.backends import Backend
from contract.calls import Call, Found
from contract.truth import Oracle, Reference, Truth
from saln_kernels.matrices import Problem
from saln_kernels.truth import reference
from tolerance import assert_as_accurate


def check(backend: Backend, *calls: Call) -> list[Found]:
    """Hold what a backend answers against the truth."""
    truth = Oracle() if backend.is_reference else Reference()
    results = backend.answer(*calls)
    for call, result in zip(calls, results, strict=True):
        try:
            check_one(call, result, truth)
        except AssertionError as error:
            raise AssertionError(f"{call} by {backend.name}: {error}") from error
    return results


def check_one(call: Call, result: Found, truth: Truth) -> None:
    """Hold one result against the truth."""
    problem = as_problem(call.problem)
    dtype = result.values.dtype
    if call.output == "gram":
        exact = truth.gram(problem)
        plain = truth.standard(exact, reference.gram(problem, dtype=dtype))
        before = reference.gram(problem._replace(center=False)).abs().amax(dim=(1, 2)).nan_to_num(0)
        assert_as_accurate(result.values, exact, plain, before)
        assert torch.equal(result.values.nan_to_num(7), result.values.mT.nan_to_num(7)), "symmetry"
    elif call.output == "score":
        check_score(call, problem, result, truth)
    elif call.output == "fiedler":
        check_fiedler(problem, result, truth)
    else:
        check_values(call, problem, result, truth)
        if call.output == "eigh":
            check_vectors(problem, result, truth, converged=call.solver != "randomized" and not problem.allow_tf32)


def as_problem(given: Problem | Tensor) -> Problem:
    """Given matrices as rows and columns of one block-diagonal matrix."""
    if isinstance(given, Problem):
        return given
    count, b, _ = given.shape
    lower = given.tril()
    whole = torch.block_diag(*(lower + lower.mT - torch.diag_embed(lower.diagonal(dim1=1, dim2=2))))
    return Problem(whole, torch.arange(count * b).view(count, b), similarity="precomputed")


def norms(problem: Problem) -> Tensor:
    """What rounding is relative to [C]: the norm before centering and Laplacian cancel, if that is larger."""
    raw = problem._replace(center=False, laplacian="none")
    found = torch.stack([torch.linalg.matrix_norm(reference.gram(p)) for p in (raw, problem)])
    return found.nan_to_num(0, 0, 0).amax(dim=0)


def check_values(call: Call, problem: Problem, result: Found, truth: Truth) -> None:
    """Eigenvalues by the rule, unless they are estimates, and within their certificates in any case."""
    exact = truth.eigvals(problem, call.k)
    plain = truth.standard(exact, reference.eigvals(problem, call.k, dtype=result.values.dtype)[0])
    if call.solver != "randomized" and not problem.allow_tf32:
        assert_as_accurate(result.values, exact, plain, norms(problem))
    good = ~exact.isnan().any(dim=1)
    values = result.values[good].double()
    if result.bounds.numel() or not isinstance(call.problem, Tensor):  # ops of given matrices give none
        assert torch.equal(result.bounds.isnan(), exact.isnan())
        bounds, exact = result.bounds[good].double(), exact[good]
        # The truth errs too, by no more than the reference's bound.
        slack = reference.eigvals(problem, call.k)[1][good] - torch.finfo(result.values.dtype).eps * exact.abs()
        assert (bounds >= 0).all()
        assert ((values - exact).abs() <= bounds + slack).all(), "beyond its certificate"
    counts = (problem.candidates != -1).sum(dim=1)[good]
    assert (values[torch.arange(call.k) >= counts.unsqueeze(1)] == 0).all(), "padding"
    assert (values.diff(dim=1)[torch.arange(1, call.k) < counts.unsqueeze(1)] <= 0).all(), "order"


def check_vectors(problem: Problem, result: Found, truth: Truth, converged: bool) -> None:
    """Residual, orthogonality, sign, padding of eigenvectors."""
    k = result.vectors.shape[2]
    bad = result.values.isnan().any(dim=1)
    assert result.vectors[bad].isnan().all()
    matrices, v = truth.gram(problem)[~bad], result.vectors[~bad].double()
    values, b = result.values[~bad].double(), v.shape[1]
    tolerance = 64 * b * torch.finfo(result.values.dtype).eps
    residual = (matrices @ v - v * values.unsqueeze(1)).abs()
    if converged and len(v):
        least = (b + problem.features.shape[1]) * torch.finfo(result.values.dtype).tiny  # below it products are lost
        assert (residual <= tolerance * norms(problem)[~bad].view(-1, 1, 1) + least).all(), "residual"
    real = problem.candidates[~bad] != -1
    assert (v[~real] == 0).all(), "padding"
    for vector, n in zip(v, real.sum(dim=1).tolist(), strict=True):
        kept = min(n, k)
        wanted = torch.diag((torch.arange(k) < kept).double())
        assert (vector.mT @ vector - wanted).abs().max() <= tolerance, "orthonormality"
        assert torch.allclose(vector.amax(dim=0), vector.abs().amax(dim=0), rtol=1e-4), "sign"


def check_fiedler(problem: Problem, result: Found, truth: Truth) -> None:
    """Value, residual, norm, sign and deflation of a Fiedler pair."""
    exact = truth.fiedler(problem)
    plain, _, plain_residual = reference.fiedler(problem, dtype=result.values.dtype)
    plain = truth.standard(exact, plain)
    norm = torch.linalg.matrix_norm(reference.gram(problem)).nan_to_num(0)
    assert_as_accurate(result.values, exact, plain, norm)
    bad = exact.isnan()
    for part in (result.vectors, result.bounds):
        assert torch.equal(part.isnan().reshape(len(bad), -1).all(dim=1), bad)
        assert torch.equal(part.isnan().reshape(len(bad), -1).any(dim=1), bad)
    v, matrices, norm = result.vectors[~bad].double(), truth.gram(problem)[~bad], norm[~bad]
    left = (matrices @ v.unsqueeze(2)).squeeze(2) - result.values[~bad].double().unsqueeze(1) * v
    eps = torch.finfo(result.values.dtype).eps
    relative = plain_residual[~bad].double() / norm.clamp(min=1e-300)
    limit = (2 * (relative.max() if len(v) else 0) + 128 * eps) * norm
    assert (left.norm(dim=1) <= limit).all(), "residual"
    assert (result.bounds[~bad] <= 2 * limit).all(), "the residual it tells"
    counts = (problem.candidates[~bad] != -1).sum(dim=1)
    assert ((v.norm(dim=1) - (counts > 1).double()).abs() <= 64 * eps * len(v[0]) if len(v) else True).all(), "norm"
    assert (v[problem.candidates[~bad] == -1] == 0).all(), "padding"
    assert torch.allclose(v.amax(dim=1), v.abs().amax(dim=1), rtol=1e-4), "sign"


def check_score(call: Call, problem: Problem, result: Found, truth: Truth) -> None:
    """A criterion by the rule."""
    arguments = (problem, call.criterion, call.k, call.parameter)
    exact = truth.score(*arguments)
    plain = truth.standard(exact, reference.score(*arguments, dtype=result.values.dtype))
    values, _ = reference.eigvals(problem, problem.candidates.shape[1])
    # Criteria that vanish where eigenvalues coincide are off by what the eigenvalues are, so relative to the trace.
    scale = exact.abs().nan_to_num(0)
    if call.criterion in ("eigenvalue_variance", "logdet", "algebraic_connectivity"):
        power = 2 if call.criterion == "eigenvalue_variance" else 1
        scale = torch.maximum(scale, values.abs().amax(dim=1).nan_to_num(0) ** power)
    assert_as_accurate(result.values, exact, plain, scale.clamp(min=1))
