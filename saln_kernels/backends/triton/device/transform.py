"""From the raw Gram tile to the matrix whose spectrum is asked for, in the order of docs/design.md.

Tiles are [B, B] with a candidate's n real rows first and zeros after; products are ordered so that symmetry holds to
the bit. Beside each step stands its share of the certificate, a bound on the Frobenius norm of the rounding error.
"""

import triton
import triton.language as tl

from saln_kernels.backends.triton.device.arithmetic import by_precision, magnitude, reciprocal_or_zero, square_root
from saln_kernels.backends.triton.device.codes import CLAMP, SHIFT, UNNORMALIZED


@triton.jit
def roundoff(T: tl.constexpr):
    """Unit roundoff."""
    return tl.full([], by_precision(T, 5.9604645e-8, 1.1102230246251565e-16), T)


@triton.jit
def sum_error(terms, COARSE: tl.constexpr, T: tl.constexpr):
    """Rounding of a sum of products relative to the product of norms: probable growth is the square root (Higham &
    Mary 2019). COARSE products first round both factors to TF32, 10 bits of fraction, perhaps by cutting off.
    """
    fine = roundoff(T) * (4 + 2 * square_root(terms.to(T)))
    return fine + 2.0**-9 if COARSE else fine


@triton.jit
def diagonal(k, B: tl.constexpr):
    """Diagonal [B] of a tile."""
    i = tl.arange(0, B)
    return tl.sum(tl.where(i[:, None] == i[None, :], k, 0.0), axis=1)


@triton.jit
def scale_both_sides(k, s):
    """s_i K_ij s_j, the larger factor first: symmetric to the bit, and no product of factors to overflow."""
    larger = tl.maximum(s[:, None], s[None, :])
    smaller = tl.minimum(s[:, None], s[None, :])
    return k * larger * smaller


@triton.jit
def cosine(k, wanted, B: tl.constexpr):
    """x_i'x_j / (|x_i| |x_j|), 0 where a row is zero; k itself, to the bit, unless wanted."""
    i = tl.arange(0, B)
    inverse = tl.where(wanted, reciprocal_or_zero(square_root(diagonal(k, B))), 1.0).to(k.dtype)
    k = scale_both_sides(k, inverse)
    return tl.where((i[:, None] == i[None, :]) & ((inverse > 0) & wanted)[:, None], 1.0, k)


@triton.jit
def rbf(k, gamma, pairs, B: tl.constexpr):
    """exp(-gamma |x_i - x_j|^2) on pairs of real rows."""
    i = tl.arange(0, B)
    square = diagonal(k, B)
    distance = tl.maximum(square[:, None] + square[None, :] - 2 * k, 0.0)
    k = tl.where(i[:, None] == i[None, :], 1.0, tl.exp(-gamma * distance))
    return tl.where(pairs, k, 0.0)


@triton.jit
def center(k, n, pairs, T: tl.constexpr):
    """H K H. What rounding leaves of a matrix that centering cancels, as it does duplicates, counts as zero."""
    before = magnitude(k)
    size = tl.maximum(n, 1).to(T)
    mean = tl.sum(k, axis=1) / size
    k = k - (mean[:, None] + mean[None, :]) + tl.sum(mean, axis=0) / size
    k = tl.where(pairs, k, 0.0)
    return tl.where(magnitude(k) <= before * (8 + size) * roundoff(T), 0.0, k)


@triton.jit
def laplacian(k, n, pairs, kind, negative, B: tl.constexpr, T: tl.constexpr):
    """The Laplacian, its trivial eigenvector [B] of unit norm, and the smallest positive degree divided by, or 1."""
    i = tl.arange(0, B)
    equal = i[:, None] == i[None, :]
    edges = pairs & (i[:, None] != i[None, :])
    weights = tl.where(edges, k, 0.0)
    # What is not asked for is the neutral element: branches around tiles cost more registers than it does.
    weights = tl.maximum(weights, tl.where(negative == CLAMP, 0.0, -float("inf")).to(T))
    least = tl.where(negative == SHIFT, tl.minimum(tl.min(weights), 0.0), 0.0)
    weights = tl.where(edges, weights - least, 0.0)
    degree = tl.sum(weights, axis=1)
    uniform = tl.where(i < n, reciprocal_or_zero(square_root(n.to(T))), 0.0)
    symmetric = kind != UNNORMALIZED
    total = tl.sum(degree, axis=0)
    share = square_root(degree * reciprocal_or_zero(total))
    trivial = tl.where(symmetric & (total > 0), share, uniform)
    weakest = tl.minimum(tl.min(tl.where(degree > 0, degree, 1.0), axis=0), 1.0)
    weakest = tl.where(symmetric, weakest, 1.0).to(T)
    inverse = tl.where(symmetric, reciprocal_or_zero(square_root(degree)), 1.0).to(T)
    on = tl.where(symmetric, tl.where(degree > 0, 1.0, 0.0), degree).to(T)
    result = tl.where(equal, on[:, None], 0.0) - scale_both_sides(weights, inverse)
    return result, trivial, weakest


@triton.jit
def deflate_and_negate(k, trivial, n, B: tl.constexpr, T: tl.constexpr):
    """-(L + sigma t t'), t = trivial: its largest eigenvalue is minus the smallest of L away from t.

    sigma must lie above that one, and no higher than need be, since it costs accuracy: the mean of the others,
    tr L / (n - 1), doubled.
    """
    trace = tl.sum(diagonal(k, B), axis=0)
    reach = magnitude(k) * n.to(T)
    spare = tl.where(reach > 0, reach, 1.0)
    sigma = tl.where(trace > 0, 2 * trace / tl.maximum(n - 1, 1).to(T), spare)
    return -k - sigma * (trivial[:, None] * trivial[None, :])
