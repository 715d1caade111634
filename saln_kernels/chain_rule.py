"""Gradients with respect to the matrices of candidates, taken back through the steps of `matrices.build`.

By hand and not by autograd: the backward ops run below autograd, where nothing is recorded.
"""

import torch
from torch import Tensor

from saln_kernels.matrices import Problem, Rows, build, inner_products, unit_rows


def chain(rows: Rows, problem: Problem, grad: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Gradients with respect to the gathered rows of a problem.

    Parameters
    ----------
    rows : Rows
        What `matrices.build` was given.
    problem : Problem
        Of these rows.
    grad : Tensor
        `[C, b, b]`, with respect to the matrices; 0 for candidates that are bad.

    Returns
    -------
    tuple
        With respect to `rows.features`, `rows.residuals` and `rows.quality`, None for what is not there.
    """
    real = rows.real
    pairs = real.unsqueeze(2) & real.unsqueeze(1)
    grad = grad.masked_fill(~pairs, 0)
    if problem.laplacian != "none":
        grad = _through_laplacian(rows, problem, pairs, grad)
    of_quality = None
    if rows.quality is not None:
        plain = build(rows._replace(quality=None), problem._replace(laplacian="none")).matrices
        of_quality = ((grad + grad.mT) * plain * rows.quality.unsqueeze(1)).sum(dim=2)
        grad = grad * (rows.quality.unsqueeze(2) * rows.quality.unsqueeze(1))
    if problem.center:
        # H is symmetric: the step is its own transpose.
        n = real.sum(dim=1).clamp(min=1).to(grad.dtype).view(-1, 1, 1)
        down, across = grad.sum(dim=1, keepdim=True) / n, grad.sum(dim=2, keepdim=True) / n
        grad = (grad - down - across + across.sum(dim=1, keepdim=True) / n).masked_fill(~pairs, 0)
    if problem.similarity == "precomputed":
        return grad, None, of_quality
    of_features, of_residuals = _through_similarity(rows, problem, grad + grad.mT)
    return of_features, of_residuals, of_quality


def _through_similarity(rows: Rows, problem: Problem, both: Tensor) -> tuple[Tensor, Tensor | None]:
    """To the rows; both [C, b, b] is the gradient plus its transpose."""
    x = rows.features
    if problem.similarity == "gradient":
        r = rows.residuals
        assert r is not None
        return (both * inner_products(r)) @ x, (both * inner_products(x)) @ r
    if problem.similarity == "rbf":
        plain = problem._replace(center=False, laplacian="none")
        pull = both * build(rows._replace(quality=None), plain).matrices
        return -2 * problem.gamma * (pull.sum(dim=2, keepdim=True) * x - pull @ x), None
    if problem.similarity == "cosine":
        unit = unit_rows(x)
        along = (unit * x).sum(dim=2, keepdim=True)  # the length
        inverse = torch.where(along > 0, 1 / torch.where(along > 0, along, 1.0), 0.0)
        pull = both @ unit
        return (pull - (pull * unit).sum(dim=2, keepdim=True) * unit) * inverse, None
    return both @ x, None


def _through_laplacian(rows: Rows, problem: Problem, pairs: Tensor, grad: Tensor) -> Tensor:
    """To the matrices before the Laplacian, [C, b, b]."""
    before = build(rows, problem._replace(laplacian="none")).matrices
    edges = pairs & ~torch.eye(pairs.shape[1], dtype=torch.bool, device=pairs.device)
    # Of the unnormalized Laplacian without its degrees these are the weights, whatever became of negative ones.
    built = build(rows, problem._replace(laplacian="unnormalized"))
    degrees = built.degrees
    assert degrees is not None
    weights = (-built.matrices).masked_fill(~edges, 0)
    if problem.laplacian == "unnormalized":
        grad = grad.diagonal(dim1=1, dim2=2).unsqueeze(2) - grad
    else:
        connected = degrees > 0
        scale = torch.where(connected, torch.where(connected, degrees, 1.0).rsqrt(), 0.0)
        # D^-1/2 W D^-1/2 depends on a degree through its row and its column.
        of_degrees = ((grad + grad.mT) * weights * scale.unsqueeze(1)).sum(dim=2) * scale**3 / 2
        grad = of_degrees.unsqueeze(2) - grad * (scale.unsqueeze(2) * scale.unsqueeze(1))
    grad = grad.masked_fill(~edges, 0)
    if problem.negative == "clamp":
        return grad.masked_fill(before < 0, 0)
    if problem.negative == "shift" and edges.shape[1] > 1:
        off = before.masked_fill(~edges, 0)
        smallest = off.flatten(1).amin(dim=1).view(-1, 1, 1)
        # Equal smallest entries, at least an entry and its mirror image, share what all the others lose.
        at = (off == smallest) & (smallest < 0)
        share = grad.sum(dim=(1, 2), keepdim=True) / at.sum(dim=(1, 2), keepdim=True).clamp(min=1)
        return grad - at * share
    return grad
