// Vector operations inside one matrix. Arrays are padded to whole vectors with zeros where that is said.
#pragma once
#include "cpu/simd.h"

namespace saln {
inline namespace SALN_VARIANT {

template <class T>
SALN_INLINE int64_t round_up(int64_t n) {
  return (n + kWidth<T> - 1) / kWidth<T> * kWidth<T>;
}

template <class T>
T dot(const T* a, const T* b, int64_t n) {
  using V = Vec<T>;
  constexpr int W = kWidth<T>;
  V s0 = splat<V>(0), s1 = s0, s2 = s0, s3 = s0;
  int64_t i = 0;
  for (; i + 4 * W <= n; i += 4 * W) {
    s0 = s0 + load(a + i) * load(b + i);
    s1 = s1 + load(a + i + W) * load(b + i + W);
    s2 = s2 + load(a + i + 2 * W) * load(b + i + 2 * W);
    s3 = s3 + load(a + i + 3 * W) * load(b + i + 3 * W);
  }
  for (; i + W <= n; i += W) s0 = s0 + load(a + i) * load(b + i);
  if (i < n) s1 = s1 + load_first(a + i, int(n - i)) * load_first(b + i, int(n - i));
  return sum((s0 + s1) + (s2 + s3));
}

// y [m] = A x for m rows of n elements, ld apart.
template <class T>
void multiply_rows(const T* a, int64_t ld, int64_t m, int64_t n, const T* x, T* y) {
  using V = Vec<T>;
  constexpr int W = kWidth<T>;
  for (int64_t r = 0; r < m; r += 4) {
    V acc[4] = {};
    const T* row[4];
    for (int k = 0; k < 4; ++k) row[k] = a + (r + k < m ? r + k : m - 1) * ld;
    int64_t i = 0;
    for (; i + W <= n; i += W) {
      const V xi = load(x + i);
      for (int k = 0; k < 4; ++k) acc[k] = acc[k] + load(row[k] + i) * xi;
    }
    if (i < n) {
      const V xi = load_first(x + i, int(n - i));
      for (int k = 0; k < 4; ++k) acc[k] = acc[k] + load_first(row[k] + i, int(n - i)) * xi;
    }
    T products[4];
    sum_four(acc, products);
    for (int k = 0; k < 4 && r + k < m; ++k) y[r + k] = products[k];
  }
}

// y [n] += Σ c_r (row r of A).
template <class T>
void add_rows(const T* a, int64_t ld, int64_t m, int64_t n, const T* c, T* y) {
  int64_t r = 0;
  for (; r + 4 <= m; r += 4) {
    const T *p = a + r * ld, c0 = c[r], c1 = c[r + 1], c2 = c[r + 2], c3 = c[r + 3];
    for (int64_t i = 0; i < n; ++i) y[i] += (c0 * p[i] + c1 * p[ld + i]) + (c2 * p[2 * ld + i] + c3 * p[3 * ld + i]);
  }
  for (; r < m; ++r)
    for (int64_t i = 0; i < n; ++i) y[i] += c[r] * a[r * ld + i];
}

// y [n] loses its part along m orthonormal rows. along [m] is scratch.
template <class T>
void remove_rows(const T* a, int64_t ld, int64_t m, int64_t n, T* y, T* along) {
  multiply_rows(a, ld, m, n, y, along);
  for (int64_t r = 0; r < m; ++r) along[r] = -along[r];
  add_rows(a, ld, m, n, along, y);
}

// y += c x
template <class T>
void add_scaled(T c, const T* x, T* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] += c * x[i];
}

}  // namespace SALN_VARIANT
}  // namespace saln
