// The leading eigenvalues of a symmetric tridiagonal matrix by the threads of a group: multisection on Sturm counts.
#pragma once
#include "cuda/gram/transform.cuh"
#include "linalg/sturm.h"

namespace saln::device {

// Rows are read in blocks of so many: arrays of diagonals and squares have room for whole ones.
constexpr int kRowBlock = 8;
SALN_HD constexpr int64_t whole_blocks(int64_t n) { return (n + kRowBlock - 1) / kRowBlock * kRowBlock; }

// A matrix scaled by a power of two: its norm, then at most 2, and what undoes it, 0 for the zero matrix.
template <class T>
struct Normalized {
  T norm, scale;
};

// As linalg's normalize_tridiagonal, but squares[i] is e[i − 1]², and rows from n on to the end of a block are far
// above every eigenvalue. Ends with a barrier.
template <class T, class G>
SALN_DEVICE Normalized<T> normalize(G& g, int n, T* d, T* e, T* squares) {
  T norm = 0;
  each_row(g, n, [&](int i) {
    T reach = absolute(d[i]);
    if (i > 0) reach += absolute(e[i - 1]);
    if (i + 1 < n) reach += absolute(e[i]);
    norm = larger(norm, reach);
  });
  norm = g.max(norm);
  const T scale = power_of_two(norm), inverse = T(0) < scale ? T(1) / scale : T(0);
  g.sync();
  each_row(g, int(whole_blocks(n)), [&](int i) {
    d[i] = i < n ? d[i] * inverse : T(8);
    T square = 0;
    if (i + 1 < n) {
      e[i] *= inverse;
      square = e[i] * e[i];
    }
    squares[i + 1 < whole_blocks(n) ? i + 1 : 0] = larger(square, Arithmetic<T>::off_floor);
  });
  g.sync();
  return {norm * inverse, scale};
}

// Eigenvalues below x, by quotients of leading minors, q ← d − x − e²/q: as many as are negative (Barth, Martin &
// Wilkinson 1967). After a zero the next is infinite, and after that its reciprocal 0: squares are not. Reciprocals err
// by two ulp, which is as if the off-diagonals did by one.
SALN_DEVICE uint32_t count_below(int n, const float* d, const float* squares, float x) {
  uint32_t count = 0;
  float inverse = 0;
  for (int row = 0; row < n; row += kRowBlock)
#pragma unroll
    for (int i = row; i < row + kRowBlock; i += 4) {
      float diagonal[4], square[4];
      load_four(d + i, diagonal);
      load_four(squares + i, square);
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        const float q = (diagonal[k] - x) - square[k] * inverse;
        count += to_bits(q) >> Arithmetic<float>::sign_shift;
        inverse = reciprocal(q);
      }
    }
  return count;
}

// Of doubles a reciprocal is long work: by the minors themselves.
SALN_DEVICE uint32_t count_below(int n, const double* d, const double* squares, double x) {
  const double point[1] = {x};
  uint64_t count[1];
  saln::count_below<1, double>(
      n, [d](int i) { return d[i]; }, [squares](int i) { return squares[i + 1]; }, point, count);
  return uint32_t(count[0]);
}

// Eigenvalues first, first + 1 … by a warp, `lanes` threads each: every round splits an interval at `lanes` points. The
// first round is one for all of them, at 32 points.
template <class T, class G>
SALN_DEVICE void multisect(const G& g, int n, int first, int count, int lanes, const T* d, const T* squares, T norm,
                           T* out) {
  constexpr T kAll = T(1) / T(33), kEnough = T(4) / T(uint64_t(1) << Arithmetic<T>::bisections);
  const int place = g.lane % lanes, index = first + g.lane / lanes;
  const uint32_t limit = index < n ? n - index : 0, mine = ~0u >> (32 - lanes) << (g.lane - place);
  T width = 2 * norm * kAll;
  const uint32_t below = count_below(n, d, squares, width * T(g.lane + 1) - norm);
  int under = 0;
  for (int step = 16; step > 0; step /= 2) under += shuffle(below, under + step - 1) < limit ? step : 0;
  under += shuffle(below, under) < limit;
  T low = width * T(under) - norm;
  const T part = T(1) / T(lanes + 1);
  while (width > kEnough) {
    width *= part;
    const uint32_t votes = ballot(count_below(n, d, squares, low + width * T(place + 1)) < limit);
    low += width * T(count_bits(votes & mine));
  }
  if (place == 0 && index < count) out[index] = low + T(0.5) * width;
}

// out [count]: the leading eigenvalues of the normalised matrix, descending. Ends with a barrier.
template <class T, class G>
SALN_DEVICE void leading_values(const G& g, int n, int count, const T* d, const T* squares, T norm, T* out) {
  int lanes = 32;
  while (lanes > 1 && lanes * count > G::threads) lanes /= 2;
  const int each = 32 / lanes;
  for (int first = g.warp * each; first < count; first += G::warps * each)
    multisect(g, n, first, count, lanes, d, squares, norm, out);
  g.sync();
}

}  // namespace saln::device
