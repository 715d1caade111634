"""Eigenvalues of a symmetric tridiagonal matrix from Sturm counts (Givens 1954; Barth, Martin & Wilkinson 1967).

The determinant recurrence is used without divisions: pairs are rescaled by powers of two every four steps, which is
exact. All eigenvalues are searched at once, each by several points a round, because a count is a chain of dependent
operations that leaves most of the processor idle.
"""

import triton
import triton.language as tl

from saln_kernels.backends.triton.device.arithmetic import (
    by_precision,
    divide,
    magnitude,
    power_of_two,
    reciprocal_or_zero,
    reciprocal_power_of_two,
)

# Rows counted between two rescalings; the entries grow by less than 10 a row.
ROWS = tl.constexpr(4)


@triton.jit
def normalize(diagonal, off, n, d, e, e2, B: tl.constexpr, T: tl.constexpr):
    """Write the matrix, scaled to a norm of at most 2, to the scratch arrays d, e, e2 [B], of which e and e2 hold the
    couplings of rows i - 1 and i and their squares. Returns the power of two that undoes it: 0 for the zero matrix.

    e2 is bounded from below by a perturbation under half an ulp of the norm, which keeps the recurrence from (0, 0).
    """
    floor: tl.constexpr = by_precision(T, 1e-15, 1e-32)
    i = tl.arange(0, B)
    tl.store(e + i, off)
    tl.debug_barrier()
    beyond = tl.load(e + i + 1, mask=i + 1 < n, other=0.0)
    reach = tl.where(i < n, tl.abs(diagonal) + tl.abs(off) + tl.abs(beyond), 0.0)
    scale = power_of_two(magnitude(reach))
    inverse = reciprocal_or_zero(scale)
    coupled = (i > 0) & (i < n)
    unit = tl.where(coupled, off * inverse, 0.0)
    tl.debug_barrier()
    tl.store(e + i, unit)
    tl.store(e2 + i, tl.where(coupled, tl.maximum(unit * unit, floor), 0.0))
    # Padding lies above every eigenvalue, where it never counts.
    tl.store(d + i, tl.where(i < n, diagonal * inverse, 8.0))
    tl.debug_barrier()
    return scale


@triton.jit
def count_below(d, e2, n, x):
    """Number of eigenvalues below each point of x."""
    now = tl.full(x.shape, 1, x.dtype)
    before = tl.full(x.shape, 1, x.dtype)
    negative = now < 0
    count = tl.zeros(x.shape, tl.int32)
    for start in range(0, n, ROWS):
        for r in tl.static_range(ROWS):
            following = (tl.load(d + start + r) - x) * now - tl.load(e2 + start + r) * before
            below = following < 0
            count += (below != negative).to(tl.int32)
            before = now
            now = following
            negative = below
        factor = reciprocal_power_of_two(tl.maximum(tl.abs(now), tl.abs(before)))
        now *= factor
        before *= factor
    return count


@triton.jit
def largest(d, e2, n, K: tl.constexpr, POINTS: tl.constexpr, ROUNDS: tl.constexpr, T: tl.constexpr):
    """The K largest eigenvalues, descending; entries from n on are of no meaning."""
    limit = n - tl.arange(0, K)
    point = (tl.arange(0, POINTS) + 1).to(T)
    low = tl.full([K], -2, T)
    high = tl.full([K], 2, T)
    for _ in range(ROUNDS):
        step = divide(high - low, tl.full([K], POINTS + 1, T))
        x = low[:, None] + step[:, None] * point[None, :]
        left = tl.sum((count_below(d, e2, n, x) < limit[:, None]).to(tl.int32), axis=1)
        low += step * left.to(T)
        high = tl.where(left < POINTS, low + step, high)
    return 0.5 * (low + high)
