"""The one kernel: a program takes candidate after candidate and does all of it, from the gather to the result."""

import triton
import triton.language as tl

from saln_kernels.backends.triton.device.arithmetic import all_finite, by_precision, divide, magnitude, power_of_two
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
def _similarity(
    features,
    feature_row,
    feature_column,
    width,
    residuals,
    residual_row,
    residual_column,
    residual_width,
    gamma,
    row,
    numbers,
    n,
    pairs,
    plain,
    factors,
    mark,
    SIMILARITY: tl.constexpr,
    RESCUE: tl.constexpr,
    B: tl.constexpr,
    DEPTH: tl.constexpr,
    RESIDUAL_DEPTH: tl.constexpr,
    WIDEN: tl.constexpr,
    PRECISION: tl.constexpr,
    T: tl.constexpr,
):
    """Tile of similarities, a bound on its rounding error, and whether every number met on the way was finite."""
    coarse: tl.constexpr = PRECISION == "tf32"
    if SIMILARITY == "given" or SIMILARITY == "precomputed":
        k = entries(features, feature_row, feature_column, row, numbers, n, plain, B, T)
        error = tl.zeros([], T)
        finite = all_finite(k)
    else:
        if RESCUE:
            k = rescaled_products(features, feature_row, feature_column, numbers, n, width, plain, factors, B, T)
        else:
            k = inner_products(features, feature_row, feature_column, row, n, width, B, DEPTH, WIDEN, PRECISION, T)
            if mark is not None:
                odd = (plain_squares(diagonal(k, B), T) == 0) & (tl.arange(0, B) < n)
                tl.store(mark, tl.max(odd.to(tl.int32), axis=0))
        finite = all_finite(k)
        lost = sum_error(width, coarse, T)
        size = n.to(T)
        if SIMILARITY == "linear":
            error = lost * tl.sum(diagonal(k, B), axis=0)
        elif SIMILARITY == "cosine":
            k = cosine(k, B)
            error = (lost + 4 * roundoff(T)) * size
        elif SIMILARITY == "rbf":
            top = tl.max(diagonal(k, B), axis=0)
            k = rbf(k, gamma, pairs, B)
            error = size * (2 * roundoff(T) + 4 * gamma * lost * top)
        else:
            k *= inner_products(
                residuals,
                residual_row,
                residual_column,
                row,
                n,
                residual_width,
                B,
                RESIDUAL_DEPTH,
                WIDEN,
                PRECISION,
                T,
            )
            finite &= all_finite(k)
            error = (lost + sum_error(residual_width, coarse, T)) * tl.sum(diagonal(k, B), axis=0)
    return k, error, finite


@triton.jit(do_not_specialize=["gamma_bits", "parameter_bits", "count", "b", "k", "rows", "scratch_stride"])
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
    width,
    residual_width,
    k: tl.int32,
    gamma_bits: tl.int64,
    parameter_bits: tl.int64,
    SIMILARITY: tl.constexpr,
    RESCUE: tl.constexpr,
    CENTER: tl.constexpr,
    LAPLACIAN: tl.constexpr,
    NEGATIVE: tl.constexpr,
    OUTPUT: tl.constexpr,
    NEED: tl.constexpr,
    CRITERION: tl.constexpr,
    ORDER: tl.constexpr,
    B: tl.constexpr,
    K: tl.constexpr,
    POINTS: tl.constexpr,
    ROUNDS: tl.constexpr,
    DEPTH: tl.constexpr,
    RESIDUAL_DEPTH: tl.constexpr,
    WIDEN: tl.constexpr,
    PRECISION: tl.constexpr,
    T: tl.constexpr,
):
    """Results of all candidates: program p of P takes candidates p, p + P, ...

    Strides count elements. features is [N, d], [N, N] if precomputed, or the matrices [C, b, b] if given, then
    feature_matrix elements apart. gamma and the criterion's parameter come as the bits of a float64, which a launch
    would round to float32. scratch is [programs, scratch_stride] of T, numbers [programs, 2, B] int64; `shapes.scratch`
    has the layout. OUTPUT is "gram", "values", "vectors", "fiedler" or "score"; NEED of a score "moments", "pivots",
    "spectrum" or "fiedler". marks is None, or [count] int32: 1 where `cosine` meets rows whose squares overflow or
    vanish; a launch with RESCUE then does these candidates alone, from rows times powers of two.
    """
    program = tl.program_id(0)
    gamma = gamma_bits.to(tl.float64, bitcast=True).to(T)
    parameter = parameter_bits.to(tl.float64, bitcast=True)
    numbers += program.to(tl.int64) * (2 * B)
    d = scratch + program.to(tl.int64) * scratch_stride
    e = d + B
    e2 = d + 2 * B
    tau = d + 3 * B
    plain = d + 4 * B
    reflectors = plain + B * B
    z = reflectors + B * B
    factors = z + B * K
    deflated: tl.constexpr = NEED == "fiedler"
    wants_vectors: tl.constexpr = OUTPUT == "vectors" or OUTPUT == "fiedler"
    i = tl.arange(0, B)
    r = tl.arange(0, K)
    nan = float("nan")
    if SIMILARITY == "given":
        tl.store(numbers + i, i.to(tl.int64))
        tl.store(numbers + B + i, i.to(tl.int64))
    for candidate in range(program, count, tl.num_programs(0)):
        c = tl.cast(candidate, tl.int64)
        todo = tl.load(marks + c) != 0 if RESCUE else True
        if todo:
            # Scratch may still be read for the candidate before.
            tl.debug_barrier()
            source = features
            if SIMILARITY == "given":
                n = b + tl.zeros([], tl.int32)
                row = i.to(tl.int64)
                bad = n < 0
                source += c * feature_matrix
            else:
                row, n, bad = select(candidates + c * candidate_row, candidate_column, rows, b, numbers, B)
            pairs = (i < n)[:, None] & (i < n)[None, :]
            tile, error, finite = _similarity(
                source,
                feature_row,
                feature_column,
                width,
                residuals,
                residual_row,
                residual_column,
                residual_width,
                gamma,
                row,
                numbers,
                n,
                pairs,
                plain,
                d,
                marks if marks is None else marks + c,
                SIMILARITY,
                RESCUE,
                B,
                DEPTH,
                RESIDUAL_DEPTH,
                WIDEN,
                PRECISION,
                T,
            )
            size = n.to(T)
            if CENTER:
                error += 8 * roundoff(T) * size * magnitude(tile)
                tile = center(tile, n, pairs, T)
            if quality is not None:
                q = tl.load(quality + row * quality_row, mask=i < n, other=0.0).to(T)
                finite &= all_finite(q)
                tile = scale_both_sides(tile, q)
                heaviest = magnitude(q)
                error = error * heaviest * heaviest + 3 * roundoff(T) * size * magnitude(tile)
            finite &= all_finite(tile)
            trivial = tl.zeros([B], T)
            if LAPLACIAN != "none":
                tile, trivial, weakest = laplacian(tile, n, pairs, LAPLACIAN, NEGATIVE, B, T)
                finite &= all_finite(tile)
                error = (1 + 4 * tl.sqrt(size)) * error / weakest + 4 * roundoff(T) * size * magnitude(tile)
            bad |= finite == 0
            n = tl.where(bad, 0, n)

            if OUTPUT == "gram":
                write(values + c * b * b, tile, plain, numbers + B, n, bad, b, b, True, B, B, T)
            else:
                # In units of a power of two near its largest entry no square over- or underflows.
                top = tl.where(bad, 0.0, magnitude(tile))
                largest_unit: tl.constexpr = by_precision(T, 2.0**126, 2.0**1000)
                smallest_unit: tl.constexpr = by_precision(T, 2.0**-126, 2.0**-1000)
                scale = tl.minimum(tl.maximum(power_of_two(top), smallest_unit), largest_unit)
                scale = tl.where(top > 0, scale, 1.0)
                tile = tl.where(bad, 0.0, tile * divide(tl.full([], 1, T), scale))
                if OUTPUT == "fiedler":
                    tl.debug_barrier()
                    store_tile(plain, tile, B, B)
                if deflated:
                    tile = tl.where(pairs, deflate_and_negate(tile, trivial, n, B, T), 0.0)
                trace, square, variance = moments(tile, n, B)
                if NEED == "moments":
                    score = of_moments(CRITERION, trace, square, variance, scale)
                elif NEED == "pivots":
                    noise = (scale.to(tl.float64) / (parameter * parameter)).to(T)
                    score = log_det(tile, noise, n, B, T)
                else:
                    main, off = tridiagonalize(tile, n, reflectors, tau, wants_vectors, B, T)
                    unit = normalize(main, off, n, d, e, e2, B, T)
                    value = largest(d, e2, n, K, POINTS, ROUNDS, T)
                    found = tl.minimum(n, k)
                    if wants_vectors:
                        basis = eigenvectors(d, e, n, value, found, z, factors, B, K, T)
                        basis = fix_signs(apply_reflectors(basis, n, reflectors, tau, B), B)
                    value = tl.where(r < found, value * unit, 0.0)
                    score = trace
                    if deflated:
                        value = tl.where((top > 0) & (n > 1), -value, 0.0)
                        basis_value = tl.sum(tl.where(r == 0, value, 0.0), axis=0)
                        score = basis_value.to(tl.float64) * scale.to(tl.float64)
                    elif OUTPUT == "score":
                        score = of_spectrum(CRITERION, ORDER, value, found, trace, square, n, scale, k, parameter, K, T)
                    if OUTPUT == "fiedler":
                        basis = tl.where(n > 1, basis, 0.0)
                        v = tl.sum(tl.where(r[None, :] == 0, basis, 0.0), axis=1)
                        left = tl.sum(load_tile(plain, B, B) * v[None, :], axis=1) - basis_value * v
                        residual = tl.sqrt(tl.sum(left * left, axis=0)) * scale
                        tl.store(bounds + c, tl.where(bad, nan, residual))
                    if OUTPUT == "values" or OUTPUT == "vectors":
                        rounding = roundoff(T) * (16 + 4 * tl.sqrt(size)) * tl.sqrt(square).to(T) * scale
                        bound = tl.where(r < n, error + rounding, 0.0)
                        tl.store(values + c * k + r, tl.where(bad, nan, value * scale), mask=r < k)
                        tl.store(bounds + c * k + r, tl.where(bad, nan, bound), mask=r < k)
                    if wants_vectors:
                        write(vectors + c * b * k, basis, z, numbers + B, n, bad, b, k, False, B, K, T)
                if OUTPUT == "score" or OUTPUT == "fiedler":
                    tl.store(values + c, tl.where(bad, nan, tl.where(n > 0, score, 0.0)).to(T))
