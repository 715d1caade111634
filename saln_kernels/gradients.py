"""First derivatives of the ops of a backend with respect to features, residuals, quality and matrices.

An eigenvalue moves by v' dK v, so every gradient is one with respect to K, chained through the steps that make K
(`chain_rule`). That is done by opaque ops, so that torch.compile traces through, on chunks of candidates, so that
memory is bounded. Eigenvectors, bounds, residual norms and greedy choices are not differentiable. Nor are gradients:
a second derivative raises, for autograd would go on from the tensors saved and leave out how eigenvectors move.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from saln_kernels.backends.schemas import FAKES, PROBLEM
from saln_kernels.chain_rule import chain
from saln_kernels.criteria import slope
from saln_kernels.matrices import Problem, Rows, gather, result_dtype
from saln_kernels.truth.reference import chunks, groups

_TENSORS = ("features", "candidates", "residuals", "quality")  # of a problem
_libraries: list[torch.library.Library] = []


def complete(namespace: str, names: Iterable[str]) -> None:
    """Give the ops of a namespace, which must be defined, their fake kernels and their gradients.

    Fakes are kernels of the meta device and not `register_fake`, and what has no gradient falls through autograd and
    not into a formula that says so: both take a tenth of the time, and importing this package has to be cheap.
    """
    library = torch.library.Library(namespace, "FRAGMENT")  # type: ignore[no-untyped-call]
    ops = getattr(torch.ops, namespace)

    def implement(name: str, kernel: Callable[..., Any], key: str) -> None:
        library.impl(name, kernel, key)  # type: ignore[no-untyped-call]

    for name, (schema, kernel, fake) in _BACKWARD.items():
        library.define(f"{name}{schema}")  # type: ignore[no-untyped-call]
        implement(name, partial(kernel, ops), "CompositeExplicitAutograd")
        implement(name, fake, "Meta")
        implement(name, torch.library.fallthrough_kernel, "Autograd")
    for name in names:
        implement(name, FAKES[name], "Meta")
        if name not in _FORMULAS:
            implement(name, torch.library.fallthrough_kernel, "Autograd")
            continue
        setup, formula = _FORMULAS[name]
        torch.library.register_autograd(f"{namespace}::{name}", partial(formula, ops), setup_context=setup, lib=library)
    _libraries.append(library)


def _gram(ops: Any, grad: Tensor, *problem: Any) -> list[Tensor]:
    return _pull_back(Problem(*problem), lambda part, rows, where: grad[where])


def _vectors(ops: Any, grad: Tensor, vectors: Tensor, *problem: Any) -> list[Tensor]:
    return _pull_back(Problem(*problem), lambda part, rows, where: _outer(grad[where], vectors[where]))


def _eigvals(ops: Any, grad: Tensor, k: int, *problem: Any) -> list[Tensor]:
    def direction(part: Problem, rows: Rows, where: slice) -> Tensor:
        _, vectors, _ = ops.eigh(*part, k, "exact", 0, 0)
        return _outer(grad[where], vectors)

    return _pull_back(Problem(*problem), direction)


def _score(ops: Any, grad: Tensor, criterion: str, k: int, parameter: float, *problem: Any) -> list[Tensor]:
    def direction(part: Problem, rows: Rows, where: slice) -> Tensor:
        if criterion == "algebraic_connectivity":
            _, vector, _ = ops.fiedler(*part, "exact", 0, 0)
            return _outer(grad[where].unsqueeze(1), vector.unsqueeze(2))
        values, vectors, _ = ops.eigh(*part, part.candidates.shape[1], "exact", 0, 0)
        weights = torch.zeros_like(values)
        for n, members, _ in groups(rows.real & ~rows.bad.unsqueeze(1)):
            weights[members, :n] = slope(criterion, values[members, :n], k, parameter, torch.finfo(values.dtype).eps)
        return _outer(weights * grad[where].unsqueeze(1), vectors)

    return _pull_back(Problem(*problem), direction)


def _matrix(ops: Any, grad: Tensor, vectors: Tensor, matrices: Tensor) -> Tensor:
    """0 for matrices that are NaN."""
    return _outer(grad, vectors).nan_to_num(nan=0.0).to(matrices.dtype)


def _outer(weights: Tensor, vectors: Tensor) -> Tensor:
    """V diag(weights) V', [C, b, b], of weights [C, k] and vectors [C, b, k]."""
    product: Tensor = (vectors * weights.unsqueeze(1)) @ vectors.mT
    return product


def _pull_back(problem: Problem, direction: Callable[[Problem, Rows, slice], Tensor]) -> list[Tensor]:
    """Chain gradients with respect to the matrices, given chunk by chunk as [c, b, b], to the tensors of a problem."""
    dtype, sources = result_dtype(problem.features.dtype), list(problem.sources.values())
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
    # Row numbers out of range belong to bad candidates, whose gradient is zero too.
    index = candidates.long().clamp(0, len(total) - 1)
    if pairs:
        total.index_put_((index.unsqueeze(2), index.unsqueeze(1)), piece, accumulate=True)
    else:
        total.index_add_(0, index.flatten(), piece.flatten(0, 1))


def _fake(*arguments: Any) -> list[Tensor]:
    """Of an op whose arguments end with a problem."""
    problem = Problem(*arguments[-len(Problem._fields) :])
    return [source.new_empty(source.shape) for source in problem.sources.values()]


def _fake_matrix(grad: Tensor, vectors: Tensor, matrices: Tensor) -> Tensor:
    return matrices.new_empty(matrices.shape)


# The backward ops: schema, kernel, fake. Problems come last here. Each returns the gradients of a problem's `sources`,
# or of the matrices.
_BACKWARD: dict[str, tuple[str, Callable[..., Any], Callable[..., Any]]] = {
    "gram_backward": (f"(Tensor grad, {PROBLEM}) -> Tensor[]", _gram, _fake),
    "eigvals_backward": (f"(Tensor grad, int k, {PROBLEM}) -> Tensor[]", _eigvals, _fake),
    "vectors_backward": (f"(Tensor grad, Tensor vectors, {PROBLEM}) -> Tensor[]", _vectors, _fake),
    "score_backward": (f"(Tensor grad, str criterion, int k, float parameter, {PROBLEM}) -> Tensor[]", _score, _fake),
    "matrix_backward": ("(Tensor grad, Tensor vectors, Tensor matrices) -> Tensor", _matrix, _fake_matrix),
}


class _Final(torch.autograd.Function):
    """A gradient that depends on the sources and on the gradient that came in, and says so when it is differentiated.

    `torch.autograd.function.once_differentiable` looks at what came in alone, which for a plain sum needs no gradient.
    """

    @staticmethod
    def forward(ctx: Any, function: str, gradient: Tensor, *depends: Tensor) -> Tensor:
        ctx.function = function
        return gradient.view_as(gradient)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise NotImplementedError(
            f"second derivatives of {ctx.function} are not implemented; pass backend='reference', plain torch in "
            "float64, slow, or take the first derivative without create_graph=True"
        )


def _final(function: str, gradient: Tensor, *depends: Tensor) -> Tensor:
    if not torch.is_grad_enabled():  # nobody asks for a second one
        return gradient
    result: Tensor = _Final.apply(function, gradient, *depends)  # type: ignore[no-untyped-call]
    return result


def _keep(ctx: Any, inputs: tuple[Any, ...], *extra: Tensor) -> None:
    """Save what a formula needs: the tensors as autograd wants them saved, the other arguments as they are."""
    problem, ctx.task = Problem.of(inputs)
    ctx.save_for_backward(*(getattr(problem, name) for name in _TENSORS), *extra)
    ctx.options = {name: value for name, value in problem._asdict().items() if name not in _TENSORS}


def _kept(ctx: Any) -> tuple[Problem, tuple[Tensor, ...]]:
    """The problem, and the tensors saved beside it."""
    count = len(_TENSORS)
    tensors, extra = ctx.saved_tensors[:count], ctx.saved_tensors[count:]
    return Problem(**dict(zip(_TENSORS, tensors, strict=True)), **ctx.options), extra


def _placed(
    ctx: Any, function: str, grad: Tensor, problem: Problem, gradients: list[Tensor]
) -> tuple[Tensor | None, ...]:
    """Gradients in the places of an op's arguments, given what came in."""
    sources = problem.sources
    placed: dict[str, Tensor | None] = dict.fromkeys(Problem._fields)
    for name, gradient in zip(sources, gradients, strict=True):
        placed[name] = _final(function, gradient, grad, *sources.values())
    return (*placed.values(), *(None for _ in ctx.task))


def _plain_setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    _keep(ctx, inputs)


def _gram_formula(ops: Any, ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    problem, _ = _kept(ctx)
    return _placed(ctx, "gram", grad, problem, ops.gram_backward(grad, *problem))


def _eigvals_setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    _keep(ctx, inputs)
    ctx.mark_non_differentiable(output[1])


def _eigvals_formula(ops: Any, ctx: Any, grad: Tensor, unused: Tensor) -> tuple[Tensor | None, ...]:
    problem, _ = _kept(ctx)
    k, *_ = ctx.task
    return _placed(ctx, "topk_eigvals", grad, problem, ops.eigvals_backward(grad, k, *problem))


def _pair_setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    _keep(ctx, inputs, output[1])
    ctx.mark_non_differentiable(output[1], output[2])


def _eigh_formula(ops: Any, ctx: Any, grad: Tensor, *unused: Tensor) -> tuple[Tensor | None, ...]:
    problem, (vectors,) = _kept(ctx)
    return _placed(ctx, "topk_eigh", grad, problem, ops.vectors_backward(grad, vectors, *problem))


def _fiedler_formula(ops: Any, ctx: Any, grad: Tensor, *unused: Tensor) -> tuple[Tensor | None, ...]:
    problem, (vector,) = _kept(ctx)
    gradients = ops.vectors_backward(grad.unsqueeze(1), vector.unsqueeze(2), *problem)
    return _placed(ctx, "fiedler", grad, problem, gradients)


def _score_formula(ops: Any, ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    problem, _ = _kept(ctx)
    criterion, k, parameter, *_ = ctx.task
    gradients = ops.score_backward(grad, criterion, k, parameter, *problem)
    return _placed(ctx, "score_batches", grad, problem, gradients)


def _matrix_eigvals_setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(inputs[0])
    ctx.k = inputs[1]


def _matrix_eigvals_formula(ops: Any, ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
    (matrices,) = ctx.saved_tensors
    _, vectors = ops.matrix_eigh(matrices.detach(), ctx.k)
    return _final("eigvalsh", ops.matrix_backward(grad, vectors, matrices), grad, matrices), None


def _matrix_eigh_setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(output[1], inputs[0])
    ctx.mark_non_differentiable(output[1])


def _matrix_eigh_formula(ops: Any, ctx: Any, grad: Tensor, unused: Tensor) -> tuple[Tensor, None]:
    vectors, matrices = ctx.saved_tensors
    return _final("eigh", ops.matrix_backward(grad, vectors, matrices), grad, matrices), None


_FORMULAS: dict[str, tuple[Callable[..., None], Callable[..., tuple[Tensor | None, ...]]]] = {
    "gram": (_plain_setup, _gram_formula),
    "eigvals": (_eigvals_setup, _eigvals_formula),
    "eigh": (_pair_setup, _eigh_formula),
    "fiedler": (_pair_setup, _fiedler_formula),
    "score": (_plain_setup, _score_formula),
    "matrix_eigvals": (_matrix_eigvals_setup, _matrix_eigvals_formula),
    "matrix_eigh": (_matrix_eigh_setup, _matrix_eigh_formula),
}
