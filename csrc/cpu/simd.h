// SIMD vectors of the instruction set this file is compiled for. One source serves all of them: the width is a macro,
// the rest is GCC/Clang vector extensions, with intrinsics only for masked loads and half precision.
#pragma once
#include "linalg/element.h"
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define SALN_VECTOR_BYTES 64
#elif defined(__AVX2__)
#define SALN_VECTOR_BYTES 32
#else
#define SALN_VECTOR_BYTES 16
#endif

namespace saln {
inline namespace SALN_VARIANT {

template <class T>
struct Vec {
  static constexpr int width = SALN_VECTOR_BYTES / sizeof(T);
  typedef T raw __attribute__((vector_size(SALN_VECTOR_BYTES)));
  raw v;
};
template <class T>
constexpr int kWidth = Vec<T>::width;

template <>
struct Element<Vec<float>> {
  using Scalar = float;
  using Bits = Vec<uint32_t>;
  using Mask = Vec<int32_t>;
};
template <>
struct Element<Vec<double>> {
  using Scalar = double;
  using Bits = Vec<uint64_t>;
  using Mask = Vec<int64_t>;
};

template <class T>
struct Splat<Vec<T>> {
  static SALN_INLINE Vec<T> of(T x) { return {x - typename Vec<T>::raw{}}; }
};

#define SALN_BINARY(op)                                \
  template <class T>                                   \
  SALN_INLINE Vec<T> operator op(Vec<T> a, Vec<T> b) { \
    return {a.v op b.v};                               \
  }
SALN_BINARY(+)
SALN_BINARY(-)
SALN_BINARY(*)
SALN_BINARY(/)
SALN_BINARY(&)
SALN_BINARY(^)
#undef SALN_BINARY
template <class T>
SALN_INLINE Vec<T> operator>>(Vec<T> a, int n) {
  return {a.v >> n};
}

template <class T>
SALN_INLINE Vec<T> load(const T* p) {
  Vec<T> r;
  __builtin_memcpy(&r.v, p, sizeof r.v);
  return r;
}
template <class T>
SALN_INLINE void store(T* p, Vec<T> a) {
  __builtin_memcpy(p, &a.v, sizeof a.v);
}

// The first n < width elements, zeros after them; nothing beyond p[n − 1] is touched.
SALN_INLINE Vec<float> load_first(const float* p, int n) {
#if defined(__AVX512F__)
  return {(Vec<float>::raw)_mm512_maskz_loadu_ps(__mmask16((1u << n) - 1), p)};
#else
  Vec<float> r = {};
  for (int i = 0; i < n; ++i) r.v[i] = p[i];
  return r;
#endif
}
SALN_INLINE Vec<double> load_first(const double* p, int n) {
#if defined(__AVX512F__)
  return {(Vec<double>::raw)_mm512_maskz_loadu_pd(__mmask8((1u << n) - 1), p)};
#else
  Vec<double> r = {};
  for (int i = 0; i < n; ++i) r.v[i] = p[i];
  return r;
#endif
}

SALN_INLINE Vec<uint32_t> to_bits(Vec<float> a) { return {(Vec<uint32_t>::raw)a.v}; }
SALN_INLINE Vec<uint64_t> to_bits(Vec<double> a) { return {(Vec<uint64_t>::raw)a.v}; }
SALN_INLINE Vec<float> from_bits(Vec<uint32_t> a) { return {(Vec<float>::raw)a.v}; }
SALN_INLINE Vec<double> from_bits(Vec<uint64_t> a) { return {(Vec<double>::raw)a.v}; }

SALN_INLINE Vec<float> absolute(Vec<float> a) { return from_bits(to_bits(a) & Splat<Vec<uint32_t>>::of(0x7fffffffu)); }
SALN_INLINE Vec<double> absolute(Vec<double> a) {
  return from_bits(to_bits(a) & Splat<Vec<uint64_t>>::of(0x7fffffffffffffffu));
}
SALN_INLINE Vec<int32_t> less(Vec<float> a, Vec<float> b) { return {a.v < b.v}; }
SALN_INLINE Vec<int64_t> less(Vec<double> a, Vec<double> b) { return {a.v < b.v}; }
SALN_INLINE Vec<int32_t> less(Vec<uint32_t> a, Vec<uint32_t> b) { return {a.v < b.v}; }
SALN_INLINE Vec<int64_t> less(Vec<uint64_t> a, Vec<uint64_t> b) { return {a.v < b.v}; }
SALN_INLINE Vec<float> select(Vec<int32_t> m, Vec<float> a, Vec<float> b) { return {m.v ? a.v : b.v}; }
SALN_INLINE Vec<double> select(Vec<int64_t> m, Vec<double> a, Vec<double> b) { return {m.v ? a.v : b.v}; }
template <class M>
SALN_INLINE bool any(Vec<M> m) {
  M all = 0;
  for (int i = 0; i < kWidth<M>; ++i) all |= m.v[i];
  return all != 0;
}
template <class T>
SALN_INLINE Vec<T> larger(Vec<T> a, Vec<T> b) {
  return {a.v > b.v ? a.v : b.v};
}
template <class T>
SALN_INLINE Vec<T> square_root(Vec<T> a) {
  for (int i = 0; i < kWidth<T>; ++i) a.v[i] = square_root(a.v[i]);
  return a;
}

// Lane l of the result is lane from[l] of a, or, from the width on, of b.
template <class Raw, class Index>
SALN_INLINE Raw shuffle(Raw a, Raw b, Index from) {
#if defined(__clang__)  // where lanes are known, it makes shuffles of this
  constexpr int W = sizeof(Raw) / sizeof(a[0]);
  Raw r = {};
#pragma GCC unroll 16
  for (int l = 0; l < W; ++l) r[l] = from[l] < W ? a[from[l]] : b[from[l] - W];
  return r;
#else
  return __builtin_shuffle(a, b, from);
#endif
}

// One level of a transposing reduction: in every group of G lanes the first half receives a's two halves added, the
// second half b's. From G = width down to 2 it turns `width` vectors into the vector of their sums.
template <int G, class T>
SALN_INLINE Vec<T> fold(Vec<T> a, Vec<T> b) {
  using Index = typename Element<Vec<T>>::Mask;
  constexpr int W = kWidth<T>, H = G / 2;
  Index low = {}, high = {};
#pragma GCC unroll 16
  for (int l = 0; l < W; ++l) {
    const int group = l / G * G, at = l % G;
    low.v[l] = at < H ? group + at : W + group + at - H;
    high.v[l] = low.v[l] + H;
  }
  return {shuffle(a.v, b.v, low.v) + shuffle(a.v, b.v, high.v)};
}
template <int G, class T>
SALN_INLINE Vec<T> sums_of(const Vec<T>* a) {
  if constexpr (G == 1) {
    return a[0];
  } else {
    Vec<T> half[G / 2];
#pragma GCC unroll 8
    for (int i = 0; i < G / 2; ++i) half[i] = fold<G>(a[i], a[i + G / 2]);
    return sums_of<G / 2>(half);
  }
}
// Lane i of the result is the sum of the lanes of a[i].
template <class T>
SALN_INLINE Vec<T> sums(const Vec<T> (&a)[kWidth<T>]) {
  return sums_of<kWidth<T>>(a);
}
template <int G, class T>
SALN_INLINE T sum_of(Vec<T> a) {
  if constexpr (G == 1)
    return a.v[0];
  else
    return sum_of<G / 2>(fold<G>(a, a));
}
template <class T>
SALN_INLINE T sum(Vec<T> a) {
  return sum_of<kWidth<T>>(a);
}

// out [4] = the sums of four vectors.
template <class T>
SALN_INLINE void sum_four(const Vec<T> (&a)[4], T* out) {
  constexpr int W = kWidth<T>;
  if constexpr (W < 4) {
    for (int k = 0; k < 4; ++k) out[k] = sum(a[k]);
  } else {
    Vec<T> q = fold<W / 2>(fold<W>(a[0], a[2]), fold<W>(a[1], a[3]));
    if constexpr (W >= 8) q = fold<W / 4>(q, q);
    if constexpr (W >= 16) q = fold<W / 8>(q, q);
    for (int k = 0; k < 4; ++k) out[k] = q.v[k * (W / 4)];
  }
}

// Transposes `width` vectors in place.
template <class T>
SALN_INLINE void transpose(Vec<T> (&a)[kWidth<T>]) {
  using Index = typename Element<Vec<T>>::Mask;
  constexpr int W = kWidth<T>;
#pragma GCC unroll 4
  for (int H = W / 2; H > 0; H /= 2) {
    Index low = {}, high = {};
#pragma GCC unroll 16
    for (int l = 0; l < W; ++l) {
      const int group = l / (2 * H) * (2 * H), at = l % (2 * H);
      low.v[l] = at < H ? group + at : W + group + at - H;
      high.v[l] = low.v[l] + H;
    }
#pragma GCC unroll 16
    for (int i = 0; i < W; ++i) {
      if (i & H) continue;
      const auto x = shuffle(a[i].v, a[i + H].v, low.v);
      a[i + H].v = shuffle(a[i].v, a[i + H].v, high.v);
      a[i].v = x;
    }
  }
}

}  // namespace SALN_VARIANT
}  // namespace saln
