// Householder tridiagonalisation of one matrix, SIMD along its rows; the algorithm of linalg/tridiagonalize.h.
#pragma once
#include "../linalg/tridiagonalize.h"
#include "dense.h"

namespace saln {
inline namespace SALN_VARIANT {

// Rows r … r + R − 1 of the sweep: A ← A − v wᵀ − w vᵀ and p = A u, over `length` columns.
template <int R, class T>
SALN_INLINE void sweep_full_rows(T* a, int64_t ld, int r, int64_t length, const T* v, const T* w, const T* u, T* p) {
  using V = Vec<T>;
  V minus_v[R], minus_w[R], acc[R];
  T* row[R];
  for (int k = 0; k < R; ++k) {
    minus_v[k] = splat<V>(-v[r + k]);
    minus_w[k] = splat<V>(-w[r + k]);
    acc[k] = splat<V>(0);
    row[k] = a + (r + k) * ld;
  }
  for (int64_t i = 0; i < length; i += kWidth<T>) {
    const V vi = load(v + i), wi = load(w + i), ui = load(u + i);
    for (int k = 0; k < R; ++k) {
      const V x = load(row[k] + i) + vi * minus_w[k] + wi * minus_v[k];
      store(row[k] + i, x);
      acc[k] = acc[k] + x * ui;
    }
  }
  for (int k = 0; k < R; ++k) p[r + k] = sum(acc[k]);
}

// a [n, ld]: full symmetric, ld whole vectors, finite beyond column n. Out: d [n], e [n − 1], tau [n]; reflector j ends
// up in the first j entries of row j. work [4·ld].
template <class T>
void tridiagonalize_single(int n, T* a, int64_t ld, T* d, T* e, T* tau, T* work) {
  T *v = work, *w = work + ld, *u = work + 2 * ld, *p = work + 3 * ld;
  for (int64_t i = 0; i < 4 * ld; ++i) work[i] = 0;
  for (int j = n - 1; j > 0; --j) {
    T* row = a + j * ld;
    const T vj = v[j], wj = w[j];
    for (int i = 0; i <= j; ++i) row[i] -= v[i] * wj + w[i] * vj;
    d[j] = row[j];
    const Reflector<T> h(row[j - 1], dot(row, row, j - 1));
    e[j - 1] = h.beta;
    tau[j] = h.tau;
    for (int i = 0; i < j - 1; ++i) row[i] *= h.inverse;
    row[j - 1] = 1;
    for (int i = 0; i < j; ++i) u[i] = row[i];
    u[j] = v[j] = w[j] = 0;
    const int64_t length = round_up<T>(j);
    int r = 0;
    for (; r + 4 <= j; r += 4) sweep_full_rows<4>(a, ld, r, length, v, w, u, p);
    for (; r < j; ++r) sweep_full_rows<1>(a, ld, r, length, v, w, u, p);
    const T half = T(0.5) * h.tau * h.tau * dot(p, u, j);
    for (int i = 0; i < j; ++i) {
      v[i] = u[i];
      w[i] = h.tau * p[i] - half * u[i];
    }
  }
  d[0] = a[0];
}

}  // namespace SALN_VARIANT
}  // namespace saln
