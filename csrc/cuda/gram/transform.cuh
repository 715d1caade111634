// From the raw Gram tile to the matrix whose spectrum is asked for, in the order of docs/design.md. The tile is a lower
// triangle. Packed, 32 consecutive rows, or columns, of it lie in 32 different banks, since triangular numbers do. A
// pass that does not ask where an entry stands goes straight through memory, four numbers at a time.
#pragma once
#include "core/problem.h"
#include "cuda/machine/group.cuh"
#include "linalg/tridiagonalize.h"

namespace saln::device {

// Where row i of a tile starts whose rows are rounded up to quads of four columns: 16-byte accesses, and the 4×4 blocks
// on the diagonal have room for both triangles.
SALN_HD inline int quad_row(int i) {
  const int quad = i >> 2;
  return 4 * (quad + 1) * (2 * quad + (i & 3));
}

// Four consecutive numbers; float32 16-byte aligned.
template <class T>
SALN_DEVICE void load_quad(const T* from, T (&to)[4]) {
  if constexpr (sizeof(T) == 4) {
    load_four(from, to);
  } else {
    for (int e = 0; e < 4; ++e) to[e] = from[e];
  }
}
template <class T>
SALN_DEVICE void store_quad(T* to, const T (&from)[4]) {
  if constexpr (sizeof(T) == 4) {
    store_four(to, from[0], from[1], from[2], from[3]);
  } else {
    for (int e = 0; e < 4; ++e) to[e] = from[e];
  }
}

template <class T>
struct Tile {
  T* data;
  int n = 0;
  T* trivial = nullptr;  // [n] the eigenvector every graph has, where a Fiedler pair is asked for
  T sigma = 0;           // what was added along it
  bool quads = false;    // rows start where quad_row says

  SALN_DEVICE T* row(int i) const { return data + (quads ? quad_row(i) : packed_row(i)); }
  SALN_DEVICE T& at(int i, int j) const { return row(i)[j]; }  // j ≤ i
  // The numbers of all rows; in rows of quads those behind the diagonal too.
  SALN_DEVICE int extent() const { return quads ? quad_row(n) : packed_row(n); }
};

SALN_HD inline int64_t tile_elements(int64_t order, bool quads) {
  return quads ? quad_row(int(order + 3) / 4 * 4) : order * (order + 1) / 2;
}

// f(i) for every row, a thread a row.
template <class G, class F>
SALN_DEVICE void each_row(const G& g, int n, const F& f) {
#pragma unroll 1
  for (int i = g.rank; i < n; i += G::threads) f(i);
}

// f(i, j, entry) for every j ≤ i: a row is one warp's, and a lane keeps its column as long as it can.
template <class T, class G, class F>
SALN_DEVICE void each_entry(const G& g, const Tile<T>& tile, const F& f) {
#pragma unroll 1
  for (int first = 0; first < tile.n; first += 32) {
    const int j = first + g.lane;
#pragma unroll 1
    for (int i = first + g.warp; i < tile.n; i += G::warps)
      if (j <= i) f(i, j, tile.at(i, j));
  }
}

// f(x, e) for every number of the tile, e = 0 … 3 its place in a quad: as kWrite says, x is the number or a copy of it.
template <bool kWrite, class T, class G, class F>
SALN_DEVICE void each_number(const G& g, const Tile<T>& tile, const F& f) {
  const int end = tile.extent(), whole = end & ~3;
#pragma unroll 4
  for (int at = 4 * g.rank; at < whole; at += 4 * G::threads) {
    T x[4];
    load_quad(tile.data + at, x);
#pragma unroll
    for (int e = 0; e < 4; ++e) f(x[e], e);
    if constexpr (kWrite) store_quad(tile.data + at, x);
  }
  if (whole + g.rank >= end) return;
  T x = tile.data[whole + g.rank];
  f(x, 0);
  if constexpr (kWrite) tile.data[whole + g.rank] = x;
}

// Zeros behind the diagonal, for passes that see them. Ends with a barrier, where there are any.
template <class T, class G>
SALN_DEVICE void clear_gaps(const G& g, const Tile<T>& tile) {
  if (!tile.quads) return;
  each_row(g, tile.n, [&](int i) {
    T* row = tile.row(i);
    for (int j = i + 1; j & 3; ++j) row[j] = T(0);
  });
  g.sync();
}

// Σ_j K_ij, one thread's job
template <class T>
SALN_DEVICE T row_sum(const Tile<T>& tile, int i) {
  T total = 0;
  for (int j = 0; j < i; ++j) total += tile.at(i, j);
  for (int j = i; j < tile.n; ++j) total += tile.at(j, i);
  return total;
}

template <class T>
SALN_DEVICE bool is_finite(T x) {
  return x - x == T(0);
}

// Largest magnitude; NaN or infinite if any entry is.
template <class T, class G>
SALN_DEVICE T magnitude(G& g, const Tile<T>& tile) {
  T top = 0;
  each_number<false>(g, tile, [&](T x, int) { top = larger_or_nan(absolute(x), top); });
  return g.max_or_nan(top);
}

// The same; `square`: Σ x² over the numbers that are this thread's, infinite where it overflows.
template <class T, class G>
SALN_DEVICE T magnitude(G& g, const Tile<T>& tile, T& square) {
  T top = 0, sum[2] = {};
  each_number<false>(g, tile, [&](T x, int e) {
    top = larger_or_nan(absolute(x), top);
    sum[e % 2] += x * x;
  });
  square = sum[0] + sum[1];
  return g.max_or_nan(top);
}

template <class T, class G>
SALN_DEVICE T diagonal_sum(G& g, const Tile<T>& tile) {
  T total = 0;
  each_row(g, tile.n, [&](int i) { total += absolute(tile.at(i, i)); });
  return g.sum(total);
}

// Returns Σ x² over the numbers that are this thread's.
template <class T, class G>
SALN_DEVICE T multiply(const G& g, const Tile<T>& tile, T factor) {
  T square = 0;
  each_number<true>(g, tile, [&](T& x, int) {
    x *= factor;
    square += x * x;
  });
  g.sync();
  return square;
}

// K_ij ← s_i K_ij s_j
template <class T, class G>
SALN_DEVICE void scale_both_sides(const G& g, const Tile<T>& tile, const T* s) {
  each_entry(g, tile, [&](int i, int j, T& x) { x = x * s[i] * s[j]; });
  g.sync();
}

// work [n], here and below
template <class T, class G>
SALN_DEVICE void to_cosine(const G& g, const Tile<T>& tile, T* work) {
  each_row(g, tile.n, [&](int i) {
    const T square = tile.at(i, i);
    work[i] = square > T(0) ? T(1) / square_root(square) : T(0);
  });
  g.sync();
  scale_both_sides(g, tile, work);
  each_row(g, tile.n, [&](int i) {
    if (work[i] > T(0)) tile.at(i, i) = T(1);
  });
  g.sync();
}

template <class T, class G>
SALN_DEVICE void to_rbf(const G& g, const Tile<T>& tile, T gamma, T* work) {
  each_row(g, tile.n, [&](int i) { work[i] = tile.at(i, i); });
  g.sync();
  each_entry(g, tile,
             [&](int i, int j, T& x) { x = i == j ? T(1) : T(exp(-gamma * larger(work[i] + work[j] - 2 * x, T(0)))); });
  g.sync();
}

// Centering can cancel everything (duplicates do): what is left then is rounding, and counts as zero.
template <class T>
SALN_DEVICE T cancelled(T before, int n) {
  return before * T(8 + n) * Arithmetic<T>::eps;
}

// K ← H K H, H = I − 11ᵀ/n; `before` is the magnitude of K. Ends with a barrier.
template <class T, class G>
SALN_DEVICE void double_center(G& g, const Tile<T>& tile, T before, T* work) {
  const int n = tile.n;
  T total = 0;
  each_row(g, n, [&](int i) {
    work[i] = row_sum(tile, i) / T(n);
    total += work[i];
  });
  const T all = g.sum(total) / T(n);
  g.sync();
  each_entry(g, tile, [&](int i, int j, T& x) { x -= (work[i] - all) + work[j]; });
  g.sync();
  if (magnitude(g, tile) <= cancelled(before, n)) multiply(g, tile, T(0));
  g.sync();
}

// W ← K without its diagonal, negatives handled; degree [n] = row sums of W.
template <class T, class G>
SALN_DEVICE void to_weights(G& g, const Tile<T>& tile, Negative negative, T* degree) {
  T shift = 0;
  if (negative == Negative::shift) {
    each_entry(g, tile, [&](int i, int j, T x) {
      if (i != j) shift = smaller(shift, x);
    });
    shift = g.min(shift);
  }
  each_entry(g, tile, [&](int i, int j, T& x) {
    x = i == j ? T(0) : negative == Negative::keep ? x : larger(x - shift, T(0));
  });
  g.sync();
  each_row(g, tile.n, [&](int i) { degree[i] = row_sum(tile, i); });
  g.sync();
}

// The Laplacian in place; trivial [n] becomes the eigenvector that every graph has (1 or D^½1), of unit norm. Returns
// the smallest positive degree that was divided by, 1 where none was.
template <class T, class G>
SALN_DEVICE T to_laplacian(G& g, const Tile<T>& tile, Laplacian kind, Negative negative, T* degree) {
  const int n = tile.n;
  to_weights(g, tile, negative, degree);
  const bool symmetric = kind == Laplacian::symmetric;
  T weakest = 1, total = 0;
  if (symmetric) {
    each_row(g, n, [&](int i) {
      total += degree[i];
      if (degree[i] > T(0)) weakest = smaller(weakest, degree[i]);
    });
    total = g.sum(total);
    weakest = g.min(weakest);
  }
  g.sync();
  each_row(g, n, [&](int i) {
    const T d = degree[i];
    if (tile.trivial) tile.trivial[i] = total > T(0) ? square_root(d / total) : T(1) / square_root(T(n));
    if (symmetric) degree[i] = d > T(0) ? T(1) / square_root(d) : T(0);
  });
  g.sync();
  if (symmetric) scale_both_sides(g, tile, degree);
  each_entry(g, tile, [&](int i, int j, T& x) {
    x = i != j ? -x : !symmetric ? degree[i] : degree[i] > T(0) ? T(1) : T(0);
  });
  g.sync();
  return weakest;
}

// L ← −(L + σ t tᵀ), t = trivial: its largest eigenvalue is minus the smallest of L away from t. σ must lie above that
// one, and no higher than need be, since it costs accuracy: the mean of the others, tr L/(n − 1), doubled.
template <class T, class G>
SALN_DEVICE void deflate_and_negate(G& g, Tile<T>& tile, T top) {
  const int n = tile.n;
  const T* t = tile.trivial;
  T trace = 0;
  each_row(g, n, [&](int i) { trace += tile.at(i, i); });
  trace = g.sum(trace);
  const T reach = top * T(n);
  tile.sigma = trace > T(0) ? 2 * trace / T(n > 1 ? n - 1 : 1) : reach > T(0) ? reach : T(1);
  const T sigma = tile.sigma;
  each_entry(g, tile, [&](int i, int j, T& x) { x = -x - sigma * t[i] * t[j]; });
  g.sync();
}

struct Moments {
  double trace = 0, square = 0, variance = 0;  // tr K, ‖K‖_F², ‖K − (tr/n) I‖_F²/n
};

// tr K and ‖K‖_F²; `square`: Σ x² over the numbers of the triangle that are this thread's. The variance is left out.
template <class T, class G>
SALN_DEVICE Moments moments(G& g, const Tile<T>& tile, T square) {
  double trace = 0, whole = 2 * double(square);
  each_row(g, tile.n, [&](int i) {
    const double x = tile.at(i, i);
    trace += x;
    whole -= x * x;
  });
  Moments m;
  m.trace = g.sum(trace);
  m.square = g.sum(whole);
  return m;
}

// Of the real × real matrix whose nonzero part, or one with the same spectrum, is the tile. From differences: a matrix
// may be close to (tr/n) I.
template <class T, class G>
SALN_DEVICE double variance(G& g, const Tile<T>& tile, int real, double trace) {
  const double mean = trace / real;
  double total = 0;
  each_row(g, tile.n, [&](int i) {
    const double x = tile.at(i, i) - mean;
    total += x * x;
  });
  T off = 0;
  each_entry(g, tile, [&](int i, int j, T x) {
    if (i != j) off += x * x;
  });
  total = g.sum(total + 2 * double(off));
  return (total + mean * mean * (real - tile.n)) / real;
}

}  // namespace saln::device
