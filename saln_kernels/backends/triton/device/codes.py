"""What a launch asks for, as numbers that one compiled kernel is told when it runs.

A choice that is compiled in doubles the kernels, of which each takes seconds to compile; one branch a candidate costs a
few instructions among tens of thousands. Compiled in is what gives the code its shape: `launch.constants`.
"""

import triton.language as tl

COSINE, RBF = tl.constexpr(1), tl.constexpr(2)
SIMILARITIES = {"cosine": 1, "rbf": 2, "linear": 0, "gradient": 0, "precomputed": 0, "given": 0}

UNNORMALIZED = tl.constexpr(1)
LAPLACIANS = {"none": 0, "unnormalized": 1, "symmetric": 2}

CLAMP, SHIFT = tl.constexpr(0), tl.constexpr(1)
NEGATIVES = {"clamp": 0, "shift": 1, "keep": 2}

# What comes out: the matrix or the spectrum itself, or a score, by its formula; `vendi` has one for each kind of order.
NO_SCORE = tl.constexpr(0)
EIGENVALUE_VARIANCE, PARTICIPATION_RATIO, LOGDET = tl.constexpr(1), tl.constexpr(2), tl.constexpr(3)
ALGEBRAIC_CONNECTIVITY = tl.constexpr(4)
STABLE_RANK, SPECTRAL_GAP, ENERGY, NUCLEAR_NORM = tl.constexpr(5), tl.constexpr(6), tl.constexpr(7), tl.constexpr(8)
ORDER_ZERO, ORDER_ONE, ORDER_NEAR_ONE = tl.constexpr(9), tl.constexpr(10), tl.constexpr(11)
OTHER_ORDER, ORDER_INFINITE, ORDER_TOP = tl.constexpr(12), tl.constexpr(13), tl.constexpr(14)
FORMULAS = {
    "": 0,
    "eigenvalue_variance": 1,
    "participation_ratio": 2,
    "logdet": 3,
    "algebraic_connectivity": 4,
    "stable_rank": 5,
    "spectral_gap": 6,
    "energy": 7,
    "nuclear_norm": 8,
    "vendi zero": 9,
    "vendi one": 10,
    "effective_rank": 10,
    "vendi near": 11,
    "vendi other": 12,
    "vendi infinite": 13,
    "vendi top": 14,
    "vendi two": 2,
}
