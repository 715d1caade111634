// How much of an eigenvector of a tridiagonal matrix is in its last component, without the vector.
#pragma once
#include "cuda/gram/transform.cuh"

namespace saln::device {

SALN_DEVICE float inverse_of(float x) { return reciprocal(x); }
SALN_DEVICE double inverse_of(double x) { return 1 / x; }

// The square of the last component of the unit eigenvector for the eigenvalue lambda of a normalised matrix, d [n] and
// squares [n] as `normalize` leaves them: one thread's job. From quotients of leading and of trailing minors follow the
// ratios of neighbouring components, towards the place where both quotients agree best (Parlett & Dhillon 1997,
// "Fernando's solution to Wilkinson's problem"). Right where lambda is far from the others. work [3 n]
template <class T>
SALN_DEVICE T last_component_squared(int n, const T* d, const T* squares, T lambda, T* work) {
  const T least = Arithmetic<T>::eps * Arithmetic<T>::eps, most = T(1e30);
  const auto inverse = [&](T quotient) {
    return inverse_of(absolute(quotient) > least ? quotient : quotient < T(0) ? -least : least);
  };
  // Of components i … n − 1 to i: the trailing quotient, the sum of squares, the last one's square.
  T *const trailing = work, *const tail = work + n, *const last = work + 2 * n;
  T quotient = d[n - 1] - lambda, sum = 1, square = 1;
  for (int i = n - 1;; --i) {
    trailing[i] = quotient, tail[i] = sum, last[i] = square;
    if (i == 0) break;
    const T over = inverse(quotient), step = squares[i] * over, ratio = step * over;
    quotient = d[i - 1] - lambda - step;
    sum = smaller(T(1) + ratio * sum, most);
    square = smaller(ratio * square, most);
  }
  T best = T(INFINITY), found = 0;
  quotient = d[0] - lambda, sum = 1;
  for (int i = 0;; ++i) {
    const T meeting = absolute(quotient + trailing[i] - (d[i] - lambda));
    if (meeting < best) {
      best = meeting;
      found = last[i] / (sum + tail[i] - T(1));
    }
    if (i + 1 == n) return found;
    const T over = inverse(quotient), step = squares[i + 1] * over;
    quotient = d[i + 1] - lambda - step;
    sum = smaller(T(1) + step * over * sum, most);
  }
}

}  // namespace saln::device
