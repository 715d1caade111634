"""From a candidate's row numbers to its raw similarity tile."""

import triton
import triton.language as tl

from saln_kernels.backends.triton.device.arithmetic import by_precision, reciprocal_power_of_two
from saln_kernels.backends.triton.device.scratch import PANEL, load_tile, store_tile


@triton.jit
def select(candidates, stride, rows, b, numbers, B: tl.constexpr):
    """Row numbers [B] of one candidate with padding left out, the number n of real rows, and whether a row number is
    out of range; then n is 0, so that nothing is read. Row numbers and positions stay in numbers [2, B], int64.
    """
    i = tl.arange(0, B)
    row = tl.load(candidates + i.to(tl.int64) * stride, mask=i < b, other=-1).to(tl.int64)
    real = row != -1
    outside = real & ((row < 0) | (row >= rows))
    bad = tl.max(outside.to(tl.int32), axis=0) == 1
    count = tl.sum(real.to(tl.int32), axis=0)
    slot = tl.cumsum(real.to(tl.int32), axis=0) - 1
    tl.store(numbers + slot, row, mask=real)
    tl.store(numbers + B + slot, i.to(tl.int64), mask=real)
    tl.debug_barrier()
    n = tl.where(bad, 0, count)
    return tl.load(numbers + i, mask=i < n, other=0), n, bad


@triton.jit
def inner_products(
    source,
    row_stride,
    column_stride,
    row,
    n,
    width,
    B: tl.constexpr,
    DEPTH: tl.constexpr,
    LAYOUT: tl.constexpr,
    WIDEN: tl.constexpr,
    PRECISION: tl.constexpr,
    T: tl.constexpr,
):
    """Gram tile [B, B] of the first n of the rows [B], zero elsewhere. 16-bit rows go to the tensor cores as they are
    and are added up in float32; WIDEN converts them first. LAYOUT "adjacent" says that columns lie side by side, and
    "aligned" that rows are whole groups of 16 columns besides, so that loads are wide.
    """
    if LAYOUT != "strided":
        column_stride = 1
    if LAYOUT == "aligned":
        source = tl.multiple_of(source, 16)
        row_stride = tl.multiple_of(row_stride, 16)
        width = tl.multiple_of(width, 16)
    i = tl.arange(0, B)
    t = tl.arange(0, DEPTH)
    tile = tl.zeros([B, B], T)
    starts = source + row[:, None] * row_stride
    for start in range(0, width, DEPTH):
        column = start + t
        mask = (i < n)[:, None] & (column < width)[None, :]
        x = tl.load(starts + column[None, :].to(tl.int64) * column_stride, mask=mask, other=0.0)
        if WIDEN:
            x = x.to(T)
        tile = tl.dot(x, tl.trans(x), tile, input_precision=PRECISION, out_dtype=T)
    return tile


@triton.jit
def rescaled_products(
    source, row_stride, column_stride, numbers, n, width, plain, factors, B: tl.constexpr, T: tl.constexpr
):
    """Gram tile [B, B] for `cosine`, which does not see a row's length: of rows times a power of two where their
    squares are not plain. Pair by pair, since it is rare. plain [B, B] and factors [B] are scratch.
    """
    least: tl.constexpr = by_precision(T, 2.0**-126, 2.0**-1022)
    t = tl.arange(0, 128)
    for i in range(0, n):
        start = source + tl.load(numbers + i) * row_stride
        square = tl.zeros([128], T)
        top = tl.zeros([128], T)
        for first in range(0, width, 128):
            column = (first + t).to(tl.int64)
            x = tl.load(start + column * column_stride, mask=column < width, other=0.0).to(T)
            square += x * x
            top = tl.maximum(top, tl.abs(x))
        largest = tl.max(top, axis=0)
        odd = (plain_squares(tl.sum(square, axis=0), T) == 0) & (largest > 0) & (largest < float("inf"))
        tl.store(factors + i, tl.where(odd, tl.maximum(reciprocal_power_of_two(largest), least), 1.0).to(T))
    store_tile(plain, tl.zeros([B, B], T), B, B)
    for i in range(0, n):
        one = tl.load(factors + i)
        rows = source + tl.load(numbers + i) * row_stride
        for j in range(0, i + 1):
            other = tl.load(factors + j)
            columns = source + tl.load(numbers + j) * row_stride
            total = tl.zeros([128], T)
            for first in range(0, width, 128):
                column = (first + t).to(tl.int64)
                x = tl.load(rows + column * column_stride, mask=column < width, other=0.0).to(T)
                y = tl.load(columns + column * column_stride, mask=column < width, other=0.0).to(T)
                total += (x * one) * (y * other)
            product = tl.sum(total, axis=0)
            tl.store(plain + i * B + j, product)
            tl.store(plain + j * B + i, product)
    tl.debug_barrier()
    return load_tile(plain, B, B)


@triton.jit
def plain_squares(square, T: tl.constexpr):
    """Whether sums of squares kept their precision, and products of such rows are finite."""
    return (square >= by_precision(T, 2.0**-80, 2.0**-900)) & (square <= by_precision(T, 2.0**100, 2.0**900))


@triton.jit
def entries(matrix, row_stride, column_stride, row, numbers, n, plain, B: tl.constexpr, T: tl.constexpr):
    """Tile [B, B] of matrix[row_i, row_j] for the first n rows [B], of which the lower triangle is read."""
    i = tl.arange(0, B)
    for start in range(0, B, PANEL):
        p = start + tl.arange(0, PANEL)
        own = tl.load(numbers + p, mask=p < n, other=0)
        lower = p[:, None] >= i[None, :]
        first = tl.where(lower, own[:, None], row[None, :])
        second = tl.where(lower, row[None, :], own[:, None])
        mask = (p < n)[:, None] & (i < n)[None, :]
        found = tl.load(matrix + first * row_stride + second * column_stride, mask=mask, other=0.0)
        tl.store(plain + p[:, None] * B + i[None, :], found.to(T))
    tl.debug_barrier()
    return load_tile(plain, B, B)
