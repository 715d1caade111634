"""The matrix of a candidate in plain torch, step by step as docs/design.md orders them.

Sums and products are ordered so that every matrix is symmetric to the bit.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor


class Problem(NamedTuple):
    """The first arguments of every op, in the order of the schemas."""

    features: Tensor  # [N, d], or [N, N] if precomputed
    candidates: Tensor  # [C, b], -1 is padding
    residuals: Tensor | None = None  # [N, c]
    quality: Tensor | None = None  # [N]
    similarity: str = "linear"
    center: bool = False
    gamma: float = 1.0
    laplacian: str = "none"
    negative: str = "clamp"
    allow_tf32: bool = False  # float32 products on a GPU may round to tf32

    @classmethod
    def of(cls, arguments: tuple[Any, ...]) -> tuple["Problem", tuple[Any, ...]]:
        """The problem that an op's arguments begin with, and the others."""
        count = len(cls._fields)
        return cls(*arguments[:count]), arguments[count:]

    @classmethod
    def given(cls, matrices: Tensor) -> "Problem":
        """Matrices one already has, [C, b, b], in the place of features."""
        return cls(matrices, matrices.new_empty(0, dtype=torch.int64), similarity="given")

    @property
    def sources(self) -> dict[str, Tensor]:
        """The tensors it can be differentiated by: features, then residuals and quality where they are there."""
        of = {"features": self.features, "residuals": self.residuals, "quality": self.quality}
        return {name: source for name, source in of.items() if source is not None}

    @property
    def semidefinite(self) -> bool:
        """Whether no eigenvalue can be negative but by rounding; csrc/core/problem.h has the same rule."""
        if self.laplacian != "none":
            return self.negative != "keep"
        return self.similarity not in ("precomputed", "given")


class Rows(NamedTuple):
    """What candidates hold, gathered: a leaf to differentiate by. Zero wherever not real, or the candidate is bad."""

    features: Tensor  # [C, b, d], or [C, b, b] if precomputed
    residuals: Tensor | None  # [C, b, c]
    quality: Tensor | None  # [C, b]
    real: Tensor  # [C, b] bool, False at padding
    bad: Tensor  # [C] bool: a row number out of range, or a value that is not finite


class Built(NamedTuple):
    """The matrices of candidates."""

    matrices: Tensor  # [C, b, b]
    degrees: Tensor | None  # [C, b], of a Laplacian only


def result_dtype(dtype: torch.dtype) -> torch.dtype:
    """float64 for float64 input, else float32."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def gather(problem: Problem, dtype: torch.dtype) -> Rows:
    """Fetch the rows of every candidate in dtype."""
    features, candidates = problem.features, problem.candidates.long()
    real = candidates != -1
    outside = (candidates < -1) | (candidates >= len(features))
    real_and_inside = real & ~outside
    index = candidates.masked_fill(~real_and_inside, 0)
    bad = outside.any(dim=1)

    def fetch(source: Tensor, mask: Tensor, *where: Tensor) -> Tensor:
        nonlocal bad
        if len(source) == 0:
            return torch.zeros(*index.shape, *source.shape[1:], dtype=dtype, device=source.device)
        found = source[where]
        mask = mask.view(mask.shape + (1,) * (found.dim() - mask.dim()))
        bad = bad | (mask & ~torch.isfinite(found)).flatten(1).any(dim=1)
        return found.to(dtype).masked_fill(~mask, 0)

    if problem.similarity == "precomputed":
        pairs = real_and_inside.unsqueeze(2) & real_and_inside.unsqueeze(1)
        if len(features):
            x = fetch(features, pairs, index.unsqueeze(2), index.unsqueeze(1))
        else:
            x = torch.zeros(*pairs.shape, dtype=dtype, device=features.device)
    else:
        x = fetch(features, real_and_inside, index)
    r = None if problem.residuals is None else fetch(problem.residuals, real_and_inside, index)
    q = None if problem.quality is None else fetch(problem.quality, real_and_inside, index)

    # A masked value would still send NaN back through the formula, into rows that good candidates share.
    def clear(found: Tensor | None) -> Tensor | None:
        return None if found is None else found.masked_fill(bad.view((-1,) + (1,) * (found.dim() - 1)), 0)

    cleared = clear(x)
    assert cleared is not None
    return Rows(cleared, clear(r), clear(q), real, bad)


def build(rows: Rows, problem: Problem) -> Built:
    """Similarity, centering, quality, Laplacian, in that order."""
    real = rows.real
    pairs = real.unsqueeze(2) & real.unsqueeze(1)
    matrices = _similarity(rows, problem).masked_fill(~pairs, 0)
    if problem.center:
        n = real.sum(dim=1).clamp(min=1).to(matrices.dtype).view(-1, 1, 1)
        mean = matrices.sum(dim=2, keepdim=True) / n
        total = mean.sum(dim=1, keepdim=True) / n
        before = matrices.detach().abs().amax(dim=(1, 2), keepdim=True)
        matrices = (matrices - (mean + mean.mT) + total).masked_fill(~pairs, 0)
        # Centering can cancel everything (duplicates do): what is left then is rounding, and counts as zero.
        rounding = before * (8 + n) * torch.finfo(matrices.dtype).eps / 2
        after = matrices.detach().abs().amax(dim=(1, 2), keepdim=True)
        matrices = matrices.masked_fill(after <= rounding, 0)
    if rows.quality is not None:
        matrices = matrices * (rows.quality.unsqueeze(2) * rows.quality.unsqueeze(1))
    if problem.laplacian == "none":
        return Built(matrices, None)
    return _laplacian(matrices, pairs, problem)


def inner_products(x: Tensor) -> Tensor:
    """X X' [C, b, b] of x [C, b, d], symmetric to the bit, which a matrix product need not be."""
    products = x @ x.mT
    return products.tril() + products.tril(-1).mT


class _SquaredDistances(torch.autograd.Function):
    """|x_i - x_j|^2 [C, b, b] of x [C, b, d].

    From differences, not from the Gram matrix, whose cancellation loses close rows far from the origin; and with second
    derivatives, which torch.cdist lacks.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist").square()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        x = x - x.detach().mean(dim=1, keepdim=True)  # moves nothing, and leaves less to cancel
        both = grad + grad.mT
        result: Tensor = 2 * (both.sum(dim=2, keepdim=True) * x - both @ x)
        return result


def unit_rows(x: Tensor) -> Tensor:
    """Rows over their lengths [.., d], whatever these are; zero rows stay zero."""
    largest = x.detach().abs().amax(dim=-1, keepdim=True)
    x = x / torch.where(largest > 0, largest, torch.ones_like(largest))  # so that squares are neither huge nor tiny
    square = x.square().sum(dim=-1, keepdim=True)
    zero = square == 0
    return x * torch.where(zero, square, torch.where(zero, torch.ones_like(square), square).rsqrt())


def squares(rows: Rows, problem: Problem) -> Tensor:
    """Every row's similarity with itself before centering, and what it is the product of, [.., C, b]."""
    if problem.similarity == "precomputed":
        parts = [rows.features.diagonal(dim1=1, dim2=2).abs()]
    elif problem.similarity in ("linear", "gradient"):
        parts = [x.square().sum(dim=2) for x in (rows.features, rows.residuals) if x is not None]
    else:
        parts = [torch.ones_like(rows.real, dtype=rows.features.dtype)]
    factors = torch.stack(parts)
    return torch.cat([factors.prod(dim=0, keepdim=True), factors])


def _similarity(rows: Rows, problem: Problem) -> Tensor:
    x = rows.features
    if problem.similarity == "precomputed":
        return x
    if problem.similarity == "rbf":
        squared: Tensor = _SquaredDistances.apply(x)  # type: ignore[no-untyped-call]
        return torch.exp(-problem.gamma * squared)
    if problem.similarity == "cosine":
        x = unit_rows(x)
    matrices = inner_products(x)
    if problem.similarity == "gradient":
        assert rows.residuals is not None
        matrices = matrices * inner_products(rows.residuals)
    return matrices


def _laplacian(matrices: Tensor, pairs: Tensor, problem: Problem) -> Built:
    b = matrices.shape[1]
    diagonal = torch.eye(b, dtype=torch.bool, device=matrices.device)
    edges = pairs & ~diagonal
    weights = matrices.masked_fill(~edges, 0)
    if problem.negative == "clamp":
        weights = weights.clamp(min=0)
    elif problem.negative == "shift":
        # Where there is no edge the weight is 0, which leaves min(0, smallest) as it is.
        smallest = weights.flatten(1).amin(dim=1).clamp(max=0) if b > 1 else weights.new_zeros(len(weights))
        weights = (weights - smallest.view(-1, 1, 1)).masked_fill(~edges, 0)
    degrees = weights.sum(dim=2)
    if problem.laplacian == "unnormalized":
        return Built(torch.diag_embed(degrees) - weights, degrees)
    connected = degrees > 0
    scale = torch.where(connected, torch.where(connected, degrees, torch.ones_like(degrees)).rsqrt(), 0.0)
    normalized = weights * (scale.unsqueeze(2) * scale.unsqueeze(1))
    return Built(torch.diag_embed(connected.to(matrices.dtype)) - normalized, degrees)
