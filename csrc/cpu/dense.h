// Vector operations inside one matrix. Arrays are padded to whole vectors with zeros where that is said.
#pragma once
#include "simd.h"

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

// y += c x
template <class T>
void add_scaled(T c, const T* x, T* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] += c * x[i];
}

}  // namespace SALN_VARIANT
}  // namespace saln
