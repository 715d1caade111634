"""First derivatives of the ops of a backend with respect to features, residuals and quality.

An eigenvalue moves by v' dK v, so every gradient is one with respect to K, chained through the steps that make K
(`chain_rule`). That is done by opaque ops, so that torch.compile traces through, on chunks of candidates, so that
memory is bounded. Eigenvectors, bounds and residual norms are not differentiable.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from saln_kernels.chain_rule import chain
from saln_kernels.criteria import slope
from saln_kernels.matrices import Problem, Rows, gather, result_dtype
from saln_kernels.truth.reference import chunks, groups

PROBLEM_SCHEMA = (
    "Tensor features, Tensor candidates, Tensor? residuals, Tensor? quality, "
    "str similarity, bool center, float gamma, str laplacian, str negative, bool allow_tf32"
)
# Each returns the gradients of features, then of residuals and of quality if they are there.
_SCHEMAS = (
    f"gram_backward(Tensor grad, {PROBLEM_SCHEMA}) -> Tensor[]",
    f"vectors_backward(Tensor grad, Tensor vectors, {PROBLEM_SCHEMA}) -> Tensor[]",
    f"eigvals_backward(Tensor grad, {PROBLEM_SCHEMA}, int k) -> Tensor[]",
    f"score_backward(Tensor grad, {PROBLEM_SCHEMA}, str criterion, int k, float parameter) -> Tensor[]",
)

_FIELDS = len(Problem._fields)
_libraries: list[torch.library.Library] = []


def register(namespace: str = "saln") -> None:
    """Define the backward ops of a namespace, whose ops must be there, and attach them."""
    library = torch.library.Library(namespace, "FRAGMENT")  # type: ignore[no-untyped-call]
    ops = getattr(torch.ops, namespace)
    for schema, kernel, leading in zip(_SCHEMAS, (_gram, _vectors, _eigvals, _score), (1, 2, 1, 1), strict=True):
        library.define(schema)  # type: ignore[no-untyped-call]
        name = schema.split("(")[0]
        library.impl(name, functools.partial(kernel, ops), "CompositeExplicitAutograd")  # type: ignore[no-untyped-call]
        torch.library.register_fake(f"{namespace}::{name}", _fake(leading), lib=library)
    for name, (setup, backward) in _FORMULAS.items():
        formula = functools.partial(backward, ops)
        torch.library.register_autograd(f"{namespace}::{name}", formula, setup_context=setup, lib=library)
    _libraries.append(library)


def _gram(ops: Any, grad: Tensor, *problem: Any) -> list[Tensor]:
    return _pull_back(Problem(*problem), lambda part, rows, where: grad[where])


def _vectors(ops: Any, grad: Tensor, vectors: Tensor, *problem: Any) -> list[Tensor]:
    return _pull_back(Problem(*problem), lambda part, rows, where: _outer(grad[where], vectors[where]))


def _eigvals(ops: Any, grad: Tensor, *arguments: Any) -> list[Tensor]:
    k = arguments[_FIELDS]

    def direction(part: Problem, rows: Rows, where: slice) -> Tensor:
        _, vectors, _ = ops.eigh(*part, k, "exact", 0, 0)
        return _outer(grad[where], vectors)

    return _pull_back(Problem(*arguments[:_FIELDS]), direction)


def _score(ops: Any, grad: Tensor, *arguments: Any) -> list[Tensor]:
    criterion, k, parameter = arguments[_FIELDS:]

    def direction(part: Problem, rows: Rows, where: slice) -> Tensor:
        if criterion == "algebraic_connectivity":
            _, vector, _ = ops.fiedler(*part, "exact", 0, 0)
            return _outer(grad[where].unsqueeze(1), vector.unsqueeze(2))
        values, vectors, _ = ops.eigh(*part, part.candidates.shape[1], "exact", 0, 0)
        weights = torch.zeros_like(values)
        for n, members, _ in groups(rows.real & ~rows.bad.unsqueeze(1)):
            weights[members, :n] = slope(criterion, values[members, :n], k, parameter, torch.finfo(values.dtype).eps)
        return _outer(weights * grad[where].unsqueeze(1), vectors)

    return _pull_back(Problem(*arguments[:_FIELDS]), direction)


def _outer(weights: Tensor, vectors: Tensor) -> Tensor:
    """V diag(weights) V', [C, b, b], of weights [C, k] and vectors [C, b, k]."""
    product: Tensor = (vectors * weights.unsqueeze(1)) @ vectors.mT
    return product


def _pull_back(problem: Problem, direction: Callable[[Problem, Rows, slice], Tensor]) -> list[Tensor]:
    """Chain gradients with respect to the matrices, given chunk by chunk as [c, b, b], to the tensors of a problem."""
    dtype = result_dtype(problem.features.dtype)
    sources = [source for source in (problem.features, problem.residuals, problem.quality) if source is not None]
    totals = [torch.zeros(source.shape, dtype=dtype, device=source.device) for source in sources]
    start = 0
    for part in chunks(problem):
        where = slice(start, start := start + len(part.candidates))
        if where.start == where.stop:
            continue
        rows = gather(part, dtype)
        grad = direction(part, rows, where).to(dtype).masked_fill(rows.bad.view(-1, 1, 1), 0)
        pieces = [piece for piece in chain(rows, part, grad) if piece is not None]
        for position, (total, piece) in enumerate(zip(totals, pieces, strict=True)):
            _scatter(total, part.candidates, piece, position == 0 and part.similarity == "precomputed")
    return [total.to(source.dtype) for total, source in zip(totals, sources, strict=True)]


def _scatter(total: Tensor, candidates: Tensor, piece: Tensor, pairs: bool) -> None:
    """Add the gradient of gathered rows (or pairs of rows) where they came from; padding's is zero already."""
    if len(total) == 0:
        return
    # Out-of-range rows belong to bad candidates, whose gradient is zero too.
    index = candidates.long().clamp(0, len(total) - 1)
    if pairs:
        total.index_put_((index.unsqueeze(2), index.unsqueeze(1)), piece, accumulate=True)
    else:
        total.index_add_(0, index.flatten(), piece.flatten(0, 1))


def _fake(leading: int) -> Callable[..., list[Tensor]]:
    """The fake of a backward op whose problem comes after so many arguments."""

    def fake(*arguments: Any) -> list[Tensor]:
        features, _, residuals, quality = arguments[leading : leading + 4]
        sources = [source for source in (features, residuals, quality) if source is not None]
        return [source.new_empty(source.shape) for source in sources]

    return fake


def _keep(ctx: Any, inputs: tuple[Any, ...], *extra: Tensor) -> None:
    ctx.save_for_backward(*inputs[:4], *extra)
    ctx.rest = inputs[4:]


def _problem(ctx: Any) -> tuple[Any, ...]:
    return (*ctx.saved_tensors[:4], *ctx.rest[: _FIELDS - 4])


def _placed(ctx: Any, gradients: list[Tensor]) -> tuple[Tensor | None, ...]:
    """Gradients in the places of an op's arguments."""
    left: Iterator[Tensor] = iter(gradients)
    _, _, residuals, quality = ctx.saved_tensors[:4]
    placed = (
        next(left),
        None,
        None if residuals is None else next(left),
        None if quality is None else next(left),
    )
    return (*placed, *(None for _ in ctx.rest))


def _gram_setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    _keep(ctx, inputs)


def _gram_formula(ops: Any, ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    return _placed(ctx, ops.gram_backward(grad, *_problem(ctx)))


def _eigvals_setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    _keep(ctx, inputs)
    ctx.mark_non_differentiable(output[1])


def _eigvals_formula(ops: Any, ctx: Any, grad: Tensor, unused: Tensor) -> tuple[Tensor | None, ...]:
    k = ctx.rest[_FIELDS - 4]
    return _placed(ctx, ops.eigvals_backward(grad, *_problem(ctx), k))


def _pair_setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    _keep(ctx, inputs, output[1])
    ctx.mark_non_differentiable(output[1], output[2])


def _eigh_formula(ops: Any, ctx: Any, grad: Tensor, *unused: Tensor) -> tuple[Tensor | None, ...]:
    return _placed(ctx, ops.vectors_backward(grad, ctx.saved_tensors[4], *_problem(ctx)))


def _fiedler_formula(ops: Any, ctx: Any, grad: Tensor, *unused: Tensor) -> tuple[Tensor | None, ...]:
    vector = ctx.saved_tensors[4].unsqueeze(2)
    return _placed(ctx, ops.vectors_backward(grad.unsqueeze(1), vector, *_problem(ctx)))


def _score_setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    _keep(ctx, inputs)


def _score_formula(ops: Any, ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    criterion, k, parameter = ctx.rest[_FIELDS - 4 : _FIELDS - 1]
    return _placed(ctx, ops.score_backward(grad, *_problem(ctx), criterion, k, parameter))


def _matrix_eigvals_setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(inputs[0])
    ctx.k = inputs[1]


def _matrix_eigvals_formula(ops: Any, ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
    (matrices,) = ctx.saved_tensors
    _, vectors = ops.matrix_eigh(matrices.detach(), ctx.k)
    return _matrix_gradient(grad, vectors).to(matrices.dtype), None


def _matrix_eigh_setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(output[1])
    ctx.dtype = inputs[0].dtype
    ctx.mark_non_differentiable(output[1])


def _matrix_eigh_formula(ops: Any, ctx: Any, grad: Tensor, unused: Tensor) -> tuple[Tensor, None]:
    return _matrix_gradient(grad, ctx.saved_tensors[0]).to(ctx.dtype), None


def _matrix_gradient(grad: Tensor, vectors: Tensor) -> Tensor:
    """As `_outer`, but 0 for matrices that are NaN."""
    return _outer(grad, vectors).nan_to_num(nan=0.0)


_FORMULAS: dict[str, tuple[Callable[..., None], Callable[..., tuple[Tensor | None, ...]]]] = {
    "gram": (_gram_setup, _gram_formula),
    "eigvals": (_eigvals_setup, _eigvals_formula),
    "eigh": (_pair_setup, _eigh_formula),
    "fiedler": (_pair_setup, _fiedler_formula),
    "score": (_score_setup, _score_formula),
    "matrix_eigvals": (_matrix_eigvals_setup, _matrix_eigvals_formula),
    "matrix_eigh": (_matrix_eigh_setup, _matrix_eigh_formula),
}
