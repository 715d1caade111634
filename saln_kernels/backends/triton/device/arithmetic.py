"""Facts of float32 and float64 arithmetic, and the rounding that Triton's own operators leave open."""

import triton
import triton.language as tl


@triton.constexpr_function
def by_precision(dtype, single, double):
    """A constant that depends on the arithmetic."""
    return double if dtype == tl.float64 else single


@triton.jit
def divide(a, b):
    """Correctly rounded a / b; Triton's operator is off by 2 ulp in float32."""
    return a / b if a.dtype == tl.float64 else tl.math.div_rn(a, b)


@triton.jit
def square_root(x):
    """Correctly rounded; `tl.sqrt` is approximate in float32."""
    return tl.sqrt(x) if x.dtype == tl.float64 else tl.math.sqrt_rn(x)


@triton.jit
def log1p(x):
    """The logarithm of 1 + x to x's precision: what rounding 1 + x loses divides out (Higham 2002, section 1.14)."""
    shifted = 1 + x
    same = shifted == 1
    return tl.where(same, x, tl.log(shifted) * x / tl.where(same, 1.0, shifted - 1))


@triton.jit
def expm1(x):
    """The exponential of x less 1, in the same way."""
    power = tl.exp(x)
    same = power == 1
    rest = power - 1
    plain = same | (rest == -1)
    return tl.where(
        same, x, tl.where(rest == -1, rest, rest * x / tl.where(plain, 1.0, tl.log(tl.where(plain, 2.0, power))))
    )


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
    """2^-e for |x| = m 2^e with 1 <= m < 2, by its exponent bits alone; finite for 0, and 0 for the largest e."""
    if x.dtype == tl.float64:
        bits = 0x7FE0000000000000 - (x.to(tl.int64, bitcast=True) & 0x7FF0000000000000)
        result = bits.to(tl.float64, bitcast=True)
    else:
        bits = 0x7F000000 - (x.to(tl.int32, bitcast=True) & 0x7F800000)
        result = bits.to(tl.float32, bitcast=True)
    return result


@triton.jit
def all_finite(x):
    """Whether no entry is NaN or infinite."""
    return tl.min((tl.abs(x) < float("inf")).to(tl.int32)) == 1


@triton.jit
def magnitude(x):
    """Largest magnitude of finite entries."""
    return tl.max(tl.abs(x))
