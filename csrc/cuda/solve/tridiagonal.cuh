// Eigenvectors of a symmetric tridiagonal matrix by the threads of a group: inverse iteration
// (linalg/inverse_iteration.h), and the way back through the reflectors.
#pragma once
#include "cuda/gram/transform.cuh"
#include "linalg/inverse_iteration.h"

namespace saln::device {

// Eigenvalues of a normalised matrix so close share a space, of which their vectors are a basis.
constexpr double kClose = 1e-3;

// z loses its parts along vectors first … j − 1 of basis [.., n]: their coefficients at once, a warp a vector.
// along [j]; ends with a barrier.
template <class T, class G>
SALN_DEVICE void remove(const G& g, int n, const T* basis, int64_t ld, int first, int j, T* z, T* along) {
  for (int q = first + g.warp; q < j; q += G::warps) {
    T dot = 0;
    for (int i = g.lane; i < n; i += 32) dot += basis[q * ld + i] * z[i];
    dot = warp_sum(dot);
    if (g.lane == 0) along[q] = dot;
  }
  g.sync();
  each_row(g, n, [&](int i) {
    T total = 0;
    for (int q = first; q < j; ++q) total += along[q] * basis[q * ld + i];
    z[i] -= total;
  });
  g.sync();
}

template <class T, class G>
SALN_DEVICE void make_unit(G& g, int n, T* z) {
  T top = 0, sum = 0;
  each_row(g, n, [&](int i) { top = larger(top, absolute(z[i])); });
  top = g.max(top);
  const T scale = top > T(0) ? T(1) / top : T(0);
  each_row(g, n, [&](int i) { sum += (z[i] * scale) * (z[i] * scale); });
  sum = g.sum(sum);
  const T inverse = sum > T(0) ? scale / square_root(sum) : T(0);
  each_row(g, n, [&](int i) { z[i] *= inverse; });
  g.sync();
}

// vectors [count, n] of the normalised matrix (d, e) for its values lambda [count], descending. All are solved for side
// by side, a thread each, and then orthogonalised in order. work [count, 5n], along [count]. Ends with a barrier.
template <class T, class G>
SALN_DEVICE void tridiagonal_vectors(G& g, int n, int count, const T* d, const T* e, const T* lambda, T* vectors,
                                     T* work, T* along) {
  const T close = T(kClose);
  each_row(g, count, [&](int j) {
    TridiagonalLU<T> lu(n, work + int64_t(j) * 5 * n);
    lu.factor(n, d, e, beside<T>(lambda[j]));
    for (int i = 0; i < n; ++i) vectors[int64_t(j) * n + i] = T(philox_uniform(0, uint32_t(j), uint64_t(i)));
  });
  for (int round = 0; round < 3; ++round) {
    each_row(g, count, [&](int j) {
      const TridiagonalLU<T> lu(n, work + int64_t(j) * 5 * n);
      lu.solve(n, vectors + int64_t(j) * n);
      saln::make_unit(n, vectors + int64_t(j) * n);
    });
    g.sync();
    int first = 0;
    for (int j = 1; j < count; ++j) {
      while (first < j && lambda[first] - lambda[j] >= close) ++first;
      T* z = vectors + int64_t(j) * n;
      if (first == j) continue;
      remove(g, n, vectors, n, first, j, z, along);
      remove(g, n, vectors, n, first, j, z, along);
      make_unit(g, n, z);
    }
  }
  for (int j = 1; j < count; ++j) {
    T* z = vectors + int64_t(j) * n;
    remove(g, n, vectors, n, 0, j, z, along);
    make_unit(g, n, z);
  }
  g.sync();
}

// z [count, n] ← Q z through the reflectors that the tile keeps, a warp a vector.
template <class T, class G>
SALN_DEVICE void apply_reflectors(const G& g, const Tile<T>& tile, int count, const T* tau, T* vectors) {
  const int n = tile.n;
  for (int j = g.warp; j < count; j += G::warps) {
    T* z = vectors + int64_t(j) * n;
    for (int r = 1; r < n; ++r) {
      const T* u = tile.row(r);
      T dot = 0;
      for (int i = g.lane; i < r; i += 32) dot += u[i] * z[i];
      dot = warp_sum(dot) * tau[r];
      for (int i = g.lane; i < r; i += 32) z[i] -= dot * u[i];
    }
  }
  g.sync();
}

// The entry of largest magnitude of every vector, the first of its size, becomes positive; a warp a vector.
template <class T, class G>
SALN_DEVICE void fix_signs(const G& g, int n, int count, T* vectors) {
  for (int j = g.warp; j < count; j += G::warps) {
    T* z = vectors + int64_t(j) * n;
    T top = -1;
    int where = 0;
    for (int i = g.lane; i < n; i += 32)
      if (absolute(z[i]) > top) {
        top = absolute(z[i]);
        where = i;
      }
    for (int mask = 16; mask > 0; mask /= 2) {
      const T other = shuffle_xor(top, mask);
      const int place = shuffle_xor(where, mask);
      if (other > top || (other == top && place < where)) {
        top = other;
        where = place;
      }
    }
    const bool negative = z[where] < T(0);
    sync_warp();
    if (negative)
      for (int i = g.lane; i < n; i += 32) z[i] = -z[i];
  }
  g.sync();
}

}  // namespace saln::device
