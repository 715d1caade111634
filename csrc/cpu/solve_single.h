// Solvers for one larger matrix at a time, SIMD inside it: exact, and Lanczos on a formed or an implicit matrix.
#pragma once
#include "cpu/builder.h"
#include "cpu/lanczos.h"
#include "cpu/tridiagonalize_single.h"
#include "linalg/cholesky.h"
#include "linalg/inverse_iteration.h"
#include "linalg/sturm.h"

namespace saln {
inline namespace SALN_VARIANT {

template <class T>
class SingleSolver {
  using V = Vec<T>;
  static constexpr int W = kWidth<T>;

 public:
  SingleSolver(const Plan& plan, int64_t width, Arena& arena)
      : count_(int(plan.count)), steps_(int(plan.n_iter)), randomized_(plan.solver == Solver::randomized) {
    const int64_t n = plan.order, ld = Builder<T>::leading(n), m = randomized_ ? steps_ : n;
    d_ = arena.take<T>(m);
    e_ = arena.take<T>(m);
    e2_ = arena.take<T>(m);
    tau_ = arena.take<T>(n);
    work_ = arena.take<T>(5 * ld);
    values_ = arena.take<T>(count_ + 1);
    norms_ = arena.take<T>(count_);
    packed_ = plan.need == Need::pivots ? arena.take<T>(n * (n + 1) / 2) : nullptr;
    if (randomized_) {
      basis_ = arena.take<T>((m + 1) * ld);
      ritz_ = arena.take<T>(count_ * m);
      product_ = arena.take<T>(round_up<T>(width));
    }
    vectors_ = arena.take<T>(plan.vectors ? count_ * n : 0);
    wants_vectors_ = plan.vectors;
  }

  T log_det(const Tile<T>& tile, T factor) {
    for (int i = 0; i < tile.n; ++i)
      for (int j = 0; j <= i; ++j) packed_[packed_row(i) + j] = tile.row(i)[j] * factor + (i == j ? T(1) : T(0));
    cholesky_pivots(tile.n, packed_);
    double total = 0;
    for (int i = 0; i < tile.n; ++i) total += std::log(double(packed_[packed_row(i) + i]));
    return T(total);
  }

  // Destroys the tile. Leaves min(count, n) values and vectors [count, n].
  void solve_exact(Tile<T>& tile) {
    const int n = tile.n;
    mirror_blocks(tile);
    for (int i = 0; i < n; ++i)
      for (int64_t j = n; j < round_up<T>(n); ++j) tile.row(i)[j] = 0;
    tridiagonalize_single(n, tile.data, tile.ld, d_, e_, tau_, work_);
    found_ = count_ < n ? count_ : n;
    const T scale = tridiagonal_values(n, found_);
    if (wants_vectors_) {
      tridiagonal_vectors(n, vectors_);
      for (int j = 0; j < found_; ++j) {
        T* z = vectors_ + int64_t(j) * n;
        for (int r = 1; r < n; ++r) {
          const T* u = tile.row(r);
          add_scaled(-tau_[r] * dot(u, z, r), u, z, r);
        }
        fix_sign(n, z);
      }
    }
    for (int j = 0; j < found_; ++j) values_[j] *= scale;
  }

  // Lanczos on n rows; apply(x, y): y = K x. Fills the certificate of every value: trace and, where it is known,
  // ‖K‖_F² bound what the Krylov space may have missed.
  template <class Apply>
  void solve_randomized(int n, uint64_t seed, bool semidefinite, double trace, double square, T norm,
                        const Apply& apply) {
    const int64_t ld = round_up<T>(n);
    const int m = steps_ < n ? steps_ : n;
    const Krylov<T> space = lanczos(n, m, seed, norm, apply, basis_, ld, d_, e_, e2_);
    double seen_trace = 0, seen_square = 0;
    for (int s = 0; s < m; ++s) {
      seen_trace += d_[s];
      seen_square += double(d_[s]) * d_[s];
      if (s + 1 < m) seen_square += 2 * double(e_[s]) * e_[s];
    }
    found_ = count_ < m ? count_ : m;
    const int leading = found_ < m ? found_ + 1 : found_;
    const T scale = tridiagonal_values(m, leading);
    tridiagonal_vectors(m, ritz_);
    for (int j = 0; j < leading; ++j) values_[j] *= scale;
    const double rounding = Builder<T>::sum_error(n);  // of T's entries, relative to K
    certify(n, m, leading, double(space.rest), double(space.dropped), semidefinite,
            trace - seen_trace + rounding * trace, square - seen_square + 2 * rounding * square);
    if (!wants_vectors_) return;
    for (int j = 0; j < found_; ++j) {
      T* z = vectors_ + int64_t(j) * n;
      for (int i = 0; i < n; ++i) z[i] = 0;
      add_rows(basis_, ld, m, n, ritz_ + int64_t(j) * m, z);
      make_unit(n, z);
      fix_sign(n, z);
    }
  }

  int found() const { return found_; }
  const T* values() const { return values_; }
  const T* vectors() const { return vectors_; }  // [found, n]
  const T* truncation() const { return randomized_ ? norms_ : nullptr; }
  T* product() { return product_; }
  T* spare() { return work_; }

 private:
  T tridiagonal_values(int n, int count) {
    using Bits = BitsOf<T>;
    const T scale = normalize_tridiagonal(n, d_, e_, e2_);
    constexpr int J = 4;
    for (int j = 0; j < count; j += J * W) {
      Bits limits[J * W];
      for (int l = 0; l < J * W; ++l) limits[l] = Bits(j + l < n ? n - j - l : 0);
      BitsOf<V> limit[J];
      V x[J];
      for (int q = 0; q < J; ++q) limit[q] = load(limits + q * W);
      const auto diagonal = [this](int i) { return splat<V>(d_[i]); };
      const auto square = [this](int i) { return splat<V>(e2_[i]); };
      if (count - j <= W) {
        const BitsOf<V> one[1] = {limit[0]};
        V y[1];
        bisect<1, V>(n, diagonal, square, one, y);
        x[0] = y[0];
      } else {
        bisect<J, V>(n, diagonal, square, limit, x);
      }
      for (int index = j; index < count && index < j + J * W; ++index)
        values_[index] = x[(index - j) / W].v[(index - j) % W];
    }
    return scale;
  }

  // Values are in descending order, so those within reach of the last form a run at its end.
  void tridiagonal_vectors(int n, T* vectors) {
    const auto orthogonalize = [&](int count, T lambda, T reach, T* z) {
      int first = count;
      while (first > 0 && values_[first - 1] - lambda < reach) --first;
      remove_rows(vectors + int64_t(first) * n, n, count - first, n, z, norms_);
    };
    inverse_iteration<T>(n, T(n), d_, e_, values_, found_, vectors, work_, orthogonalize);
  }

  // Ritz values θ lie below the eigenvalues (Cauchy). Above: with R the residual of the leading Ritz vectors and τ a
  // bound on every eigenvalue of K away from them, λ_i − θ_i ≤ 2R²/(g + √(g² + 4R²)), g = θ_i − τ > 0 (Li & Li 2005,
  // Theorem 2), and ≤ τ − θ_i + R otherwise. What is unseen is a difference, to which the caller has added its rounding
  // error: a root makes much of little. What was `dropped` moves every value by its norm at most.
  void certify(int n, int m, int leading, double rest, double dropped, bool semidefinite, double unseen_trace,
               double unseen_square) {
    double residual = 0;
    for (int j = 0; j < found_; ++j) {
      const double s = ritz_[int64_t(j) * m + m - 1];
      residual += s * s;
    }
    residual = rest * std::sqrt(residual);
    double unseen = std::sqrt(std::fmax(0, unseen_square - 2 * rest * rest));
    if (semidefinite) unseen = std::fmin(unseen, std::fmax(0, unseen_trace));
    double top = m == n ? -INFINITY : unseen;
    if (leading > found_) top = std::fmax(top, values_[found_]);
    if (m < n) top += rest;
    for (int j = 0; j < found_; ++j) {
      const double gap = values_[j] - top;
      const double above =
          gap > 0 ? 2 * residual * residual / (gap + std::sqrt(gap * gap + 4 * residual * residual)) : residual - gap;
      norms_[j] = T(dropped + (m == n ? 0 : above));
    }
  }

  int count_, steps_, found_ = 0;
  bool randomized_, wants_vectors_;
  T *d_, *e_, *e2_, *tau_, *work_, *values_, *norms_, *packed_, *vectors_;
  T *basis_ = nullptr, *ritz_ = nullptr, *product_ = nullptr;
};

}  // namespace SALN_VARIANT
}  // namespace saln
