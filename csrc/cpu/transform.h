// From the raw Gram tile to the matrix whose spectrum is asked for, in the order of docs/design.md.
#pragma once
#include "core/problem.h"
#include "cpu/simd.h"

namespace saln {
inline namespace SALN_VARIANT {

// A symmetric matrix in scratch memory, rows `ld` apart.
template <class T>
struct Tile {
  T* data;
  int64_t ld;
  int n = 0;
  bool full = false;     // both triangles hold values, not the lower one alone
  T* trivial = nullptr;  // [n] the eigenvector every graph has, where a Fiedler pair is asked for
  T sigma = 0;           // what was added along it
  SALN_INLINE T* row(int i) const { return data + i * ld; }
};

template <class T>
void mirror(Tile<T>& tile) {
  if (tile.full) return;
  for (int i = 1; i < tile.n; ++i)
    for (int j = 0; j < i; ++j) tile.row(j)[i] = tile.row(i)[j];
  tile.full = true;
}

// Fills the blocks of width × width on the diagonal only.
template <class T>
void mirror_blocks(Tile<T>& tile) {
  if (tile.full) return;
  for (int i = 1; i < tile.n; ++i)
    for (int j = i / kWidth<T> * kWidth<T>; j < i; ++j) tile.row(j)[i] = tile.row(i)[j];
}

template <class T>
SALN_INLINE bool is_finite(T x) {
  return x - x == T(0);
}

// Largest magnitude of the lower triangle; NaN if any entry is not finite.
template <class T>
T magnitude(const Tile<T>& tile) {
  using V = Vec<T>;
  constexpr int W = kWidth<T>;
  V top = splat<V>(0), poison = splat<V>(0);
  for (int i = 0; i < tile.n; ++i) {
    const T* row = tile.row(i);
    for (int j = 0; j <= i; j += W) {
      const V x = i + 1 - j >= W ? load(row + j) : load_first(row + j, i + 1 - j);
      top = larger(absolute(x), top);
      poison = poison + x * splat<V>(0);
    }
  }
  T result = 0;
  for (int l = 0; l < W; ++l) result = larger(top.v[l], result);
  return result + sum(poison);
}

template <class T>
void multiply(Tile<T>& tile, T factor) {
  for (int i = 0; i < tile.n; ++i) {
    T* row = tile.row(i);
    const int end = tile.full ? tile.n : i + 1;
    for (int j = 0; j < end; ++j) row[j] *= factor;
  }
}

// K_ij ← s_i K_ij s_j.
template <class T>
void scale_both_sides(Tile<T>& tile, const T* s) {
  for (int i = 0; i < tile.n; ++i) {
    T* row = tile.row(i);
    const int end = tile.full ? tile.n : i + 1;
    for (int j = 0; j < end; ++j) row[j] = row[j] * s[i] * s[j];
  }
}

template <class T>
void to_cosine(Tile<T>& tile, T* work) {
  for (int i = 0; i < tile.n; ++i) {
    const T square = tile.row(i)[i];
    work[i] = square > T(0) ? T(1) / square_root(square) : T(0);
  }
  scale_both_sides(tile, work);
  for (int i = 0; i < tile.n; ++i)
    if (work[i] > T(0)) tile.row(i)[i] = T(1);
}

template <class T>
void to_rbf(Tile<T>& tile, T gamma, T* work) {
  for (int i = 0; i < tile.n; ++i) work[i] = tile.row(i)[i];
  for (int i = 0; i < tile.n; ++i) {
    T* row = tile.row(i);
    for (int j = 0; j < i; ++j) row[j] = std::exp(-gamma * larger(work[i] + work[j] - 2 * row[j], T(0)));
    row[i] = T(1);
  }
}

// Centering can cancel everything (duplicates do): what is left then is rounding, and counts as zero.
template <class T>
SALN_INLINE T cancelled(T before, int n) {
  return before * T(8 + n) * Arithmetic<T>::eps;
}

// K ← H K H, H = I − 11ᵀ/n; `before` is the magnitude of K. work [n]
template <class T>
void double_center(Tile<T>& tile, T before, T* work) {
  mirror(tile);
  const int n = tile.n;
  T* mean = work;
  for (int j = 0; j < n; ++j) mean[j] = 0;
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) mean[j] += tile.row(i)[j];
  T all = 0;
  for (int j = 0; j < n; ++j) {
    mean[j] /= T(n);
    all += mean[j];
  }
  all /= T(n);
  for (int i = 0; i < n; ++i) {
    const T shift = mean[i] - all;
    for (int j = 0; j < n; ++j) tile.row(i)[j] -= shift + mean[j];
  }
  if (magnitude(tile) <= cancelled(before, n)) multiply(tile, T(0));
}

// W ← K without its diagonal, negatives handled; degree [n] = row sums of W.
template <class T>
void to_weights(Tile<T>& tile, Negative negative, T* degree) {
  mirror(tile);
  const int n = tile.n;
  for (int i = 0; i < n; ++i) tile.row(i)[i] = 0;
  if (negative != Negative::keep) {
    T shift = 0;
    if (negative == Negative::shift)
      for (int i = 0; i < n; ++i)
        for (int j = 0; j < n; ++j) shift = smaller(shift, tile.row(i)[j]);
    for (int i = 0; i < n; ++i)
      for (int j = 0; j < n; ++j) tile.row(i)[j] = larger(tile.row(i)[j] - shift, T(0));
    for (int i = 0; i < n; ++i) tile.row(i)[i] = 0;
  }
  for (int j = 0; j < n; ++j) degree[j] = 0;
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) degree[j] += tile.row(i)[j];
}

// The Laplacian in place; trivial [n] becomes the eigenvector that every graph has (1 or D^½1), of unit norm. Returns
// the smallest positive degree that was divided by, 1 where none was.
template <class T>
T to_laplacian(Tile<T>& tile, Laplacian kind, Negative negative, T* degree) {
  to_weights(tile, negative, degree);
  const int n = tile.n;
  T weakest = T(1);
  if (kind == Laplacian::symmetric) {
    T total = 0;
    for (int i = 0; i < n; ++i) total += degree[i];
    for (int i = 0; i < n; ++i)
      if (degree[i] > T(0)) weakest = smaller(weakest, degree[i]);
    for (int i = 0; i < n; ++i) {
      if (tile.trivial) tile.trivial[i] = total > T(0) ? square_root(degree[i] / total) : T(1) / square_root(T(n));
      degree[i] = degree[i] > T(0) ? T(1) / square_root(degree[i]) : T(0);
    }
    scale_both_sides(tile, degree);
    for (int i = 0; i < n; ++i) degree[i] = degree[i] > T(0) ? T(1) : T(0);
  } else if (tile.trivial) {
    for (int i = 0; i < n; ++i) tile.trivial[i] = T(1) / square_root(T(n));
  }
  for (int i = 0; i < n; ++i) {
    T* row = tile.row(i);
    for (int j = 0; j < n; ++j) row[j] = -row[j];
    row[i] = degree[i];
  }
  return weakest;
}

// L ← −(L + σ t tᵀ), t = trivial: its largest eigenvalue is minus the smallest of L away from t. σ must lie above that
// one, and no higher than need be, since it costs accuracy: the mean of the others, tr L/(n − 1), doubled.
template <class T>
void deflate_and_negate(Tile<T>& tile) {
  const int n = tile.n;
  const T* t = tile.trivial;
  T trace = 0;
  for (int i = 0; i < n; ++i) trace += tile.row(i)[i];
  const T reach = magnitude(tile) * T(n);
  tile.sigma = trace > T(0) ? 2 * trace / T(n > 1 ? n - 1 : 1) : reach > T(0) ? reach : T(1);
  for (int i = 0; i < n; ++i) {
    T* row = tile.row(i);
    for (int j = 0; j < n; ++j) row[j] = -row[j] - tile.sigma * t[i] * t[j];
  }
}

struct Moments {
  double trace = 0, square = 0, variance = 0;  // tr K, ‖K‖_F², ‖K − (tr/n) I‖_F²/n
};

// of the n×n matrix whose lower triangle the tile holds
template <class T>
Moments moments(const Tile<T>& tile, int n) {
  using V = Vec<T>;
  constexpr int W = kWidth<T>;
  Moments m;
  V off = splat<V>(0);
  for (int i = 0; i < tile.n; ++i) {
    const T* row = tile.row(i);
    for (int j = 0; j < i; j += W) {
      const V x = i - j >= W ? load(row + j) : load_first(row + j, i - j);
      off = off + x * x;
    }
    m.trace += row[i];
    m.square += double(row[i]) * row[i];
  }
  double rest = 0;
  for (int l = 0; l < W; ++l) rest += off.v[l];
  const double mean = n > 0 ? m.trace / n : 0;
  for (int i = 0; i < tile.n; ++i) m.variance += (tile.row(i)[i] - mean) * (tile.row(i)[i] - mean);
  m.variance = n > 0 ? (m.variance + mean * mean * (n - tile.n) + 2 * rest) / n : 0;
  m.square += 2 * rest;
  return m;
}

}  // namespace SALN_VARIANT
}  // namespace saln
