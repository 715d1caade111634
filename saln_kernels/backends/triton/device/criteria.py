"""The criteria of docs/design.md from a spectrum, from moments, or from the pivots of an elimination.

Evaluated in float64 whatever the tile's type: a few numbers a candidate.
"""

import triton
import triton.language as tl

from saln_kernels.backends.triton.device.arithmetic import by_precision, expm1, log1p
from saln_kernels.backends.triton.device.codes import (
    EIGENVALUE_VARIANCE,
    ENERGY,
    NUCLEAR_NORM,
    ORDER_INFINITE,
    ORDER_NEAR_ONE,
    ORDER_ONE,
    ORDER_TOP,
    ORDER_ZERO,
    SPECTRAL_GAP,
    STABLE_RANK,
)


@triton.jit
def moments(k, n, B: tl.constexpr):
    """Trace, |K|_F^2 and |K - (tr/n) I|_F^2 / n of a tile with n real rows."""
    i = tl.arange(0, B)
    equal = i[:, None] == i[None, :]
    on = tl.sum(tl.where(equal, k, 0.0), axis=1).to(tl.float64)
    off = tl.sum(tl.where(equal, 0.0, k * k)).to(tl.float64)
    trace = tl.sum(on, axis=0)
    size = tl.maximum(n, 1).to(tl.float64)
    away = tl.where(i < n, on - trace / size, 0.0)
    return trace, tl.sum(on * on, axis=0) + off, (tl.sum(away * away, axis=0) + off) / size


@triton.jit
def log_det(k, factor, n, B: tl.constexpr, T: tl.constexpr):
    """The log det(I + factor K) by Gaussian elimination; NaN where a pivot shows that it is not positive definite."""
    i = tl.arange(0, B)
    a = k * factor + tl.where(i[:, None] == i[None, :], 1.0, 0.0).to(T)
    pivots = tl.full([B], 1, T)
    for j in range(0, n):
        column = tl.sum(tl.where(i[None, :] == j, a, 0.0), axis=1)
        pivot = tl.sum(tl.where(i == j, column, 0.0), axis=0)
        pivots = tl.where(i == j, pivot, pivots)
        rest = tl.where(i > j, column, 0.0)
        a -= rest[:, None] * (rest / tl.where(pivot > 0, pivot, 1.0))[None, :]
    definite = tl.min((pivots > 0).to(tl.int32), axis=0) == 1
    total = tl.sum(tl.log(tl.where(pivots > 0, pivots, 1.0).to(tl.float64)), axis=0)
    return tl.where(definite, total, float("nan"))


@triton.jit
def _ratio(a, b):
    """Quotient a / b where b is not 0, else 0."""
    return tl.where(b != 0, a / tl.where(b != 0, b, 1.0), 0.0)


@triton.jit
def of_moments(formula, trace, square, variance, scale):
    """The criteria that need no eigenvalues; the tile holds the matrix divided by scale."""
    unit = scale.to(tl.float64)
    return tl.where(formula == EIGENVALUE_VARIANCE, variance * unit * unit, _ratio(trace * trace, square))


@triton.jit
def of_spectrum(formula, value, found, trace, square, n, scale, k, parameter, K: tl.constexpr, T: tl.constexpr):
    """The criteria of the leading eigenvalues value [K], in units of the tile, of which `found` are known and real.

    ORDER_TOP is the infinite order of `vendi` where the trace is the sum of all positive eigenvalues.
    """
    r = tl.arange(0, K)
    value = tl.where(r < found, value.to(tl.float64), 0.0)
    top = tl.sum(tl.where(r == 0, value, 0.0), axis=0)
    # What cannot be told from zero is zero; csrc/core/criteria.h has the rule.
    unit = by_precision(T, 5.9604645e-8, 1.1102230246251565e-16)
    floor = tl.maximum(top, 0.0) * (16 + 8 * tl.sqrt(n.to(tl.float64))) * unit
    positive = tl.where(value > floor, value, 0.0)
    if formula == STABLE_RANK:
        score = _ratio(trace, top)
    elif formula == SPECTRAL_GAP:
        score = _ratio(2 * top - tl.sum(tl.where(r < 2, value, 0.0), axis=0), trace)
    elif formula == ENERGY:
        score = _ratio(tl.sum(tl.where(r < k, value, 0.0), axis=0), trace)
    elif formula == NUCLEAR_NORM:
        score = tl.sum(tl.sqrt(positive), axis=0) * tl.sqrt(scale.to(tl.float64))
    else:
        score = tl.where(top > 0, _hill_number(formula, positive, top, trace, parameter), 0.0)
    return tl.where(square > 0, score, 0.0)


@triton.jit
def _hill_number(formula, positive, top, trace, parameter):
    """The exponential of the Renyi entropy of an order, `parameter`, of the shares of the positive eigenvalues."""
    total = tl.sum(positive, axis=0)
    # Ones keep the logarithms of what does not count finite.
    share = tl.where(positive > 0, positive / tl.where(total > 0, total, 1.0), 1.0)
    if formula == ORDER_ZERO:
        score = tl.sum((positive > 0).to(tl.int32), axis=0).to(tl.float64)
    elif formula == ORDER_TOP:
        score = _ratio(trace, top)
    elif formula == ORDER_INFINITE:
        score = _ratio(total, top)
    else:
        logarithm = tl.log(share)
        if formula == ORDER_ONE:
            score = tl.exp(-tl.sum(share * logarithm, axis=0))
        elif formula == ORDER_NEAR_ONE:
            rest = tl.sum(tl.where(positive > 0, share * expm1((parameter - 1) * logarithm), 0.0), axis=0)
            score = tl.exp(log1p(rest) / (1 - parameter))
        else:
            largest = tl.log(tl.where(top > 0, top / tl.where(total > 0, total, 1.0), 1.0))
            powers = tl.sum(tl.where(positive > 0, tl.exp(parameter * (logarithm - largest)), 0.0), axis=0)
            score = tl.exp(parameter / (1 - parameter) * largest + tl.log(tl.maximum(powers, 1.0)) / (1 - parameter))
    return score
