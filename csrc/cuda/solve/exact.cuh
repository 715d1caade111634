// What follows a reduction to tridiagonal form: values, vectors, the way back.
#pragma once
#include "cuda/solve/multisection.cuh"
#include "cuda/solve/tridiagonal.cuh"

namespace saln::device {

template <class T>
struct Exact {
  T *d, *e, *squares, *tau;  // [order], d and squares in whole blocks
  T* values;                 // [count]

  template <class Near>
  SALN_HD Exact(int64_t order, int64_t count, Near& near)
      : d(near.template take<T>(whole_blocks(order))),
        e(near.template take<T>(order)),
        squares(near.template take<T>(whole_blocks(order))),
        tau(near.template take<T>(order)),
        values(near.template take<T>(count)) {}

  // values [count] and scale, from d and e. Ends with a barrier.
  template <class G>
  SALN_DEVICE T find_values(G& g, int n, int count) const {
    const Normalized<T> matrix = normalize(g, n, d, e, squares);
    leading_values(g, n, count, d, squares, matrix.norm, values);
    return matrix.scale;
  }
  template <class G>
  SALN_DEVICE void scale_values(const G& g, int count, T scale) const {
    each_row(g, count, [&](int j) { values[j] *= scale; });
    g.sync();
  }
};

// What eigenvectors take, in the workspace.
template <class T>
struct VectorSpace {
  T* vectors;  // [count, order]
  T* work;     // [count, 5 order]
  T* along;    // [count]
  T* copy;     // the tile, for a Fiedler residual

  SALN_HD VectorSpace(int64_t order, int64_t count, Memory& far)
      : vectors(far.take<T>(count * order)),
        work(far.take<T>(count * 5 * order)),
        along(far.take<T>(count)),
        copy(far.take<T>(tile_elements(order, true))) {}

  // Of the values found and not scaled yet, through the reflectors in the tile. Ends with a barrier.
  template <class G>
  SALN_DEVICE void find(G& g, const Tile<T>& tile, const Exact<T>& exact, int count) const {
    tridiagonal_vectors(g, tile.n, count, exact.d, exact.e, exact.values, vectors, work, along);
    apply_reflectors(g, tile, count, exact.tau, vectors);
    fix_signs(g, tile.n, count, vectors);
  }
  template <class G>
  SALN_DEVICE void keep(const G& g, const Tile<T>& tile) const {
    Tile<T> kept = tile;
    kept.data = copy;
    each_entry(g, tile, [&](int i, int j, T x) { kept.at(i, j) = x; });
    g.sync();
  }
};

// ‖L v − value v‖ for the tile −(L + σ t tᵀ) and its eigenvalue −value; collective.
template <class T, class G>
SALN_DEVICE T fiedler_residual(G& g, const Tile<T>& tile, const T* v, T eigenvalue) {
  T along = 0, total = 0;
  each_row(g, tile.n, [&](int i) { along += tile.trivial[i] * v[i]; });
  along = tile.sigma * g.sum(along);
  each_row(g, tile.n, [&](int i) {
    T r = along * tile.trivial[i] - eigenvalue * v[i];
    for (int j = 0; j < i; ++j) r += tile.at(i, j) * v[j];
    for (int j = i; j < tile.n; ++j) r += tile.at(j, i) * v[j];
    total += r * r;
  });
  return square_root(g.sum(total));
}

}  // namespace saln::device
