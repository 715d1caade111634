// Random-start Lanczos with full reorthogonalisation (Golub & Van Loan §10.1; Musco & Musco 2015 for its accuracy from
// a random start), restarted with a fresh vector where the Krylov space is exhausted.
#pragma once
#include "cpu/dense.h"
#include "linalg/philox.h"

namespace saln {
inline namespace SALN_VARIANT {

template <class T>
struct Krylov {
  int steps = 0;
  T rest = 0;     // norm of what the last product left outside the space
  T dropped = 0;  // bound on the norm of what was taken for zero where the space was exhausted
};

// basis [steps + 1, ld], alpha [steps], beta [steps] (beta[s] couples s and s + 1), along [steps] scratch. apply(x, y):
// y [n] = K x. `norm`: any number of the size of ‖K‖, to tell breakdown.
template <class T, class Apply>
Krylov<T> lanczos(int n, int steps, uint64_t seed, T norm, const Apply& apply, T* basis, int64_t ld, T* alpha, T* beta,
                  T* along) {
  const auto orthogonalize = [&](T* y, int count) {  // classical Gram-Schmidt, twice
    for (int pass = 0; pass < 2; ++pass) remove_rows(basis, ld, count, n, y, along);
  };
  const auto start = [&](T* y, int s) {
    for (int attempt = 0; attempt < 3; ++attempt) {
      for (int i = 0; i < n; ++i) y[i] = T(philox_uniform(seed, uint32_t(1 + s + attempt * steps), uint64_t(i)));
      orthogonalize(y, s);
      const T length = square_root(dot(y, y, n));
      if (!(length > T(1e-3))) continue;
      for (int i = 0; i < n; ++i) y[i] /= length;
      return;
    }
  };
  const T breakdown = norm * T(4) * T(n) * Arithmetic<T>::eps;
  Krylov<T> space;
  space.steps = steps;
  start(basis, 0);
  for (int s = 0; s < steps; ++s) {
    T* q = basis + s * ld;
    T* y = q + ld;  // the basis has room for one more
    apply(q, y);
    alpha[s] = dot(q, y, n);
    orthogonalize(y, s + 1);
    beta[s] = square_root(dot(y, y, n));
    if (s + 1 == steps) break;
    if (beta[s] > breakdown) {
      for (int i = 0; i < n; ++i) y[i] /= beta[s];
    } else {
      space.dropped += beta[s] * beta[s];
      beta[s] = 0;
      start(y, s + 1);
    }
  }
  space.dropped = 2 * square_root(space.dropped);
  space.rest = steps == n ? T(0) : beta[steps - 1];
  return space;
}

}  // namespace SALN_VARIANT
}  // namespace saln
