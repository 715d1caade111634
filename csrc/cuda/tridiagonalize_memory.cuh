// Householder reduction to tridiagonal form (linalg/tridiagonalize.h) of a packed lower triangle in memory, and
// products with it. A warp takes four rows at a time; its lanes hold the vectors' entries of a panel of columns in
// registers, and the rank-2 update of one step shares a sweep with the product of the next.
#pragma once
#include "transform.cuh"

namespace saln::device {

template <class T, class G>
class MemoryMatrix {
  static_assert(G::warps > 1, "a sum is relied on as a barrier");
  static constexpr int kRows = 4;   // of a warp at a time
  static constexpr int kLanes = 8;  // columns a lane holds of a panel
  static constexpr int kColumns = 32 * kLanes;

 public:
  template <class Near>
  SALN_HD MemoryMatrix(Near& near, int64_t order)
      : x_(near.template take<T>(order)),
        u_(near.template take<T>(order)),
        v_(near.template take<T>(order)),
        w_(near.template take<T>(order)),
        dots_(near.template take<T>(order)),
        columns_(int((order + kColumns - 1) / kColumns * kColumns)),
        sums_(near.template take<T>(G::warps * columns_)) {}

  // Destroys the tile: row j keeps the reflector u of step j in its first j entries. d [n], e [n − 1], tau [n]. Ends
  // with a barrier.
  SALN_DEVICE void reduce(G& g, const Tile<T>& tile, T* d, T* e, T* tau) const {
    const int n = tile.n;
    each_row(g, n, [&](int i) { v_[i] = w_[i] = T(0); });
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
      }
      each_row(g, j, [&](int i) {
        u_[i] = i < j - 1 ? x_[i] * h.inverse : T(1);
        tile.at(j, i) = u_[i];
      });
      g.sync();
      sweep<true>(g, tile, j, u_);
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

  // y = A x; x and y [n] are two arrays. Ends with a barrier.
  SALN_DEVICE void multiply(G& g, const Tile<T>& tile, const T* x, T* y) const {
    sweep<false>(g, tile, tile.n, x);
    each_row(g, tile.n, [&](int i) { y[i] = product(i); });
    g.sync();
  }

 private:
  // Products of the leading m rows with u, after A ← A − v wᵀ − w vᵀ if kUpdate: a row's own part in dots_, what rows
  // below give to a column in sums_, one array a warp. Ends with a barrier.
  template <bool kUpdate>
  SALN_DEVICE void sweep(const G& g, const Tile<T>& tile, int m, const T* u) const {
    for (int first = 0; first < m; first += kColumns) {
      T uc[kLanes], vc[kLanes], wc[kLanes], sum[kLanes];
#pragma unroll
      for (int q = 0; q < kLanes; ++q) {
        const int c = first + 32 * q + g.lane;
        uc[q] = c < m ? u[c] : T(0);
        vc[q] = kUpdate && c < m ? v_[c] : T(0);
        wc[q] = kUpdate && c < m ? w_[c] : T(0);
        sum[q] = 0;
      }
      for (int r = first / kRows * kRows + g.warp * kRows; r < m; r += G::warps * kRows) {
        T dot[kRows];
#pragma unroll
        for (int k = 0; k < kRows; ++k) {
          dot[k] = 0;
          const int i = r + k;
          if (i >= m) continue;
          T* row = tile.data + packed_row(i) + first;
          const T ui = u[i], vi = kUpdate ? v_[i] : T(0), wi = kUpdate ? w_[i] : T(0);
#pragma unroll
          for (int q = 0; q < kLanes; ++q) {
            if (32 * q > i - first) continue;
            const int c = 32 * q + g.lane, below = i - first - c;
            if (below < 0) continue;
            T a = row[c];
            if constexpr (kUpdate) {
              a -= vc[q] * wi + wc[q] * vi;
              row[c] = a;
            }
            dot[k] += a * uc[q];
            if (below > 0) sum[q] += a * ui;
          }
        }
#pragma unroll
        for (int k = 0; k < kRows; ++k) dot[k] = warp_sum(dot[k]);
        if (g.lane < kRows && r + g.lane < m) {
          T mine = dot[0];
#pragma unroll
          for (int k = 1; k < kRows; ++k) mine = g.lane == k ? dot[k] : mine;
          dots_[r + g.lane] = first ? dots_[r + g.lane] + mine : mine;
        }
      }
#pragma unroll
      for (int q = 0; q < kLanes; ++q) sums_[g.warp * columns_ + first + 32 * q + g.lane] = sum[q];
    }
    g.sync();
  }

  SALN_DEVICE T product(int i) const {
    T total = dots_[i];
#pragma unroll
    for (int w = 0; w < G::warps; ++w) total += sums_[w * columns_ + i];
    return total;
  }

  T *x_, *u_, *v_, *w_, *dots_;
  int columns_;
  T* sums_;
};

}  // namespace saln::device
