"""Strategies: any problem that a caller may come with, tensors of any layout and numbers of any size among them."""

import torch
from hypothesis import strategies as st
from torch import Tensor

from cases import LAPLACIANS, SIMILARITIES
from contract.calls import Call
from saln_kernels.matrices import Problem, result_dtype

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
KINDS = ("gaussian", "equal rows", "few rows", "rank 1", "zeros", "orthogonal", "far from zero")
CRITERIA = ("effective_rank", "stable_rank", "participation_ratio", "nuclear_norm")


def numbers(kind: str, rows: int, columns: int, generator: torch.Generator) -> Tensor:
    """[rows, columns] float64"""
    plain = torch.randn(rows, columns, generator=generator, dtype=torch.float64)
    if kind == "equal rows":
        return plain[:1].expand(rows, -1).clone()
    if kind == "few rows":
        return plain[torch.randint(0, 3, (rows,), generator=generator) % max(rows, 1)]
    if kind == "rank 1":
        return plain[:, :1] * plain[:1]
    if kind == "zeros":
        return torch.zeros_like(plain)
    if kind == "orthogonal":
        return torch.eye(rows, columns, dtype=torch.float64)
    return plain + (20 if kind == "far from zero" else 0)


def laid_out(tensor: Tensor, layout: str) -> Tensor:
    """The same numbers, otherwise in memory."""
    if layout == "columns":
        return tensor.T.contiguous().T
    if layout == "every other":
        whole = tensor.new_full((2 * tensor.shape[0], 2 * tensor.shape[1] + 1), float("nan"))
        whole[::2, 1::2] = tensor
        return whole[::2, 1::2]
    if layout == "behind":
        return torch.cat([tensor.new_full((3,), float("nan")), tensor.flatten()])[3:].view_as(tensor)
    return tensor


@st.composite
def problems(draw: st.DrawFn, largest: int = 40) -> Problem:
    """Candidates of any width, some padded, some bad, of rows of any kind."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    # Not `rbf`, whose rounding is relative to γ‖x‖² (docs/design.md): tests/contract has it near zero.
    similarity = draw(st.sampled_from([each for each in SIMILARITIES if each != "rbf"]))
    dtype = draw(st.sampled_from(DTYPES))
    b, rows = draw(st.integers(1, largest)), draw(st.integers(1, 3 * largest))
    width = rows if similarity == "precomputed" else draw(st.integers(1, 2 * largest))
    made = numbers(draw(st.sampled_from(KINDS)), rows, width, generator)
    if similarity == "precomputed":
        made = made + made.mT
    # Squares of float16 leave its range: there the scale stays near 1.
    decades = 1 if dtype == torch.float16 else 12
    features = (made * 10.0 ** draw(st.integers(-decades, decades))).to(dtype)
    candidates = torch.randint(0, rows, (draw(st.integers(0, 4)), b), generator=generator)
    candidates[torch.rand(candidates.shape, generator=generator) < draw(st.sampled_from([0.0, 0.2, 1.0]))] = -1
    if draw(st.booleans()) and similarity != "precomputed":
        features[int(torch.randint(0, rows, (1,), generator=generator)), 0] = draw(
            st.sampled_from([float("nan"), float("inf"), -float("inf")])
        )
    laplacian, negative = draw(st.sampled_from(LAPLACIANS))
    # Whether what centering leaves is an edge, or what shifting leaves of several equal similarities, rounding may say,
    # and a symmetric Laplacian makes a whole one of it: tests/contract has both of rows in general position.
    center = draw(st.booleans()) and laplacian != "symmetric"
    negative = "clamp" if laplacian == "symmetric" else negative
    result = result_dtype(dtype)
    return Problem(
        laid_out(features, draw(st.sampled_from(["rows", "columns", "every other", "behind"]))),
        candidates.to(draw(st.sampled_from([torch.int64, torch.int32]))),
        torch.randn(rows, 3, generator=generator, dtype=torch.float64).to(dtype) if similarity == "gradient" else None,
        0.5 + torch.rand(rows, generator=generator).to(result) if draw(st.booleans()) else None,
        similarity,
        center,
        1 / width,
        laplacian or "none",
        negative,
    )


@st.composite
def calls(draw: st.DrawFn, largest: int = 40) -> Call:
    """Any op of a problem; scores where nothing cancels, since logarithms make much of what rounding leaves of that."""
    problem = draw(problems(largest))
    cancels = problem.similarity == "precomputed" or problem.center or problem.laplacian != "none"
    score = [] if cancels else ["score"]
    return Call(
        problem,
        draw(st.sampled_from(["gram", "eigvals", "eigh", "fiedler", *score])),
        k=draw(st.integers(1, problem.candidates.shape[1])),
        solver=draw(st.sampled_from(["exact", "auto"])),
        criterion=draw(st.sampled_from(CRITERIA)),
    )
