// Householder reduction of a symmetric matrix to tridiagonal form (Golub & Van Loan, Matrix Computations, §8.3.1),
// from the last row upwards. The rank-2 update of one step and the matrix-vector product of the next share one sweep,
// so each element is read and written once a step.
#pragma once
#include "linalg/element.h"

namespace saln {
inline namespace SALN_VARIANT {

// Row i of a packed lower triangle starts here.
SALN_INLINE int packed_row(int i) { return i * (i + 1) >> 1; }

// The reflector H = I − τ u uᵀ that maps x [m] to (0, …, 0, β): u[m − 1] = 1.
template <class V>
struct Reflector {
  V tau, beta, inverse;

  SALN_INLINE Reflector(V pivot, V rest_squared) {
    using T = ScalarOf<V>;
    const auto active = less(splat<V>(Arithmetic<T>::tiny), rest_squared);
    const V length = square_root(pivot * pivot + rest_squared);
    const V target = select(less(pivot, splat<V>(0)), length, splat<V>(0) - length);
    beta = select(active, target, pivot);
    tau = select(active, (target - pivot) / target, splat<V>(0));
    inverse = select(active, splat<V>(1) / (pivot - target), splat<V>(0));
  }
};

// Rows r … r + R − 1 of the sweep: A ← A − v wᵀ − w vᵀ and p += A u, on the packed lower triangle.
template <int R, class V>
SALN_INLINE void sweep_rows(V* a, int r, const V* v, const V* w, const V* u, V* p) {
  V vr[R], wr[R], ur[R], dot[R];
  V* row[R];
  for (int k = 0; k < R; ++k) {
    vr[k] = v[r + k];
    wr[k] = w[r + k];
    ur[k] = u[r + k];
    dot[k] = splat<V>(0);
    row[k] = a + packed_row(r + k);
  }
  for (int i = 0; i < r; ++i) {
    const V vi = v[i], wi = w[i], ui = u[i];
    V pi = p[i];
    for (int k = 0; k < R; ++k) {
      const V x = row[k][i] - vi * wr[k] - wi * vr[k];
      row[k][i] = x;
      pi = pi + x * ur[k];
      dot[k] = dot[k] + x * ui;
    }
    p[i] = pi;
  }
  for (int k = 0; k < R; ++k)
    for (int l = 0; l <= k; ++l) {
      const V x = row[k][r + l] - vr[l] * wr[k] - wr[l] * vr[k];
      row[k][r + l] = x;
      dot[k] = dot[k] + x * ur[l];
      if (l < k) dot[l] = dot[l] + x * ur[k];
    }
  for (int k = 0; k < R; ++k) p[r + k] = p[r + k] + dot[k];
}

// a: packed lower triangle, n(n + 1)/2. Out: diagonal d [n], off-diagonal e [n − 1], tau [n]; row j of `a` keeps the
// reflector u of step j in its first j entries. work [4n].
template <int R, class V>
SALN_HD void tridiagonalize(int n, V* a, V* d, V* e, V* tau, V* work) {
  using T = ScalarOf<V>;
  V *v = work, *w = work + n, *u = work + 2 * n, *p = work + 3 * n;
  for (int i = 0; i < n; ++i) v[i] = w[i] = splat<V>(0);
  for (int j = n - 1; j > 0; --j) {
    V* row = a + packed_row(j);
    const V vj = v[j], wj = w[j];
    V rest = splat<V>(0);
    for (int i = 0; i < j; ++i) {
      row[i] = row[i] - v[i] * wj - w[i] * vj;
      if (i < j - 1) rest = rest + row[i] * row[i];
    }
    d[j] = row[j] - (vj * wj + wj * vj);
    const Reflector<V> h(row[j - 1], rest);
    e[j - 1] = h.beta;
    tau[j] = h.tau;
    for (int i = 0; i < j; ++i) {
      u[i] = i < j - 1 ? row[i] * h.inverse : splat<V>(1);
      row[i] = u[i];
      p[i] = splat<V>(0);
    }
    int r = 0;
    for (; r + R <= j; r += R) sweep_rows<R>(a, r, v, w, u, p);
    for (; r < j; ++r) sweep_rows<1>(a, r, v, w, u, p);
    V along = splat<V>(0);
    for (int i = 0; i < j; ++i) along = along + p[i] * u[i];
    const V half = splat<V>(T(0.5)) * h.tau * h.tau * along;
    for (int i = 0; i < j; ++i) {
      v[i] = u[i];
      w[i] = h.tau * p[i] - half * u[i];
    }
  }
  d[0] = a[0];
}

// z [n] ← Q z, the eigenvector of the full matrix from one of the tridiagonal one. `row(j)` is where reflector j lies.
template <class V, class Row>
SALN_HD void apply_reflectors(int n, const Row& row, const V* tau, V* z) {
  for (int j = 1; j < n; ++j) {
    const V* u = row(j);
    V dot = splat<V>(0);
    for (int i = 0; i < j; ++i) dot = dot + u[i] * z[i];
    dot = dot * tau[j];
    for (int i = 0; i < j; ++i) z[i] = z[i] - dot * u[i];
  }
}

}  // namespace SALN_VARIANT
}  // namespace saln
