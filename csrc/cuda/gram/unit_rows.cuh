// The length of rows whose squares leave the range of their type: what `cosine` divides by.
#pragma once
#include "cuda/machine/elements.cuh"
#include "cuda/machine/group.cuh"
#include "linalg/element.h"

namespace saln::device {

// x/‖x‖ = inverse · (rescaled · x): `rescaled` is a power of two, 1 where the square of x is plain. `inverse` is 0 for
// a row of zeros and NaN for one that is not finite.
template <class T>
struct UnitRow {
  T rescaled, inverse;
};

// The power of two by which row number `row` is multiplied so that its square is plain; 1 where it is zero or not
// finite. By a warp, in every lane.
template <class T>
SALN_DEVICE T row_rescaling(const View& f, int64_t row) {
  T top = 0, poison = 0;
  for (int64_t t = thread_rank() % 32; t < f.cols; t += 32) {
    const T x = entry<T>(f, row * f.row_stride + t * f.col_stride);
    top = larger(absolute(x), top);
    poison += x * T(0);
  }
  for (int mask = 16; mask > 0; mask /= 2) top = larger(shuffle_xor(top, mask), top);
  return top > T(0) && warp_sum(poison) == T(0) ? rescaling(top) : T(1);
}

// Σ_t (factor x_t)(other y_t) over rows number `a` and `b`, by a warp, in every lane.
template <class T>
SALN_DEVICE T rescaled_product(const View& f, int64_t a, T factor, int64_t b, T other) {
  T total = 0;
  for (int64_t t = thread_rank() % 32; t < f.cols; t += 32)
    total += factor * entry<T>(f, a * f.row_stride + t * f.col_stride) *
             (other * entry<T>(f, b * f.row_stride + t * f.col_stride));
  return warp_sum(total);
}

// By a warp, in every lane.
template <class T>
SALN_DEVICE UnitRow<T> unit_row(const View& f, int64_t row) {
  UnitRow<T> unit{T(1), T(0)};
  T square = rescaled_product<T>(f, row, T(1), row, T(1));
  if (!is_plain_square(square)) {
    unit.rescaled = row_rescaling<T>(f, row);
    square = rescaled_product<T>(f, row, unit.rescaled, row, unit.rescaled);
  }
  unit.inverse = square > T(0) ? T(1) / square_root(square) : T(0) * square;
  return unit;
}

}  // namespace saln::device
