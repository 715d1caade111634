"""Which block shapes a call runs with: an explicit rule of sizes and dtypes in place of autotuning."""

from typing import Literal, NamedTuple

import torch

Kind = Literal["tile", "values", "vectors", "fiedler"]  # no eigenvalues, those, vectors too, of a deflated Laplacian

LARGEST = 128  # b: a tile lives in one program's registers
SMALLEST = 16  # edge of a tile that tl.dot takes
FEW = 8  # up to so many leading eigenvalues get a narrower search


class Shape(NamedTuple):
    """Constants a kernel is compiled with."""

    order: int  # B, edge of the tile
    found: int  # K, lanes of eigenvalues
    points: int  # searched at once for each eigenvalue
    rounds: int  # of that search
    depth: int  # columns a step of the Gram product
    warps: int
    stages: int


def power_of_two(n: int) -> int:
    """The smallest power of two from n on."""
    return 1 << max(0, n - 1).bit_length()


def choose(b: int, k: int, kind: Kind, features: torch.dtype) -> Shape:
    """Choose the shape for candidates of b rows of which k leading eigenvalues are wanted.

    - The tile has the smallest power-of-two edge B >= 16 that holds b.
    - A warp a kibi-element of the tile, two for float64: 32 words of it in each thread's registers. One warp where
      the tile is small, so that its sums need no barrier; at B = 128 half as many warps of twice the registers, which
      the products of a sweep need. Twice the warps where else registers spill: products of float32 are unrolled, and
      64 vectors are a second tile.
    - A step of the Gram product takes 128 bytes of each row of 16-bit features, one cache line, and 16 columns where
      products are unrolled; two steps are in flight.
    - All b eigenvalues get a lane each, or 8 where at most 8 are wanted. A search round tries as many points as four a
      thread allow, from 2 to 16, and gains log2(points + 1) bits of the 26 (float64: 55) needed.

    Examples
    --------
    >>> import torch
    >>> choose(50, 8, "values", torch.float32)
    Shape(order=64, found=8, points=16, rounds=7, depth=16, warps=4, stages=2)
    """
    wide = features == torch.float64
    order = max(SMALLEST, power_of_two(b))
    found = 1 if kind == "fiedler" else FEW if k <= FEW else order
    warps = min(16 if wide else 8, max(1, order * order * (2 if wide else 1) // 1024))
    if (order == 32 and features == torch.float32) or (order == found == 64 and kind == "vectors" and not wide):
        warps *= 2
    points = min(16, max(2, 4 * 32 * warps // found)) if kind != "tile" else 2
    bits = 55 if wide else 26
    return Shape(
        order=order,
        found=found,
        points=points,
        rounds=_rounds(bits, points),
        depth=16 if features.itemsize > 2 else 64,
        warps=warps,
        stages=2,
    )


def _rounds(bits: int, points: int) -> int:
    """The fewest rounds that divide an interval by 2^bits, each by points + 1."""
    rounds = 1
    while (points + 1) ** rounds < 2**bits:
        rounds += 1
    return rounds


def scratch(shape: Shape, kind: Kind) -> int:
    """Elements of scratch a program needs, in the kernel's layout.

    d, e, e2 and tau [4, B], a tile [B, B], and for vectors the reflectors [B, B], solutions [B, K] and factors
    [3, B, K].
    """
    b, k = shape.order, shape.found
    return 4 * b + b * b + (b * b + 4 * b * k if kind in ("vectors", "fiedler") else 0)


def programs(count: int, warps: int, processors: int) -> int:
    """Programs in flight: what fits every multiprocessor at 128 registers a thread, and no more than candidates."""
    return max(1, min(count, processors * (65536 // (128 * 32 * warps))))
