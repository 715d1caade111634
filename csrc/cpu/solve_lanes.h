// The exact solver for many small matrices: one matrix per SIMD lane. Lanes never mix, so a matrix's result does not
// depend on its neighbours.
#pragma once
#include "cpu/arena.h"
#include "cpu/transform.h"
#include "linalg/cholesky.h"
#include "linalg/inverse_iteration.h"
#include "linalg/sturm.h"
#include "linalg/tridiagonalize.h"

namespace saln {
inline namespace SALN_VARIANT {

template <class T>
class LaneSolver {
  using V = Vec<T>;
  static constexpr int W = kWidth<T>;
  static constexpr int kSweepRows = SALN_VECTOR_BYTES == 64 ? 4 : 2;
  static constexpr int kChains = 4;  // eigenvalues bisected together, to hide the recurrence's latency

 public:
  LaneSolver(const Plan& plan, Arena& arena) : order_(int(plan.order)), count_(int(plan.count)) {
    const int64_t n = order_;
    packed_ = arena.take<V>(n * (n + 1) / 2);
    d_ = arena.take<V>(n);
    e_ = arena.take<V>(n);
    e2_ = arena.take<V>(n);
    tau_ = arena.take<V>(n);
    work_ = arena.take<V>(5 * n);
    values_ = arena.take<V>(count_ + kChains);
    if (plan.vectors) vectors_ = arena.take<V>(count_ * n);
  }

  // Lower triangles of W tiles, element by element side by side. Rows beyond a tile's own are zero.
  void pack(const Tile<T>* tiles) {
    for (int i = 0; i < order_; ++i)
      for (int j = 0; j <= i; j += W) {
        V block[W];
        for (int l = 0; l < W; ++l) block[l] = i < tiles[l].n ? load(tiles[l].row(i) + j) : splat<V>(0);
        transpose(block);
        const int last = i - j < W ? i - j + 1 : W;
        V* out = packed_ + packed_row(i) + j;
        for (int l = 0; l < last; ++l) out[l] = block[l];
      }
  }

  // log det(I + factor · K) per lane.
  void log_det(V factor, T* out) {
    for (int64_t i = 0; i < int64_t(order_) * (order_ + 1) / 2; ++i) packed_[i] = packed_[i] * factor;
    for (int i = 0; i < order_; ++i) packed_[packed_row(i) + i] = packed_[packed_row(i) + i] + splat<V>(1);
    cholesky_pivots(order_, packed_);
    for (int l = 0; l < W; ++l) {
      double total = 0;
      for (int i = 0; i < order_; ++i) total += std::log(double(packed_[packed_row(i) + i].v[l]));
      out[l] = T(total);
    }
  }

  // The leading eigenvalues, and vectors where the plan wants them. real [W]: rows of each lane that are no padding.
  void solve(const T* real) {
    const V rows = load(real);
    tridiagonalize<kSweepRows>(order_, packed_, d_, e_, tau_, work_);
    scale_ = normalize_tridiagonal(order_, d_, e_, e2_);
    for (int i = 0; i < order_; ++i) d_[i] = vector_select(i, rows, d_[i], padding_diagonal<V>());
    for (int j = 0; j < count_; j += kChains) {
      BitsOf<V> limit[kChains];
      V x[kChains];
      for (int q = 0; q < kChains; ++q) limit[q] = splat_bits<V>(j + q < order_ ? order_ - j - q : 0);
      bisect<kChains, V>(order_, [this](int i) { return d_[i]; }, [this](int i) { return e2_[i]; }, limit, x);
      for (int q = 0; q < kChains; ++q) values_[j + q] = x[q];
    }
    if (!vectors_) return;
    inverse_iteration(order_, rows, d_, e_, values_, count_, vectors_, work_,
                      GramSchmidt<V>{order_, vectors_, values_});
    for (int j = 0; j < count_; ++j) {
      V* z = vectors_ + int64_t(j) * order_;
      apply_reflectors<V>(order_, [this](int r) { return packed_ + packed_row(r); }, tau_, z);
      fix_sign(order_, z);
    }
  }

  void read_values(int lane, T* out) const {
    for (int j = 0; j < count_; ++j) out[j] = values_[j].v[lane] * scale_.v[lane];
  }
  // out [count, n]
  void read_vectors(int lane, int n, T* out) const {
    for (int j = 0; j < count_; ++j)
      for (int i = 0; i < n; ++i) out[int64_t(j) * n + i] = vectors_[int64_t(j) * order_ + i].v[lane];
  }

 private:
  static SALN_INLINE V vector_select(int i, V rows, V a, V b) { return saln::select(less(splat<V>(T(i)), rows), a, b); }

  int order_, count_;
  V *packed_, *d_, *e_, *e2_, *tau_, *work_, *values_, *vectors_ = nullptr;
  V scale_;
};

}  // namespace SALN_VARIANT
}  // namespace saln
