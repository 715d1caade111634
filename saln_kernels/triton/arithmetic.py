"""Facts of float32 and float64 arithmetic, and the rounding that Triton's own operators leave open."""

import triton
import triton.language as tl


@triton.jit
def divide(a, b):
    """Correctly rounded a / b; Triton's operator is off by 2 ulp in float32."""
    if a.dtype == tl.float64:
        result = a / b
    else:
        result = tl.math.div_rn(a, b)
    return result


@triton.jit
def square_root(x):
    """Correctly rounded; `tl.sqrt` is approximate in float32."""
    if x.dtype == tl.float64:
        result = tl.sqrt(x)
    else:
        result = tl.math.sqrt_rn(x)
    return result


@triton.jit
def reciprocal_or_zero(x):
    """1 / x where x > 0, else 0."""
    positive = x > 0
    return tl.where(positive, divide(tl.full([], 1, x.dtype), tl.where(positive, x, 1.0)), 0.0)


@triton.jit
def power_of_two(x):
    """2^e for |x| = m 2^e with 1 <= m < 2; 0 for 0."""
    if x.dtype == tl.float64:
        result = (x.to(tl.int64, bitcast=True) & 0x7FF0000000000000).to(tl.float64, bitcast=True)
    else:
        result = (x.to(tl.int32, bitcast=True) & 0x7F800000).to(tl.float32, bitcast=True)
    return result


@triton.jit
def reciprocal_power_of_two(x):
    """2^(-1 - e) for |x| = m 2^e with 1 <= m < 2, by its exponent bits alone; finite for 0."""
    if x.dtype == tl.float64:
        bits = 0x7FE0000000000000 - (x.to(tl.int64, bitcast=True) & 0x7FF0000000000000)
        result = bits.to(tl.float64, bitcast=True)
    else:
        bits = 0x7F000000 - (x.to(tl.int32, bitcast=True) & 0x7F800000)
        result = bits.to(tl.float32, bitcast=True)
    return result


@triton.jit
def signs_differ(a, b):
    """1 where the sign bits differ, those of zeros included."""
    if a.dtype == tl.float64:
        bits = a.to(tl.int64, bitcast=True) ^ b.to(tl.int64, bitcast=True)
    else:
        bits = a.to(tl.int32, bitcast=True) ^ b.to(tl.int32, bitcast=True)
    return (bits < 0).to(tl.int32)


@triton.jit
def all_finite(x):
    """Whether no entry is NaN or infinite."""
    return tl.min((tl.abs(x) < float("inf")).to(tl.int32)) == 1


@triton.jit
def magnitude(x):
    """Largest magnitude of finite entries."""
    return tl.max(tl.abs(x))
