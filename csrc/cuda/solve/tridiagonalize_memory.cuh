// Householder reduction to tridiagonal form (linalg/tridiagonalize.h) of a lower triangle in memory, and products with
// it. A warp takes eight rows at a time; a lane, four consecutive columns of two of them in every 32. The vectors'
// entries of a panel of columns stay in registers, and the rank-2 update of one step shares a sweep with the product of
// the next. The 4×4 blocks on the diagonal hold both triangles, so that no access is masked by the entry.
#pragma once
#include "cuda/gram/transform.cuh"

namespace saln::device {

template <class T, class G>
class MemoryMatrix {
  static_assert(G::warps > 1, "a sum is relied on as a barrier");
  static constexpr int kQuads = sizeof(T) == 4 ? 4 : 2;  // of columns that a lane holds of a panel
  static constexpr int kHeld = 4 * kQuads, kColumns = 8 * kHeld;
  static_assert(kColumns % (8 * G::warps) == 0, "a row is the same warp's in every panel");

 public:
  template <class Near>
  SALN_HD MemoryMatrix(Near& near, int64_t order)
      : columns_(int((order + kColumns - 1) / kColumns * kColumns)),
        x_(near.template take<T>(columns_)),
        u_(near.template take<T>(columns_)),
        v_(near.template take<T>(columns_)),
        w_(near.template take<T>(columns_)),
        dots_(near.template take<T>(columns_)),
        sums_(near.template take<T>(G::warps * columns_)) {}

  // Fills the upper halves of the blocks on the diagonal, and what a last incomplete block lacks with zeros. Ends with
  // a barrier.
  SALN_DEVICE void complete(const G& g, const Tile<T>& tile) const {
    const int n = tile.n, end = (n + 3) / 4 * 4;
    each_row(g, end, [&](int i) {
      T* row = tile.row(i);
      const int corner = i / 4 * 4;
      for (int c = i < n ? i + 1 : 0; c < corner + 4; ++c) row[c] = i < n && c < n ? tile.at(c, i) : T(0);
    });
    g.sync();
  }

  // Destroys the tile: row j keeps the reflector u of step j in its first j entries. d [n], e [n − 1], tau [n]. Ends
  // with a barrier.
  SALN_DEVICE void reduce(G& g, const Tile<T>& tile, T* d, T* e, T* tau) const {
    const int n = tile.n;
    each_row(g, columns_, [&](int i) { u_[i] = v_[i] = w_[i] = T(0); });
    g.sync();
    for (int j = n - 1; j > 0; --j) {
      const T vj = v_[j], wj = w_[j];
      T rest = 0;
      each_row(g, j, [&](int i) {
        const T x = tile.at(j, i) - v_[i] * wj - w_[i] * vj;
        x_[i] = x;
        if (i < j - 1) rest += x * x;
      });
      rest = g.sum(rest);
      const Reflector<T> h(x_[j - 1], rest);
      if (g.rank == 0) {
        d[j] = tile.at(j, j) - (vj * wj + wj * vj);
        e[j - 1] = h.beta;
        tau[j] = h.tau;
        u_[j] = v_[j] = w_[j] = 0;
      }
      each_row(g, j, [&](int i) {
        u_[i] = i < j - 1 ? x_[i] * h.inverse : T(1);
        tile.at(j, i) = u_[i];
      });
      g.sync();
      sweep<true>(g, tile, j);
      T along = 0;
      each_row(g, j, [&](int i) {
        x_[i] = product(i);
        along += x_[i] * u_[i];
      });
      const T half = T(0.5) * h.tau * h.tau * g.sum(along);
      each_row(g, j, [&](int i) {
        v_[i] = u_[i];
        w_[i] = h.tau * x_[i] - half * u_[i];
      });
      g.sync();
    }
    if (g.rank == 0) d[0] = tile.at(0, 0);
    g.sync();
  }

  // y = A x, each entry by its row's thread; x and y [n] are two arrays. Returns x·y.
  SALN_DEVICE T multiply(G& g, const Tile<T>& tile, const T* x, T* y) const {
    each_row(g, columns_, [&](int i) { u_[i] = i < tile.n ? x[i] : T(0); });
    g.sync();
    sweep<false>(g, tile, tile.n);
    T along = 0;
    each_row(g, tile.n, [&](int i) {
      y[i] = product(i);
      along += x[i] * y[i];
    });
    return g.sum(along);
  }

 private:
  // What a lane holds of a panel of columns: entries of the vectors, and what the rows give to the columns.
  struct Panel {
    T u[kHeld], v[kHeld], w[kHeld], sum[kHeld];
  };
  // A row's entries of the vectors, and its product with u so far.
  struct Row {
    T* data;
    T u, v, w, dot;
  };

  // Four columns of a row. What they give to the columns is `given` times their entries.
  template <bool kUpdate>
  static SALN_DEVICE void quad(Panel& p, Row& row, int q, T given) {
    T a[4];
    load_quad(row.data + 32 * q, a);
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const int k = 4 * q + e;
      if constexpr (kUpdate) {
        a[e] -= p.v[k] * row.w;
        a[e] -= p.w[k] * row.v;
      }
      row.dot += a[e] * p.u[k];
      p.sum[k] += a[e] * given;
    }
    if constexpr (kUpdate) store_quad(row.data + 32 * q, a);
  }

  static SALN_DEVICE void load_panel(const T* from, T (&to)[kHeld]) {
#pragma unroll
    for (int q = 0; q < kQuads; ++q) {
      T four[4];
      load_quad(from + 32 * q, four);
#pragma unroll
      for (int e = 0; e < 4; ++e) to[4 * q + e] = four[e];
    }
  }

  // Products of the leading m rows with u, after A ← A − v wᵀ − w vᵀ if kUpdate: a row's own part in dots_, what rows
  // of blocks below give to a column in sums_, one array a warp. The vectors are zero from m on. Ends with a barrier.
  template <bool kUpdate>
  SALN_DEVICE void sweep(const G& g, const Tile<T>& tile, int m) const {
    const int part = g.lane / 8, offset = 4 * (g.lane % 8);
    for (int first = 0; first < m; first += kColumns) {
      Panel p{};
      load_panel(u_ + first + offset, p.u);
      if constexpr (kUpdate) load_panel(v_ + first + offset, p.v), load_panel(w_ + first + offset, p.w);
      for (int r = first + g.warp * 8; r < m; r += G::warps * 8) {
        const int below = r - first;
        const bool both = r + 4 < m;
        Row rows[2];
#pragma unroll
        for (int h = 0; h < 2; ++h) {
          const int i = r + 4 * h + part;
          rows[h] = {tile.row(i) + first + offset, u_[i], kUpdate ? v_[i] : T(0), kUpdate ? w_[i] : T(0), 0};
        }
#pragma unroll
        for (int q = 0; q < kQuads; ++q) {
          if (both && 32 * q + 32 <= below) {
            quad<kUpdate>(p, rows[0], q, rows[0].u);
            quad<kUpdate>(p, rows[1], q, rows[1].u);
            continue;
          }
          if (32 * q > below + 4) break;
          const int c = 32 * q + offset;
          if (c <= below) quad<kUpdate>(p, rows[0], q, c < below ? rows[0].u : T(0));
          if (both && c <= below + 4) quad<kUpdate>(p, rows[1], q, c < below + 4 ? rows[1].u : T(0));
        }
#pragma unroll
        for (int h = 0; h < 2; ++h) {
          T dot = rows[h].dot;
          for (int mask = 4; mask > 0; mask /= 2) dot += shuffle_xor(dot, mask);
          const int i = r + 4 * h + part;
          if (offset == 0) dots_[i] = first ? dots_[i] + dot : dot;
        }
      }
      fold<kHeld / 2, 16>(p.sum, g.lane);
      fold<kHeld / 4, 8>(p.sum, g.lane);
#pragma unroll
      for (int k = 0; k < kHeld / 4; ++k) {
        const int held = part * (kHeld / 4) + k;
        sums_[g.warp * columns_ + first + held / 4 * 32 + offset + held % 4] = p.sum[k];
      }
    }
    g.sync();
  }

  SALN_DEVICE T product(int i) const {
    T total = dots_[i];
#pragma unroll
    for (int w = 0; w < G::warps; ++w) total += sums_[w * columns_ + i];
    return total;
  }

  int columns_;
  T *x_, *u_, *v_, *w_, *dots_, *sums_;
};

}  // namespace saln::device
