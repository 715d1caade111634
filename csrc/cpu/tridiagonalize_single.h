// Householder tridiagonalisation of one matrix, SIMD along its rows; the algorithm of linalg/tridiagonalize.h.
#pragma once
#include "cpu/dense.h"
#include "linalg/tridiagonalize.h"

namespace saln {
inline namespace SALN_VARIANT {

// Rows r … r + R − 1 of the sweep, A ← A − v wᵀ − w vᵀ. Left of the block of width × width on the diagonal, an element
// serves p = A u for its row and its column; inside the block both triangles are kept, and each row serves itself. The
// lanes of `partial` add up to the rows' own entries of p.
template <int R, class T>
SALN_INLINE void sweep_lower_rows(T* a, int64_t ld, int r, const T* v, const T* w, const T* u, T* p, Vec<T>* partial) {
  using V = Vec<T>;
  constexpr int W = kWidth<T>;
  V minus_v[R], minus_w[R], ur[R], acc[R];
  T* row[R];
  for (int k = 0; k < R; ++k) {
    minus_v[k] = splat<V>(-v[r + k]);
    minus_w[k] = splat<V>(-w[r + k]);
    ur[k] = splat<V>(u[r + k]);
    acc[k] = splat<V>(0);
    row[k] = a + (r + k) * ld;
  }
  const int64_t block = r / W * W;
  for (int64_t i = 0; i < block; i += W) {
    const V vi = load(v + i), wi = load(w + i), ui = load(u + i);
    V pi = load(p + i);
    for (int k = 0; k < R; ++k) {
      const V x = load(row[k] + i) + vi * minus_w[k] + wi * minus_v[k];
      store(row[k] + i, x);
      pi = pi + x * ur[k];
      acc[k] = acc[k] + x * ui;
    }
    store(p + i, pi);
  }
  const V vi = load(v + block), wi = load(w + block), ui = load(u + block);
  for (int k = 0; k < R; ++k) {
    const V x = load(row[k] + block) + vi * minus_w[k] + wi * minus_v[k];
    store(row[k] + block, x);
    acc[k] = acc[k] + x * ui;
  }
  for (int k = 0; k < R; ++k) partial[k] = acc[k];
}

// a [n, ld]: symmetric, lower triangle and blocks of width × width on the diagonal, ld whole vectors, finite beyond
// column n. Out: diagonal d [n], off-diagonal e [n − 1], tau [n]; reflector j ends up in the first j entries of row j.
// work [4·ld].
template <class T>
void tridiagonalize_single(int n, T* a, int64_t ld, T* d, T* e, T* tau, T* work) {
  using V = Vec<T>;
  constexpr int W = kWidth<T>;
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
    for (int i = 0; i < j; ++i) p[i] = 0;
    u[j] = v[j] = w[j] = 0;
    for (int r = 0; r < j; r += W) {
      V partial[W];
      int k = 0;
      for (; k + 4 <= W && r + k + 4 <= j; k += 4) sweep_lower_rows<4>(a, ld, r + k, v, w, u, p, partial + k);
      for (; k < W && r + k < j; ++k) sweep_lower_rows<1>(a, ld, r + k, v, w, u, p, partial + k);
      for (; k < W; ++k) partial[k] = splat<V>(0);
      store(p + r, load(p + r) + sums(partial));
    }
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
