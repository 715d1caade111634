"""Householder reduction of a symmetric matrix to tridiagonal form (Golub & Van Loan, Matrix Computations, 8.3.1).

The matrix stays in registers; a row of it is a masked sum, since Triton indexes no registers. Both triangles are kept.
"""

import triton
import triton.language as tl

from saln_kernels.backends.triton.device.arithmetic import by_precision


@triton.jit
def tridiagonalize(a, n, reflectors, tau, KEEP: tl.constexpr, B: tl.constexpr, T: tl.constexpr):
    """Diagonal [B] and the off-diagonal [B], entry i of which couples rows i - 1 and i, of the n leading rows of a
    [B, B]. With KEEP the reflectors H = I - tau u u' go to scratch, u of step j to row j of reflectors [B, B].
    """
    tiny: tl.constexpr = by_precision(T, 1e-30, 1e-200)
    i = tl.arange(0, B)
    off = tl.zeros([B], T)
    for step in range(0, n - 1):
        j = n - 1 - step
        x = tl.sum(tl.where(i[None, :] == j, a, 0.0), axis=1)
        pivot = tl.sum(tl.where(i == j - 1, x, 0.0), axis=0)
        rest = tl.sum(tl.where(i < j - 1, x * x, 0.0), axis=0)
        active = rest > tiny
        length = tl.sqrt(pivot * pivot + rest)
        target = tl.where(active, tl.where(pivot < 0, length, -length), 1.0)
        t = tl.where(active, (target - pivot) / target, 0.0)
        inverse = tl.where(active, 1 / tl.where(active, pivot - target, 1.0), 0.0)
        u = tl.where(i < j - 1, x * inverse, tl.where(i == j - 1, 1.0, 0.0).to(T))
        p = tl.where(i < j, tl.sum(a * u[None, :], axis=1), 0.0)
        w = t * p - (0.5 * t * t * tl.sum(p * u, axis=0)) * u
        a -= u[:, None] * w[None, :] + w[:, None] * u[None, :]
        off = tl.where(i == j, tl.where(active, target, pivot), off)
        if KEEP:
            tl.store(reflectors + j * B + i, u)
            tl.store(tau + j, t)
    # Rows from j on are left alone by the steps after j, so the diagonal is in place.
    return tl.sum(tl.where(i[:, None] == i[None, :], a, 0.0), axis=1), off


@triton.jit
def apply_reflectors(z, n, reflectors, tau, B: tl.constexpr):
    """Eigenvectors of the full matrix from those of the tridiagonal one, columns of z [B, K]."""
    i = tl.arange(0, B)
    for j in range(1, n):
        u = tl.load(reflectors + j * B + i)
        along = tl.load(tau + j) * tl.sum(u[:, None] * z, axis=0)
        z -= u[:, None] * along[None, :]
    return z
