// The operations that linalg/ needs of an element, for plain scalars. A SIMD type brings overloads of its own and then
// holds one independent problem per lane; nothing here or above ever mixes lanes.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#ifndef SALN_VARIANT
#define SALN_VARIANT scalar
#endif
#if defined(__CUDACC__)
#define SALN_HD __host__ __device__
#else
#define SALN_HD
#endif
#define SALN_INLINE SALN_HD inline __attribute__((always_inline))

namespace saln {
inline namespace SALN_VARIANT {

template <class V>
struct Element;
template <>
struct Element<float> {
  using Scalar = float;
  using Bits = uint32_t;
  using Mask = bool;
};
template <>
struct Element<double> {
  using Scalar = double;
  using Bits = uint64_t;
  using Mask = bool;
};
template <class V>
using ScalarOf = typename Element<V>::Scalar;
template <class V>
using BitsOf = typename Element<V>::Bits;
template <class V>
using MaskOf = typename Element<V>::Mask;

// Facts of the arithmetic. `off_floor` bounds the squared off-diagonal of a tridiagonal matrix of norm 1 to 2 from
// below: a perturbation under half an ulp of the norm that keeps the Sturm recurrence from ever meeting (0, 0).
template <class T>
struct Arithmetic;
template <>
struct Arithmetic<float> {
  static constexpr float eps = 5.9604645e-8f;  // unit roundoff
  static constexpr float tiny = 1e-30f;
  static constexpr float smallest_normal = 0x1p-126f;
  static constexpr float smallest_square = 0x1p-80f, largest_square = 0x1p100f;
  static constexpr float off_floor = 1e-15f;
  static constexpr uint32_t exponent_mask = 0x7f800000u;
  static constexpr uint32_t reciprocal_exponent = 0x7f000000u;
  static constexpr int sign_shift = 31;
  static constexpr int bisections = 26;
};
template <>
struct Arithmetic<double> {
  static constexpr double eps = 1.1102230246251565e-16;
  static constexpr double tiny = 1e-200;
  static constexpr double smallest_normal = 0x1p-1022;
  static constexpr double smallest_square = 0x1p-900, largest_square = 0x1p900;
  static constexpr double off_floor = 1e-32;
  static constexpr uint64_t exponent_mask = 0x7ff0000000000000u;
  static constexpr uint64_t reciprocal_exponent = 0x7fe0000000000000u;
  static constexpr int sign_shift = 63;
  static constexpr int bisections = 55;
};

SALN_INLINE uint32_t to_bits(float x) {
  uint32_t u;
  memcpy(&u, &x, sizeof u);
  return u;
}
SALN_INLINE uint64_t to_bits(double x) {
  uint64_t u;
  memcpy(&u, &x, sizeof u);
  return u;
}
SALN_INLINE float from_bits(uint32_t u) {
  float x;
  memcpy(&x, &u, sizeof x);
  return x;
}
SALN_INLINE double from_bits(uint64_t u) {
  double x;
  memcpy(&x, &u, sizeof x);
  return x;
}

template <class V>
struct Splat {
  static SALN_INLINE V of(V x) { return x; }
};
template <class V>
SALN_INLINE V splat(ScalarOf<V> x) {
  return Splat<V>::of(x);
}
template <class V>
SALN_INLINE BitsOf<V> splat_bits(BitsOf<ScalarOf<V>> x) {
  return Splat<BitsOf<V>>::of(x);
}

SALN_INLINE float absolute(float x) { return fabsf(x); }
SALN_INLINE double absolute(double x) { return fabs(x); }
SALN_INLINE float square_root(float x) { return sqrtf(x); }
SALN_INLINE double square_root(double x) { return sqrt(x); }
SALN_INLINE float larger(float a, float b) { return a > b ? a : b; }
SALN_INLINE double larger(double a, double b) { return a > b ? a : b; }
SALN_INLINE float smaller(float a, float b) { return a < b ? a : b; }
SALN_INLINE double smaller(double a, double b) { return a < b ? a : b; }
SALN_INLINE bool less(float a, float b) { return a < b; }
SALN_INLINE bool less(double a, double b) { return a < b; }
SALN_INLINE bool less(uint32_t a, uint32_t b) { return a < b; }
SALN_INLINE bool less(uint64_t a, uint64_t b) { return a < b; }
SALN_INLINE bool any(bool m) { return m; }
SALN_INLINE float select(bool m, float a, float b) { return m ? a : b; }
SALN_INLINE double select(bool m, double a, double b) { return m ? a : b; }

// 2^e for x = m·2^e with 1 ≤ m < 2; 0 for 0.
template <class V>
SALN_INLINE V power_of_two(V x) {
  using A = Arithmetic<ScalarOf<V>>;
  return from_bits(to_bits(x) & splat_bits<V>(A::exponent_mask));
}

// Whether the sum of a row's squares kept its precision, and products of such rows are finite.
template <class T>
SALN_HD bool is_plain_square(T square) {
  return square >= Arithmetic<T>::smallest_square && square <= Arithmetic<T>::largest_square;
}

// A power of two by which a row whose largest magnitude is x > 0 is multiplied so that its square is plain.
template <class T>
SALN_HD T rescaling(T x) {
  constexpr T least = Arithmetic<T>::smallest_normal, most = T(1) / least;
  const T unit = power_of_two(x);
  return !(unit > least) ? most : unit >= most ? least : T(1) / unit;
}

}  // namespace SALN_VARIANT
}  // namespace saln
