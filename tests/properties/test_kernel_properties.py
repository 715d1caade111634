"""The CPU kernels on problems that nobody thought of: right by the rule of accuracy, or NaN for exactly the bad."""

from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

import saln_kernels
from contract.backends import cpu
from contract.calls import Call
from contract.checks import check_vectors, norms
from contract.truth import Reference
from properties.bounds import assert_right, assert_within
from properties.examples import examples
from properties.problems import calls, problems
from saln_kernels.matrices import Problem
from saln_kernels.truth import reference


def linear(problem: Problem) -> Problem:
    """Inner products of the same rows, and nothing that is done to them."""
    return problem._replace(residuals=None, similarity="linear", laplacian="none")


def values(problem: Problem) -> torch.Tensor:
    """All eigenvalues [C, b]."""
    [found] = cpu(Call(problem, "eigvals", k=problem.candidates.shape[1], solver="exact"))
    return found.values


@pytest.mark.usefixtures("on_cpu")
@examples(400)
@given(call=calls())
def test_right(call: Call) -> None:
    [found] = cpu(call)
    assert_right(call, found)


@pytest.mark.usefixtures("on_cpu")
@examples(120)
@given(problem=problems(), seed=st.integers(0, 99))
def test_order_of_rows_is_nothing(problem: Problem, seed: int) -> None:
    """Positions of a candidate in another order, padding anywhere: the same spectrum, to rounding of its norm.

    Of a graph's Laplacian a similarity that is zero but for rounding may or may not be an edge.
    """
    problem = problem._replace(laplacian="none")
    order = torch.randperm(problem.candidates.shape[1], generator=torch.Generator().manual_seed(seed))
    one, other = values(problem), values(problem._replace(candidates=problem.candidates[:, order]))
    assert torch.equal(one.isnan(), other.isnan())
    eps = torch.finfo(one.dtype).eps
    allowed = 64 * problem.candidates.shape[1] * eps * norms(problem).unsqueeze(1) + torch.finfo(one.dtype).tiny
    assert ((one - other).abs().nan_to_num(0) <= allowed).all()


@pytest.mark.usefixtures("on_cpu")
@examples(120)
@given(problem=problems(), layout=st.booleans(), threads=st.integers(1, 3))
def test_bits_are_those_of_the_numbers(problem: Problem, layout: bool, threads: int) -> None:
    """The same alone and in company, whatever the tensors' layout, the index type, the threads, the call before."""
    whole = values(problem)
    # Half-precision rows that lie in a row are multiplied by instructions of their own, where the processor has them.
    features = problem.features if problem.features.element_size() == 2 else problem.features.contiguous()
    plain = problem._replace(features=features, candidates=problem.candidates.long())
    try:
        torch.set_num_threads(threads)
        again = values(plain if layout else problem)
    finally:
        torch.set_num_threads(1)
    assert torch.equal(whole.nan_to_num(7), again.nan_to_num(7))
    for c in range(len(whole)):
        alone = values(problem._replace(candidates=problem.candidates[c : c + 1]))
        assert torch.equal(whole[c : c + 1].nan_to_num(7), alone.nan_to_num(7))


@pytest.mark.usefixtures("on_cpu")
@examples(120)
@given(problem=problems(), exponent=st.integers(-20, 20))
def test_powers_of_two_factor_out(problem: Problem, exponent: int) -> None:
    """Features times 2ⁿ give eigenvalues times 4ⁿ, where nothing leaves the range, to a rounding of the norm."""
    problem = linear(problem)._replace(features=problem.features.float(), center=False)
    sizes = problem.features[problem.features.isfinite() & (problem.features != 0)].abs()
    assume(len(sizes) == 0 or 1e-4 < float(sizes.min()) <= float(sizes.max()) < 1e4)
    one, other = values(problem), values(problem._replace(features=problem.features * 2.0**exponent))
    assert torch.equal(one.isnan(), other.isnan())
    allowed = 4 * torch.finfo(one.dtype).eps * norms(problem).unsqueeze(1)
    assert ((one - other / 4.0**exponent).abs().nan_to_num(0) <= allowed).all()


@pytest.mark.usefixtures("on_cpu")
@examples(100)
@given(problem=problems(24), times=st.integers(2, 3))
def test_copies_add_up(problem: Problem, times: int) -> None:
    """A candidate of every row so many times has the plain one's eigenvalues times that, and zeros."""
    problem = linear(problem)
    one = values(problem)
    several = values(problem._replace(candidates=problem.candidates.repeat(1, times)))
    b = one.shape[1]
    allowed = 64 * times * b * torch.finfo(one.dtype).eps * norms(problem).unsqueeze(1) * times + 1e-30
    wanted = torch.cat([times * one, torch.zeros_like(one).repeat(1, times - 1)], dim=1)
    wanted = wanted.masked_fill(one.isnan().any(1, keepdim=True), torch.nan)
    assert torch.equal(several.isnan(), wanted.isnan())
    assert ((several - wanted).abs().nan_to_num(0) <= allowed).all()


@pytest.mark.usefixtures("on_cpu")
@examples(40)
@given(
    rows=st.integers(1, 20),
    bad=st.sampled_from([-2, 2**31 - 1, -(2**31)]),
    place=st.integers(0, 5),
    function=st.sampled_from([saln_kernels.topk_eigvals, saln_kernels.topk_eigh, saln_kernels.gram]),
)
def test_rows_that_are_not_there(rows: int, bad: int, place: int, function: Any) -> None:
    """Refused, with the place and the number that came."""
    candidates = torch.zeros(3, 6, dtype=torch.int32)
    candidates[1, place] = bad
    k = () if function is saln_kernels.gram else (2,)
    with pytest.raises(IndexError, match=rf"candidates\[1, {place}\] is {bad}; wanted .* 0 <= row < {rows}"):
        function(torch.ones(rows, 4), candidates, *k)


@pytest.mark.usefixtures("on_cpu")
@examples(120)
@given(problem=problems(64), k=st.integers(1, 8), steps=st.integers(1, 20), seed=st.integers(0, 2**31))
def test_estimates_keep_their_word(problem: Problem, k: int, steps: int, seed: int) -> None:
    """However few steps Lanczos is given: within the bound that it tells, none negative of what has none."""
    k = min(k, problem.candidates.shape[1])
    [found] = cpu(Call(problem, "eigh", k=k, solver="randomized", n_iter=steps, seed=seed))
    exact, slack = reference.eigvals(problem, k)
    allowed = found.bounds.double() + torch.finfo(found.values.dtype).eps * exact.abs() + slack
    assert_within(found.values, exact, allowed)
    assert (found.bounds.nan_to_num(0) >= 0).all()
    check_vectors(problem, found, Reference(), converged=False)
