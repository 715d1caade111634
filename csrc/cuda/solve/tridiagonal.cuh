// Eigenpairs of a symmetric tridiagonal matrix by the threads of a group: multisection on Sturm counts
// (linalg/sturm.h), inverse iteration (linalg/inverse_iteration.h), and the way back through the reflectors.
#pragma once
#include "cuda/gram/transform.cuh"
#include "linalg/inverse_iteration.h"
#include "linalg/sturm.h"

namespace saln::device {

// As linalg's normalize_tridiagonal. Ends with a barrier.
template <class T, class G>
SALN_DEVICE T normalize(G& g, int n, T* d, T* e, T* e2) {
  T norm = 0;
  each_row(g, n, [&](int i) {
    T reach = absolute(d[i]);
    if (i > 0) reach += absolute(e[i - 1]);
    if (i + 1 < n) reach += absolute(e[i]);
    norm = larger(norm, reach);
  });
  const T scale = power_of_two(g.max(norm));
  const T inverse = T(0) < scale ? T(1) / scale : T(0);
  g.sync();
  each_row(g, n, [&](int i) {
    d[i] *= inverse;
    if (i + 1 == n) return;
    e[i] *= inverse;
    e2[i] = larger(e[i] * e[i], Arithmetic<T>::off_floor);
  });
  g.sync();
  return scale;
}

// J eigenvalues a thread, or `lanes` threads an eigenvalue: every round splits an interval at `lanes` points.
template <int J, class T, class G>
SALN_DEVICE void multisect(const G& g, int n, int first, int count, int lanes, const T* d, const T* e2, T* out) {
  const int each = G::threads / lanes, mine = g.rank / lanes, place = g.rank % lanes;
  if (first + g.warp * 32 / lanes >= count) return;
  const T part = T(1) / T(lanes + 1), enough = T(4) / T(uint64_t(1) << Arithmetic<T>::bisections);
  T low[J], width = T(4);
  BitsOf<T> limit[J];
  for (int q = 0; q < J; ++q) {
    const int index = first + q * each + mine;
    limit[q] = index < n ? n - index : 0;
    low[q] = T(-2);
  }
  for (; width > enough; width *= part) {
    T x[J];
    BitsOf<T> below[J];
    for (int q = 0; q < J; ++q) x[q] = low[q] + width * (part * T(place + 1));
    count_below<J, T>(n, [d](int i) { return d[i]; }, [e2](int i) { return e2[i]; }, x, below);
    for (int q = 0; q < J; ++q) {
      const uint32_t votes = ballot(below[q] < limit[q]) >> (g.lane - place);
      const int under = count_bits(votes & uint32_t((uint64_t(1) << lanes) - 1));
      low[q] += width * (part * T(under));
    }
  }
  for (int q = 0; q < J; ++q) {
    const int index = first + q * each + mine;
    if (place == 0 && index < count) out[index] = low[q] + T(0.5) * width;
  }
}

// out [count]: the leading eigenvalues of the normalised matrix, descending. Ends with a barrier.
template <class T, class G>
SALN_DEVICE void leading_values(const G& g, int n, int count, const T* d, const T* e2, T* out) {
  // Small groups share a multiprocessor with many: few points at a time cost the fewest instructions. Large ones are
  // alone, and wait least for many.
  int lanes = G::threads < 128 ? 4 : 32;
  while (lanes > 1 && lanes * count > G::threads) lanes /= 2;
  const int each = G::threads / lanes;
  if (count > each)
    for (int first = 0; first < count; first += 2 * each) multisect<2>(g, n, first, count, lanes, d, e2, out);
  else
    multisect<1>(g, n, 0, count, lanes, d, e2, out);
  g.sync();
}

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
  const T close = T(1e-3);
  each_row(g, count, [&](int j) {
    TridiagonalLU<T> lu(n, work + int64_t(j) * 5 * n);
    lu.factor(n, d, e, lambda[j]);
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
