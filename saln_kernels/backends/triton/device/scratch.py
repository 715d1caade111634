"""Tiles to and from a program's scratch memory.

Addresses take twice the registers of what they lead to, so what is not laid out as in scratch goes by panels of rows.
"""

import triton
import triton.language as tl

PANEL = tl.constexpr(16)


@triton.jit
def load_tile(source, B: tl.constexpr, K: tl.constexpr):
    """Tile [B, K] of contiguous scratch."""
    return tl.load(source + tl.arange(0, B)[:, None] * K + tl.arange(0, K)[None, :])


@triton.jit
def store_tile(target, tile, B: tl.constexpr, K: tl.constexpr):
    """The reverse. No thread may read before the barrier at the end."""
    tl.store(target + tl.arange(0, B)[:, None] * K + tl.arange(0, K)[None, :], tile)
    tl.debug_barrier()


@triton.jit
def _fill(out, value, rows, columns, K: tl.constexpr, T: tl.constexpr):
    """Set out [rows, columns] to a value."""
    r = tl.arange(0, K)
    for start in range(0, rows, PANEL):
        p = start + tl.arange(0, PANEL)
        mask = (p < rows)[:, None] & (r < columns)[None, :]
        tl.store(out + p[:, None] * columns + r[None, :], tl.full([PANEL, K], value, T), mask=mask)
    tl.debug_barrier()


@triton.jit
def write(
    out,
    tile,
    plain,
    positions,
    n,
    bad,
    rows,
    columns,
    SQUARE: tl.constexpr,
    B: tl.constexpr,
    K: tl.constexpr,
    T: tl.constexpr,
):
    """Write out [rows, columns] from tile [B, K], whose n first rows, and columns if SQUARE, belong at positions [n].

    Padding is zero; everything is NaN if bad. plain [B, K] is scratch.
    """
    store_tile(plain, tile, B, K)
    if n < rows:
        _fill(out, 0.0, rows, columns, K, T)
    r = tl.arange(0, K)
    if SQUARE:
        place = tl.load(positions + r, mask=r < n, other=0)
        wanted = r < n
    else:
        place = r.to(tl.int64)
        wanted = r < columns
    for start in range(0, n, PANEL):
        p = start + tl.arange(0, PANEL)
        own = tl.load(positions + p, mask=p < n, other=0)
        panel = tl.load(plain + p[:, None] * K + r[None, :])
        tl.store(out + own[:, None] * columns + place[None, :], panel, mask=(p < n)[:, None] & wanted[None, :])
    if bad:
        tl.debug_barrier()
        _fill(out, float("nan"), rows, columns, K, T)
