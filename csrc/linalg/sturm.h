// Eigenvalues of symmetric tridiagonal matrices by bisection on Sturm counts (Givens 1954; Barth, Martin & Wilkinson
// 1967). The determinant recurrence is used without divisions: pairs are rescaled by powers of two every four steps,
// which is exact, so a count is that of a matrix within an ulp or two of the given one.
#pragma once
#include "linalg/element.h"

namespace saln {
inline namespace SALN_VARIANT {

// Scales d [n] and e [n − 1] in place to a matrix of norm at most 2 and fills e2 [n − 1]. Returns the power of two
// that undoes it: 0 for the zero matrix.
template <class V>
SALN_HD V normalize_tridiagonal(int n, V* d, V* e, V* e2) {
  using T = ScalarOf<V>;
  V norm = splat<V>(0);
  for (int i = 0; i < n; ++i) {
    V reach = absolute(d[i]);
    if (i > 0) reach = reach + absolute(e[i - 1]);
    if (i + 1 < n) reach = reach + absolute(e[i]);
    norm = larger(norm, reach);
  }
  const V scale = power_of_two(norm);
  const V inverse = select(less(splat<V>(0), scale), splat<V>(1) / scale, splat<V>(0));
  for (int i = 0; i < n; ++i) d[i] = d[i] * inverse;
  for (int i = 0; i + 1 < n; ++i) {
    e[i] = e[i] * inverse;
    e2[i] = larger(e[i] * e[i], splat<V>(Arithmetic<T>::off_floor));
  }
  return scale;
}

// Below every eigenvalue of a normalised matrix: rows that hold it as their diagonal never count.
template <class V>
SALN_INLINE V padding_diagonal() {
  return splat<V>(-8);
}

// count[j] = number of eigenvalues below x[j]. `d(i)`, `e2(i)` give the entries as V.
template <int J, class V, class Diagonal, class Square>
SALN_INLINE void count_below(int n, const Diagonal& d, const Square& e2, const V (&x)[J], BitsOf<V> (&count)[J]) {
  using A = Arithmetic<ScalarOf<V>>;
  const auto exponent_mask = splat_bits<V>(A::exponent_mask);
  const auto reciprocal = splat_bits<V>(A::reciprocal_exponent);
  V now[J], before[J];
  for (int j = 0; j < J; ++j) {
    before[j] = splat<V>(1);
    now[j] = d(0) - x[j];
    count[j] = to_bits(now[j]) >> A::sign_shift;
  }
  const auto step = [&](int i) __attribute__((always_inline)) {
    const V di = d(i), ei = e2(i - 1);
    for (int j = 0; j < J; ++j) {
      const V next = (di - x[j]) * now[j] - ei * before[j];
      count[j] = count[j] + ((to_bits(next) ^ to_bits(now[j])) >> A::sign_shift);
      before[j] = now[j];
      now[j] = next;
    }
  };
  const auto rescale = [&]() __attribute__((always_inline)) {
    for (int j = 0; j < J; ++j) {
      const V big = larger(absolute(now[j]), absolute(before[j]));
      const V factor = from_bits(reciprocal - (to_bits(big) & exponent_mask));
      now[j] = now[j] * factor;
      before[j] = before[j] * factor;
    }
  };
  int i = 1;
  for (; i + 4 <= n; i += 4) {
    step(i);
    step(i + 1);
    step(i + 2);
    step(i + 3);
    rescale();
  }
  for (; i < n; ++i) step(i);
}

// Bisects J eigenvalues at once: x[j] becomes the largest number (to the last bit of the norm) that fewer than
// limit[j] eigenvalues lie below. For the r-th largest of n that is limit = n − r, r from 0.
template <int J, class V, class Diagonal, class Square>
SALN_INLINE void bisect(int n, const Diagonal& d, const Square& e2, const BitsOf<V> (&limit)[J], V (&x)[J]) {
  using T = ScalarOf<V>;
  V low[J], high[J];
  for (int j = 0; j < J; ++j) {
    low[j] = splat<V>(-2);
    high[j] = splat<V>(2);
  }
  for (int round = 0; round < Arithmetic<T>::bisections; ++round) {
    BitsOf<V> count[J];
    for (int j = 0; j < J; ++j) x[j] = splat<V>(T(0.5)) * (low[j] + high[j]);
    count_below<J, V>(n, d, e2, x, count);
    for (int j = 0; j < J; ++j) {
      const auto above = less(count[j], limit[j]);
      low[j] = select(above, x[j], low[j]);
      high[j] = select(above, high[j], x[j]);
    }
  }
  for (int j = 0; j < J; ++j) x[j] = splat<V>(T(0.5)) * (low[j] + high[j]);
}

}  // namespace SALN_VARIANT
}  // namespace saln
