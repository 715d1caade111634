"""What a backward stable method may err by on any problem; tests/tolerance.py says how good ours are on usual ones.

The eigenvalues it finds are those of a matrix no further away than p(b) eps times the norm (Higham 2002, "Accuracy and
Stability of Numerical Algorithms", 2nd ed., section 18): p is taken to be linear in b. It tells a wrong answer from a
rounded one.
"""

import math

import torch
from torch import Tensor

from contract.calls import Call, Found
from contract.checks import check_vectors, norms
from contract.truth import Reference
from saln_kernels.matrices import Problem
from saln_kernels.truth import reference

GROWTH = 16  # times b: of the eigenvalues; products have the terms of a row besides


def assert_right(call: Call, found: Found) -> None:
    """NaN where the truth is, and else within the bound; certificates hold, eigenvectors are some."""
    problem, values = call.problem, found.values
    b, eps = problem.candidates.shape[1], torch.finfo(values.dtype).eps
    terms = b + problem.features.shape[1]
    lost = terms * torch.finfo(values.dtype).tiny  # products below tiny
    unit = terms * eps * norms(problem) + lost
    if call.output == "gram":
        assert_within(values, reference.gram(problem), GROWTH * unit)
    elif call.output == "fiedler":
        assert_within(values, reference.fiedler(problem)[0], 4 * GROWTH * unit)
        _assert_eigenvector(problem, found, 4 * GROWTH * unit)
    elif call.output == "score":
        exact = reference.score(problem, call.criterion, call.k, call.parameter)
        assert_within(values, exact, _of_score(call.criterion, GROWTH * terms * eps, b, norms(problem), exact))
    else:
        exact = reference.eigvals(problem, call.k)[0]
        assert_within(values, exact, GROWTH * unit)
        assert torch.equal(found.bounds.isnan(), exact.isnan())
        if call.output == "eigh":
            check_vectors(problem, found, Reference(), converged=True)
        slack = reference.eigvals(problem, call.k)[1] + eps * exact.abs() + lost
        assert_within(values, exact, found.bounds.double() + slack)


def assert_within(values: Tensor, exact: Tensor, allowed: Tensor) -> None:
    """Each entry of a candidate within what is allowed of it, [C] or as the entries."""
    assert values.shape == exact.shape
    assert torch.equal(values.isnan(), exact.isnan()), "NaN where there should be none, or the reverse"
    wide = allowed.reshape(*allowed.shape, *(1,) * (exact.dim() - allowed.dim())).nan_to_num(0)
    error = (values.double() - exact.double()).abs().nan_to_num(0)
    least = torch.finfo(values.dtype).tiny
    assert (error <= wide + least).all(), f"errors {(error / (wide + least)).max():.3g} times what is allowed"


def _assert_eigenvector(problem: Problem, found: Found, allowed: Tensor) -> None:
    """Of norm 1 where there are two rows, 0 at padding; its residual what it is said to be, within what is allowed."""
    matrices, v = reference.gram(problem), found.vectors.double()
    bad = found.values.isnan()
    assert torch.equal(v.isnan(), bad.unsqueeze(1).expand_as(v))
    assert torch.equal(found.bounds.isnan(), bad)
    left = ((matrices @ v.unsqueeze(2)).squeeze(2) - found.values.double().unsqueeze(1) * v).norm(dim=1)
    eps, least = torch.finfo(found.values.dtype).eps, torch.finfo(found.values.dtype).tiny
    assert (left[~bad] <= allowed[~bad] + least).all(), "residual"
    assert ((left - found.bounds.double()).abs()[~bad] <= allowed[~bad] + least).all(), "the residual it tells"
    real = problem.candidates != -1
    wanted = (real.sum(dim=1) > 1).double()
    assert ((v.norm(dim=1) - wanted).abs()[~bad] <= 4 * GROWTH * v.shape[1] * eps).all(), "norm"
    assert (v[~real & ~bad.unsqueeze(1)] == 0).all(), "padding"


def _of_score(criterion: str, relative: float, b: int, norm: Tensor, exact: Tensor) -> Tensor:
    """By eigenvalues that are off by a part of their norm: b roots of it, logarithms of it, or the part itself."""
    if criterion == "nuclear_norm":
        return b * (relative * norm).sqrt()
    if criterion == "effective_rank":
        return exact.nan_to_num(0) * b * relative * (1 - math.log(relative))
    return exact.nan_to_num(0) * 4 * b * relative
