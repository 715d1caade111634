"""The one kernel: a program takes candidate after candidate and does all of it, from the gather to the result."""

import triton
import triton.language as tl

from saln_kernels.backends.triton.device.arithmetic import all_finite, by_precision, divide, magnitude, power_of_two
from saln_kernels.backends.triton.device.codes import COSINE, LOGDET, NO_SCORE, RBF
from saln_kernels.backends.triton.device.criteria import log_det, moments, of_moments, of_spectrum
from saln_kernels.backends.triton.device.gather import entries, inner_products, plain_squares, rescaled_products, select
from saln_kernels.backends.triton.device.inverse_iteration import eigenvectors, fix_signs
from saln_kernels.backends.triton.device.scratch import load_tile, store_tile, write
from saln_kernels.backends.triton.device.sturm import largest, normalize
from saln_kernels.backends.triton.device.transform import (
    center,
    cosine,
    deflate_and_negate,
    diagonal,
    laplacian,
    rbf,
    roundoff,
    scale_both_sides,
    sum_error,
)
from saln_kernels.backends.triton.device.tridiagonalize import apply_reflectors, tridiagonalize


@triton.jit
def _products(
    features,
    feature_row,
    feature_column,
    width,
    residuals,
    residual_row,
    residual_column,
    residual_width,
    similarity,
    row,
    numbers,
    n,
    plain,
    factors,
    mark,
    SOURCE: tl.constexpr,
    B: tl.constexpr,
    DEPTH: tl.constexpr,
    LAYOUT: tl.constexpr,
    WIDEN: tl.constexpr,
    PRECISION: tl.constexpr,
    T: tl.constexpr,
):
    """Gram tile of the features, times that of the residuals for `gradient`, and whether both were finite."""
    if SOURCE == "rescue":
        k = rescaled_products(features, feature_row, feature_column, numbers, n, width, plain, factors, B, T)
    else:
        k = inner_products(features, feature_row, feature_column, row, n, width, B, DEPTH, LAYOUT, WIDEN, PRECISION, T)
    finite = all_finite(k)
    if SOURCE == "rows" and similarity == COSINE:
        odd = (plain_squares(diagonal(k, B), T) == 0) & (tl.arange(0, B) < n)
        tl.store(mark, tl.max(odd.to(tl.int32), axis=0))
    if SOURCE == "gradient":
        # Waits in scratch, since two products are too much for the registers.
        store_tile(plain, k, B, B)
        k = inner_products(
            residuals, residual_row, residual_column, row, n, residual_width, B, DEPTH, LAYOUT, WIDEN, PRECISION, T
        )
        finite &= all_finite(k)
        k = load_tile(plain, B, B) * k
    return k, finite


@triton.jit
def _similarity(
    k,
    similarity,
    gamma,
    width,
    residual_width,
    n,
    pairs,
    SOURCE: tl.constexpr,
    COARSE: tl.constexpr,
    B: tl.constexpr,
    T: tl.constexpr,
):
    """Tile of similarities from that of products, and a bound on its rounding error."""
    lost = sum_error(width, COARSE, T)
    size = n.to(T)
    if SOURCE == "gradient":
        error = (lost + sum_error(residual_width, COARSE, T)) * tl.sum(diagonal(k, B), axis=0)
    else:
        on = diagonal(k, B)
        error = lost * tl.sum(on, axis=0)
        if similarity == COSINE:
            error = (lost + 4 * roundoff(T)) * size
        if similarity == RBF:
            error = size * (2 * roundoff(T) + 4 * gamma * lost * tl.max(on, axis=0))
            k = rbf(k, gamma, pairs, B)
        k = cosine(k, similarity == COSINE, B)
    return k, error


_NUMBERS = [
    "feature_row", "feature_column", "feature_matrix", "candidate_row", "candidate_column", "residual_row",
    "residual_column", "quality_row", "scratch_stride", "count", "b", "rows", "width", "residual_width", "k",
    "similarity", "centers", "weighs", "graph_kind", "negative", "formula", "gamma_bits", "parameter_bits",
]  # fmt: skip
_POINTERS = ["features", "candidates", "residuals", "quality", "values", "vectors", "bounds", "marks"]


# Not specialised: Triton would compile anew for every stride of 1, and for what 16 divides.
@triton.jit(do_not_specialize=_NUMBERS, do_not_specialize_on_alignment=_POINTERS)
def spectral_kernel(
    features,
    feature_row: tl.int64,
    feature_column: tl.int64,
    feature_matrix: tl.int64,
    candidates,
    candidate_row: tl.int64,
    candidate_column: tl.int64,
    residuals,
    residual_row: tl.int64,
    residual_column: tl.int64,
    quality,
    quality_row: tl.int64,
    values,
    vectors,
    bounds,
    scratch,
    scratch_stride: tl.int64,
    numbers,
    marks,
    count: tl.int64,
    b: tl.int32,
    rows: tl.int64,
    width: tl.int32,
    residual_width: tl.int32,
    k: tl.int32,
    similarity: tl.int32,
    centers: tl.int32,
    weighs: tl.int32,
    graph_kind: tl.int32,
    negative: tl.int32,
    formula: tl.int32,
    gamma_bits: tl.int64,
    parameter_bits: tl.int64,
    SOURCE: tl.constexpr,
    GRAPH: tl.constexpr,
    TASK: tl.constexpr,
    B: tl.constexpr,
    K: tl.constexpr,
    POINTS: tl.constexpr,
    ROUNDS: tl.constexpr,
    DEPTH: tl.constexpr,
    LAYOUT: tl.constexpr,
    WIDEN: tl.constexpr,
    PRECISION: tl.constexpr,
    T: tl.constexpr,
):
    """Results of all candidates: program p of P takes candidates p, p + P, ...

    SOURCE says where the matrix comes from: "rows" are features [N, d], or "gradient" with residuals, and "entries"
    features [N, N], candidate c's feature_matrix elements from the one before. With "rows" marks [count] become 1 where
    `cosine` meets rows whose squares overflow or vanish; a launch with "rescue" then does these candidates alone, from
    rows times powers of two. GRAPH asks for a Laplacian. TASK is "tile" for what needs no eigenvalues, "values",
    "vectors", or "fiedler".

    Strides count elements. similarity, graph_kind (of the Laplacian), negative and formula are numbers of `codes`;
    centers and weighs (by quality) are 0 or 1; pointers that are not read may be any. gamma and the criterion's
    parameter come as the bits of a float64, which a launch would round to float32. scratch is
    [programs, scratch_stride] of T, numbers [programs, 2, B] int64; `shapes.scratch` has the layout.
    """
    program = tl.program_id(0)
    gamma = gamma_bits.to(tl.float64, bitcast=True).to(T)
    parameter = parameter_bits.to(tl.float64, bitcast=True)
    numbers += program.to(tl.int64) * (2 * B)
    scratch += program.to(tl.int64) * tl.multiple_of(scratch_stride, 16)
    i = tl.arange(0, B)
    r = tl.arange(0, K)
    nan = float("nan")
    for candidate in range(program, count, tl.num_programs(0)):
        c = tl.cast(candidate, tl.int64)
        todo = tl.load(marks + c) != 0 if SOURCE == "rescue" else True
        if todo:
            # Scratch may still be read for the candidate before.
            tl.debug_barrier()
            row, n, bad = select(candidates + c * candidate_row, candidate_column, rows, b, numbers, B)
            # Zero, which no compiler knows: addresses formed before the loop would fill registers throughout.
            d = scratch + tl.minimum(n, 0) * 16
            e = d + B
            e2 = d + 2 * B
            tau = d + 3 * B
            plain = d + 4 * B
            reflectors = plain + B * B
            z = reflectors + B * B
            factors = z + B * K
            pairs = (i < n)[:, None] & (i < n)[None, :]
            if SOURCE == "entries":
                source = features + c * feature_matrix
                tile = entries(source, feature_row, feature_column, row, numbers, n, plain, B, T)
                finite = all_finite(tile)
                error = tl.zeros([], T)
            else:
                tile, finite = _products(
                    features,
                    feature_row,
                    feature_column,
                    width,
                    residuals,
                    residual_row,
                    residual_column,
                    residual_width,
                    similarity,
                    row,
                    numbers,
                    n,
                    plain,
                    d,
                    marks + c,
                    SOURCE,
                    B,
                    DEPTH,
                    LAYOUT,
                    WIDEN,
                    PRECISION,
                    T,
                )
                tile, error = _similarity(
                    tile, similarity, gamma, width, residual_width, n, pairs, SOURCE, PRECISION == "tf32", B, T
                )
            size = n.to(T)
            if centers != 0:
                error += 8 * roundoff(T) * size * magnitude(tile)
                tile = center(tile, n, pairs, T)
            # Without quality every row weighs 1, which is no branch around the tile and changes no bit.
            q = tl.load(quality + row * quality_row, mask=i < tl.where(weighs != 0, n, 0), other=0.0).to(T)
            q = tl.where(weighs != 0, q, 1.0).to(T)
            finite &= all_finite(q)
            tile = scale_both_sides(tile, q)
            heaviest = magnitude(q)
            weighed = error * heaviest * heaviest + 3 * roundoff(T) * size * magnitude(tile)
            error = tl.where(weighs != 0, weighed, error)
            finite &= all_finite(tile)
            trivial = tl.zeros([B], T)
            if GRAPH:
                tile, trivial, weakest = laplacian(tile, n, pairs, graph_kind, negative, B, T)
                finite &= all_finite(tile)
                error = (1 + 4 * tl.sqrt(size)) * error / weakest + 4 * roundoff(T) * size * magnitude(tile)
            bad |= finite == 0
            n = tl.where(bad, 0, n)

            if (TASK == "tile") and (formula == NO_SCORE):
                write(values + c * b * b, tile, plain, numbers + B, n, bad, b, b, True, B, B, T)
            else:
                # In units of a power of two near its largest entry no square over- or underflows.
                top = tl.where(bad, 0.0, magnitude(tile))
                largest_unit: tl.constexpr = by_precision(T, 2.0**126, 2.0**1000)
                smallest_unit: tl.constexpr = by_precision(T, 2.0**-126, 2.0**-1000)
                scale = tl.minimum(tl.maximum(power_of_two(top), smallest_unit), largest_unit)
                scale = tl.where(top > 0, scale, 1.0)
                tile = tl.where(bad, 0.0, tile * divide(tl.full([], 1, T), scale))
                if TASK == "fiedler":
                    tl.debug_barrier()
                    store_tile(plain, tile, B, B)
                    tile = tl.where(pairs, deflate_and_negate(tile, trivial, n, B, T), 0.0)
                trace, square, variance = moments(tile, n, B)
                if TASK == "tile":
                    if formula == LOGDET:
                        noise = (scale.to(tl.float64) / (parameter * parameter)).to(T)
                        score = log_det(tile, noise, n, B, T)
                    else:
                        score = of_moments(formula, trace, square, variance, scale)
                    tl.store(values + c, tl.where(bad, nan, tl.where(n > 0, score, 0.0)).to(T))
                else:
                    main, off = tridiagonalize(tile, n, reflectors, tau, TASK != "values", B, T)
                    unit = normalize(main, off, n, d, e, e2, B, T)
                    root = largest(d, e2, n, K, POINTS, ROUNDS, T)
                    found = tl.minimum(n, k)
                    value = tl.where(r < found, root * unit, 0.0)
                    if TASK == "fiedler":
                        value = tl.where((top > 0) & (n > 1), -value, 0.0)
                        least = tl.sum(tl.where(r == 0, value, 0.0), axis=0)
                        score = least.to(tl.float64) * scale.to(tl.float64)
                        tl.store(values + c, tl.where(bad, nan, score).to(T))
                    elif formula == NO_SCORE:
                        rounding = roundoff(T) * (16 + 4 * tl.sqrt(size)) * tl.sqrt(square).to(T) * scale
                        bound = tl.where(r < n, error + rounding, 0.0)
                        tl.store(values + c * k + r, tl.where(bad, nan, value * scale), mask=r < k)
                        tl.store(bounds + c * k + r, tl.where(bad, nan, bound), mask=r < k)
                    else:
                        score = of_spectrum(formula, value, found, trace, square, n, scale, k, parameter, K, T)
                        tl.store(values + c, tl.where(bad, nan, tl.where(n > 0, score, 0.0)).to(T))
                    if (TASK != "values") and (formula == NO_SCORE):
                        basis = eigenvectors(d, e, n, root, found, z, factors, B, K, T)
                        basis = fix_signs(apply_reflectors(basis, n, reflectors, tau, B), B)
                        if TASK == "fiedler":
                            basis = tl.where(n > 1, basis, 0.0)
                            v = tl.sum(tl.where(r[None, :] == 0, basis, 0.0), axis=1)
                            left = tl.sum(load_tile(plain, B, B) * v[None, :], axis=1) - least * v
                            residual = tl.sqrt(tl.sum(left * left, axis=0)) * scale
                            tl.store(bounds + c, tl.where(bad, nan, residual))
                        write(vectors + c * b * k, basis, z, numbers + B, n, bad, b, k, False, B, K, T)
