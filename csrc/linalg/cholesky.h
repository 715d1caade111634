// log det of a symmetric positive definite matrix by Cholesky factorisation; NaN where it is not definite.
#pragma once
#include "linalg/element.h"

namespace saln {
inline namespace SALN_VARIANT {

// a: packed lower triangle by rows, n(n + 1)/2, overwritten. Leaves the pivots (squares of the factor's diagonal) on
// the diagonal: the caller adds up their logarithms.
template <class V>
SALN_HD void cholesky_pivots(int n, V* a) {
  for (int i = 0; i < n; ++i) {
    V* row = a + i * (i + 1) / 2;
    V pivot = row[i];
    for (int j = 0; j < i; ++j) {
      const V* other = a + j * (j + 1) / 2;
      V dot = splat<V>(0);
      for (int l = 0; l < j; ++l) dot = dot + row[l] * other[l];
      const V scaled = row[j] - dot;  // L_ij √pivot_j
      row[j] = scaled;
    }
    for (int j = 0; j < i; ++j) {
      const V diagonal = a[j * (j + 1) / 2 + j];
      const V unit = row[j] / diagonal;
      pivot = pivot - row[j] * unit;
      row[j] = unit;
    }
    row[i] = pivot;
  }
}

}  // namespace SALN_VARIANT
}  // namespace saln
