"""Eigenvectors of a symmetric tridiagonal matrix by inverse iteration (Golub & Van Loan, 8.2.2).

One lane an eigenvalue: all systems are factored and solved side by side, and vectors of close eigenvalues are
orthogonalised between the solves, all against all once at the end, so that clusters get an orthonormal basis too.
"""

import triton
import triton.language as tl

from saln_kernels.backends.triton.device.arithmetic import by_precision, reciprocal_or_zero, square_root
from saln_kernels.backends.triton.device.scratch import PANEL, load_tile, store_tile

SOLVES = tl.constexpr(3)


@triton.jit
def _start(z, B: tl.constexpr, K: tl.constexpr, T: tl.constexpr):
    """Uniform numbers in (-1, 1), those of every other backend: Philox with counter (row, 0, vector, 0), key 0."""
    vector = tl.arange(0, K)[None, :]
    zero = tl.zeros([PANEL, K], tl.uint32)
    for start in range(0, B, PANEL):
        row = (start + tl.arange(0, PANEL))[:, None]
        bits, _, _, _ = tl.philox(0, zero + row.to(tl.uint32), zero, zero + vector.to(tl.uint32), zero)
        uniform = (bits.to(tl.float64) + 0.5) * (2.0 / 4294967296.0) - 1.0
        tl.store(z + row * K + vector, uniform.to(T))
    tl.debug_barrier()


@triton.jit
def _solve(d, e, n, value, z, factors, B: tl.constexpr, K: tl.constexpr, T: tl.constexpr):
    """Solve z [B, K] <- (T - value)^-1 z by elimination with partial pivoting; factors [3, B, K] is scratch.

    Returns the largest magnitude of every solution.
    """
    guard: tl.constexpr = by_precision(T, 5.9604645e-8, 1.1102230246251565e-16)
    lane = tl.arange(0, K)
    inverses = factors
    firsts = factors + B * K
    seconds = factors + 2 * B * K
    pivot = tl.load(d) - value
    right = tl.load(e + 1, mask=n > 1, other=0.0) + tl.zeros([K], T)
    x = tl.load(z + lane)
    for i in range(0, n - 1):
        coupling = tl.load(e + i + 1)
        diagonal = tl.load(d + i + 1) - value
        beyond = tl.load(e + i + 2, mask=i + 2 < n, other=0.0)
        swap = tl.abs(pivot) < tl.abs(coupling)
        divisor = tl.where(swap, coupling, pivot)
        inverse = 1 / tl.where(tl.abs(divisor) < guard, guard, divisor)
        multiplier = tl.where(swap, pivot, coupling) * inverse
        first = tl.where(swap, diagonal, right)
        second = tl.where(swap, beyond, 0.0)
        pivot = tl.where(swap, right, diagonal) - multiplier * first
        right = tl.where(swap, 0.0, beyond) - multiplier * second
        below = tl.load(z + (i + 1) * K + lane)
        upper = tl.where(swap, below, x)
        x = tl.where(swap, x, below) - multiplier * upper
        tl.store(inverses + i * K + lane, inverse)
        tl.store(firsts + i * K + lane, first)
        tl.store(seconds + i * K + lane, second)
        tl.store(z + i * K + lane, upper)
    last = tl.maximum(n - 1, 0)
    x /= tl.where(tl.abs(pivot) < guard, guard, pivot)
    tl.debug_barrier()
    tl.store(z + last * K + lane, x)
    top = tl.abs(x)
    next_but_one = tl.zeros([K], T)
    for step in range(1, n):
        i = last - step
        upper = tl.load(z + i * K + lane)
        first = tl.load(firsts + i * K + lane)
        second = tl.load(seconds + i * K + lane)
        following = x
        x = (upper - first * following - second * next_but_one) * tl.load(inverses + i * K + lane)
        next_but_one = following
        tl.store(z + i * K + lane, x)
        top = tl.maximum(top, tl.abs(x))
    tl.debug_barrier()
    return top


@triton.jit
def _make_unit(z):
    return z * reciprocal_or_zero(square_root(tl.sum(z * z, axis=0)))[None, :]


@triton.jit
def _orthogonalize(z, value, found, reach, K: tl.constexpr):
    """Modified Gram-Schmidt among those of the first `found` columns of z [B, K] whose eigenvalues lie within reach."""
    lane = tl.arange(0, K)
    for j in range(0, found - 1):
        own = tl.sum(tl.where(lane == j, value, 0.0), axis=0)
        near = (lane > j) & (lane < found) & (tl.abs(value - own) < reach)
        if tl.max(near.to(tl.int32), axis=0) == 1:
            q = tl.sum(tl.where(lane[None, :] == j, z, 0.0), axis=1)
            square = tl.sum(q * q, axis=0)
            q *= tl.rsqrt(tl.where(square > 0, square, 1.0))
            along = tl.where(near, tl.sum(z * q[:, None], axis=0), 0.0)
            z = tl.where(lane[None, :] == j, q[:, None], z - q[:, None] * along[None, :])
    return z


@triton.jit
def eigenvectors(d, e, n, value, found, z, factors, B: tl.constexpr, K: tl.constexpr, T: tl.constexpr):
    """Unit vectors [B, K], zero from row n on, of the eigenvalues value [K] of the normalised matrix (d, e)."""
    row = tl.arange(0, B)[:, None]
    lane = tl.arange(0, K)[None, :]
    _start(z, B, K, T)
    vectors = tl.zeros([B, K], T)
    # A little above: T - value then has one sign on what rounding alone tells apart (csrc/linalg/inverse_iteration.h).
    above: tl.constexpr = by_precision(T, 9.5367432e-7, 1.7763568394002505e-15)
    for _ in range(SOLVES):
        top = _solve(d, e, n, value + above, z, factors, B, K, T)
        vectors = tl.where((row < n) & (lane < found), load_tile(z, B, K), 0.0)
        vectors = _make_unit(vectors * reciprocal_or_zero(top)[None, :])
        vectors = _make_unit(_orthogonalize(vectors, value, found, 1e-3, K))
        tl.debug_barrier()
        store_tile(z, vectors, B, K)
    return _make_unit(_orthogonalize(vectors, value, found, 8.0, K))


@triton.jit
def fix_signs(z, B: tl.constexpr):
    """The entry of largest magnitude of every column, the first of its size, becomes positive."""
    row = tl.arange(0, B)[:, None]
    size = tl.abs(z)
    first = tl.min(tl.where(size == tl.max(size, axis=0)[None, :], row, B), axis=0)
    entry = tl.sum(tl.where(row == first[None, :], z, 0.0), axis=0)
    return tl.where((entry < 0)[None, :], -z, z)
