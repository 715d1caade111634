// Eigenvectors of a symmetric tridiagonal matrix by inverse iteration (Golub & Van Loan §8.2.2), orthogonalised against
// all vectors found before, so that clustered and repeated eigenvalues get an orthonormal basis too.
#pragma once
#include "linalg/philox.h"

namespace saln {
inline namespace SALN_VARIANT {

// T − λ = P L U with partial pivoting; five arrays of n.
template <class V>
struct TridiagonalLU {
  V *inverse_pivot, *first, *second, *multiplier, *swapped;

  SALN_INLINE TridiagonalLU(int n, V* work)
      : inverse_pivot(work), first(work + n), second(work + 2 * n), multiplier(work + 3 * n), swapped(work + 4 * n) {}

  SALN_HD void factor(int n, const V* d, const V* e, V lambda) {
    using T = ScalarOf<V>;
    const V zero = splat<V>(0), one = splat<V>(1), guard = splat<V>(Arithmetic<T>::eps);
    V pivot = d[0] - lambda, next = n > 1 ? e[0] : zero;
    for (int i = 0; i < n; ++i) {
      const bool last = i + 1 == n;
      const V below = last ? zero : e[i];
      const V diagonal = last ? zero : d[i + 1] - lambda;
      const V beyond = i + 2 < n ? e[i + 1] : zero;
      const auto swap = less(absolute(pivot), absolute(below));
      V p = select(swap, below, pivot);
      p = select(less(absolute(p), guard), guard, p);
      const V inverse = one / p;
      const V l = select(swap, pivot, below) * inverse;
      inverse_pivot[i] = inverse;
      multiplier[i] = l;
      swapped[i] = select(swap, one, zero);
      first[i] = select(swap, diagonal, next);
      second[i] = select(swap, beyond, zero);
      const V kept = select(swap, next, diagonal);
      pivot = kept - l * first[i];
      next = select(swap, zero, beyond) - l * second[i];
    }
  }

  SALN_HD void solve(int n, V* z) const {
    const V half = splat<V>(ScalarOf<V>(0.5));
    for (int i = 0; i + 1 < n; ++i) {
      const auto swap = less(half, swapped[i]);
      const V upper = select(swap, z[i + 1], z[i]);
      const V lower = select(swap, z[i], z[i + 1]);
      z[i] = upper;
      z[i + 1] = lower - multiplier[i] * upper;
    }
    for (int i = n - 1; i >= 0; --i) {
      V x = z[i];
      if (i + 1 < n) x = x - first[i] * z[i + 1];
      if (i + 2 < n) x = x - second[i] * z[i + 2];
      z[i] = x * inverse_pivot[i];
    }
  }
};

// A little above an eigenvalue of the normalised matrix, further than those that rounding alone tells apart: T − λ then
// has one sign on all of them. With the eigenvalue itself it has either, and where they cancel, what is left of z
// beside the vectors found before is rounding.
template <class V>
SALN_HD V beside(V lambda) {
  using T = ScalarOf<V>;
  return lambda + splat<V>(T(8) * Arithmetic<T>::eps);
}

template <class V>
SALN_HD void make_unit(int n, V* z) {
  V top = splat<V>(0), sum = splat<V>(0);
  for (int i = 0; i < n; ++i) top = larger(top, absolute(z[i]));
  const V scale = select(less(splat<V>(0), top), splat<V>(1) / top, splat<V>(0));
  for (int i = 0; i < n; ++i) {
    z[i] = z[i] * scale;
    sum = sum + z[i] * z[i];
  }
  const V inverse = select(less(splat<V>(0), sum), splat<V>(1) / square_root(sum), splat<V>(0));
  for (int i = 0; i < n; ++i) z[i] = z[i] * inverse;
}

// z ← z − Σ c_q basis_q over the `count` unit vectors whose eigenvalue is within `reach` of `lambda`.
template <class V>
struct GramSchmidt {
  int n;
  const V* basis;
  const V* values;

  SALN_HD void operator()(int count, V lambda, V reach, V* z) const {
    for (int q = 0; q < count; ++q) {
      const auto near = less(absolute(values[q] - lambda), reach);
      if (!any(near)) continue;
      const V* other = basis + int64_t(q) * n;
      V dot = splat<V>(0);
      for (int i = 0; i < n; ++i) dot = dot + other[i] * z[i];
      dot = select(near, dot, splat<V>(0));
      for (int i = 0; i < n; ++i) z[i] = z[i] - dot * other[i];
    }
  }
};

// vectors [k, n] for eigenvalues lambda [k] of the normalised matrix (d, e); rows from `real` on are padding and come
// out zero. orthogonalize(count, λ, reach, z) removes from z its part along the first `count` vectors with eigenvalues
// that near. Only close eigenvalues need it between the solves (as in LAPACK's xSTEIN); once at the end it is done
// against all. work [5n].
template <class V, class Orthogonalize>
SALN_HD void inverse_iteration(int n, V real, const V* d, const V* e, const V* lambda, int k, V* vectors, V* work,
                               const Orthogonalize& orthogonalize) {
  using T = ScalarOf<V>;
  const V close = splat<V>(T(1e-3)), everywhere = splat<V>(T(8));
  TridiagonalLU<V> lu(n, work);
  for (int j = 0; j < k; ++j) {
    V* z = vectors + int64_t(j) * n;
    lu.factor(n, d, e, beside<V>(lambda[j]));
    for (int i = 0; i < n; ++i) {
      const T start = T(philox_uniform(0, uint32_t(j), uint64_t(i)));
      z[i] = select(less(splat<V>(T(i)), real), splat<V>(start), splat<V>(0));
    }
    for (int round = 0; round < 3; ++round) {
      lu.solve(n, z);
      for (int i = 0; i < n; ++i) z[i] = select(less(splat<V>(T(i)), real), z[i], splat<V>(0));
      make_unit(n, z);
      orthogonalize(j, lambda[j], close, z);
      orthogonalize(j, lambda[j], close, z);
      make_unit(n, z);
    }
    orthogonalize(j, lambda[j], everywhere, z);
    make_unit(n, z);
  }
}

// The entry of largest magnitude, the first of its size, becomes positive.
template <class V>
SALN_HD void fix_sign(int n, V* z) {
  V top = splat<V>(0), sign = splat<V>(1);
  for (int i = 0; i < n; ++i) {
    const auto more = less(top, absolute(z[i]));
    top = select(more, absolute(z[i]), top);
    sign = select(more, select(less(z[i], splat<V>(0)), splat<V>(-1), splat<V>(1)), sign);
  }
  for (int i = 0; i < n; ++i) z[i] = z[i] * sign;
}

}  // namespace SALN_VARIANT
}  // namespace saln
