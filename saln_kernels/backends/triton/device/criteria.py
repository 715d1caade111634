"""The criteria of docs/design.md from a spectrum, from moments, or from the pivots of an elimination.

Evaluated in float64 whatever the tile's type: a few numbers a candidate.
"""

import triton
import triton.language as tl

from saln_kernels.backends.triton.device.arithmetic import by_precision


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
def of_moments(CRITERION: tl.constexpr, trace, square, variance, n, scale):
    """The criteria that need no eigenvalues; the tile holds the matrix divided by scale."""
    unit = scale.to(tl.float64) / tl.maximum(n, 1).to(tl.float64)
    if CRITERION == "participation_ratio":
        score = _ratio(trace * trace, square)
    elif CRITERION == "eigenvalue_variance":
        score = variance * scale.to(tl.float64) * scale.to(tl.float64)
    else:  # vendi of order 2
        score = _ratio(1.0, square * unit * unit)
    return score


@triton.jit
def of_spectrum(
    CRITERION: tl.constexpr,
    ORDER: tl.constexpr,
    value,
    found,
    trace,
    square,
    n,
    scale,
    k,
    parameter,
    K: tl.constexpr,
    T: tl.constexpr,
):
    """The criteria of the leading eigenvalues value [K], in units of the tile, of which `found` are known and real.

    ORDER says which formula of `vendi` serves its order, `parameter`: "zero", "one", "infinite" or "other".
    """
    r = tl.arange(0, K)
    value = tl.where(r < found, value.to(tl.float64), 0.0)
    top = tl.sum(tl.where(r == 0, value, 0.0), axis=0)
    positive = tl.maximum(value, 0.0)
    # Ones keep the logarithms of what does not count finite.
    inside = tl.where(value > 0, value, 1.0)
    unit = scale.to(tl.float64) / tl.maximum(n, 1).to(tl.float64)
    if CRITERION == "stable_rank":
        score = _ratio(trace, top)
    elif CRITERION == "spectral_gap":
        score = _ratio(2 * top - tl.sum(tl.where(r < 2, value, 0.0), axis=0), trace)
    elif CRITERION == "energy":
        score = _ratio(tl.sum(tl.where(r < k, value, 0.0), axis=0), trace)
    elif CRITERION == "nuclear_norm":
        score = tl.sum(tl.sqrt(positive), axis=0) * tl.sqrt(scale.to(tl.float64))
    elif CRITERION == "effective_rank":
        # -sum p log p = log S - sum(x log x) / S
        total = tl.sum(positive, axis=0)
        safe = tl.where(total > 0, total, 1.0)
        weighted = tl.sum(positive * tl.log(inside), axis=0)
        score = tl.where(total > 0, tl.exp(tl.log(safe) - weighted / safe), 0.0)
    elif ORDER == "zero":
        resolution: tl.constexpr = by_precision(T, 1.1920928955078125e-07, 2.220446049250313e-16)
        counted = (value > 0) & (value > n.to(tl.float64) * resolution * top)
        score = tl.sum(counted.to(tl.int32), axis=0).to(tl.float64)
    elif ORDER == "infinite":
        score = tl.where(top > 0, _ratio(1.0, top * unit), 0.0)
    elif ORDER == "one":
        p = positive * unit
        score = tl.exp(-tl.sum(p * tl.log(inside * unit), axis=0))
    else:
        terms = tl.where(value > 0, tl.exp(parameter * tl.log(inside * unit)), 0.0)
        total = tl.sum(terms, axis=0)
        score = tl.exp(tl.log(tl.where(total > 0, total, 1.0)) / (1 - parameter))
    # Without a positive eigenvalue `vendi` is 0.
    score = tl.where((CRITERION != "vendi") | (top > 0), score, 0.0)
    return tl.where(square > 0, score, 0.0)
