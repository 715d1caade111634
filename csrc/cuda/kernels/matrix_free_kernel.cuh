// Lanczos on K = S H X Xᵀ H S through its rows, S = diag(quality), rows of unit norm for `cosine`: the matrix is never
// formed.
#pragma once
#include "cuda/gram/unit_rows.cuh"
#include "cuda/kernels/emit.cuh"
#include "cuda/kernels/parts.cuh"
#include "cuda/solve/lanczos.cuh"

namespace saln::device {

template <class T>
class MatrixFreeKernel {
  using G = Group<256>;

 public:
  static constexpr int threads = G::threads, blocks = 1, kHeldRows = 0;
  static constexpr bool kHasMatrix = false, kIterates = false, kSolvesInPlace = false, kHasColumns = false;
  static constexpr bool kStreams = false, kHasPanels = false;

  SALN_HD MatrixFreeKernel(const Call& call, Memory& shared, Memory& global)
      : MatrixFreeKernel(call, shared, EitherMemory(call.choice.near_is_shared, shared, global), global) {}

  SALN_DEVICE void begin() const {}

  // Says whether there is something to solve. Ends with a barrier.
  template <Part kPart>
  SALN_DEVICE bool run_part(int64_t c) const {
    G g(scratch_);
    if constexpr (kPart == Part::prepare) prepare(g, c);
    if constexpr (kPart == Part::solve) solve(g);
    if constexpr (kPart == Part::write) write(g, c);
    g.sync();
    return state_->solve;
  }

 private:
  struct State {
    Built<T> built;
    Moments moments;  // ‖K‖_F² is not known: at most the trace squared
    int found;
    bool solve;
  };

  SALN_HD MatrixFreeKernel(const Call& call, Memory& shared, EitherMemory near, Memory& global)
      : call_(call),
        scratch_(shared.take<double>(2 * G::warps)),
        state_(shared.take<State>(1)),
        rows_(near, call.problem.size),
        unit_(near.take<UnitRow<T>>(call.problem.size)),
        quality_(near.take<T>(call.problem.size)),
        weighted_(near.take<T>(call.problem.size)),
        square_(near.take<T>(call.problem.size)),
        sum_(near.take<T>(call.problem.features.cols)),
        lanczos_(call.problem.size, call.choice.n_iter, call.choice.count, nullptr, nullptr, near, global) {}

  // Of `cosine` multiplied so that its row's square is plain.
  SALN_DEVICE T feature(int i, int64_t t) const {
    const View& f = call_.problem.features;
    return entry<T>(f, rows_.row[i] * f.row_stride + t * f.col_stride) * unit_[i].rescaled;
  }
  // Σ_t feature(i, t) x_t by a warp
  SALN_DEVICE T along_row(const G& g, int i, const T* x) const {
    T total = 0;
    for (int64_t t = g.lane; t < call_.problem.features.cols; t += 32) total += feature(i, t) * x[t];
    return warp_sum(total);
  }
  // sum_ = Xᵀ x. Ends with a barrier.
  SALN_DEVICE void combine(const G& g, const T* x) const {
    for (int64_t t = g.rank; t < call_.problem.features.cols; t += G::threads) {
      T total = 0;
      for (int i = 0; i < rows_.n(); ++i) total += x[i] * feature(i, t);
      sum_[t] = total;
    }
    g.sync();
  }
  SALN_DEVICE void center(G& g, T* x) const {
    if (!call_.problem.center) return;
    T mean = 0;
    each_row(g, rows_.n(), [&](int i) { mean += x[i]; });
    mean = g.sum(mean) / T(rows_.n());
    each_row(g, rows_.n(), [&](int i) { x[i] -= mean; });
    g.sync();
  }

  SALN_DEVICE void prepare(G& g, int64_t c) const {
    rows_.read(g, call_.problem, c);
    Built<T> built;
    built.real = rows_.n();
    built.bad = !rows_.valid();
    double trace = 0;
    if (!built.bad && built.real > 0) trace = measure(g, built);
    if (g.rank == 0) *state_ = State{built, Moments{trace, trace * trace, 0}, 0, !built.bad && built.real > 0};
  }

  // Factors and squares of the rows; the trace of K. Finds rows that are not finite.
  SALN_DEVICE double measure(G& g, Built<T>& built) const {
    const Problem& p = call_.problem;
    const int n = built.real;
    each_row(g, n, [&](int i) {
      quality_[i] = p.quality.data ? entry<T>(p.quality, rows_.row[i] * p.quality.row_stride) : T(1);
    });
    for (int i = g.warp; i < n; i += G::warps) {
      UnitRow<T> unit{T(1), T(1)};
      if (p.similarity == Similarity::cosine) unit = unit_row<T>(p.features, rows_.row[i]);
      const T square = rescaled_product<T>(p.features, rows_.row[i], unit.rescaled, rows_.row[i], unit.rescaled);
      if (g.lane) continue;
      unit_[i] = unit;
      square_[i] = unit.inverse * unit.inverse * square;
      weighted_[i] = unit.inverse / T(n);
    }
    g.sync();
    double mean_square = 0;
    if (p.center) {
      combine(g, weighted_);
      each_row(g, int(p.features.cols), [&](int t) { mean_square += double(sum_[t]) * sum_[t]; });
      mean_square = g.sum(mean_square);
    }
    double trace = 0, uncentered = 0;
    for (int i = g.warp; i < n; i += G::warps) {
      const double along = p.center ? double(unit_[i].inverse) * along_row(g, i, sum_) : 0;
      if (g.lane) continue;
      const double q = quality_[i], square = square_[i];
      trace += q * q * (square - 2 * along + mean_square);
      uncentered += q * q * square;
    }
    trace = g.sum(trace);
    uncentered = g.sum(uncentered);
    built.bad = !is_finite(trace) || !is_finite(uncentered);
    built.error = sum_error<T>(double(p.features.cols)) * T(uncentered);
    return trace;
  }

  SALN_DEVICE void solve(G& g) const {
    const Choice& choice = call_.choice;
    const double trace = state_->moments.trace;
    const T rest = lanczos_.template iterate<false>(g, rows_.n(), choice.n_iter, call_.task.seed, T(trace),
                                                    [&](const T* x, T* y) { return product(g, x, y); });
    const int found =
        lanczos_.finish(g, rows_.n(), choice.n_iter, choice.count, choice.vectors, rest, true, trace, double(INFINITY));
    if (g.rank == 0) state_->found = found;
  }

  SALN_DEVICE void write(G& g, int64_t c) const {
    Solution<T> s;
    s.moments = &state_->moments;
    if (state_->solve) {
      s.values = lanczos_.values;
      s.truncation = lanczos_.truncation;
      s.found = state_->found < state_->built.real ? state_->found : state_->built.real;
    }
    Emitter<T>(call_).spectrum(g, c, state_->built, rows_.position, s);
  }

  // y = K x, each entry by its row's thread. Returns x·y.
  SALN_DEVICE T product(G& g, const T* x, T* y) const {
    const int n = rows_.n();
    each_row(g, n, [&](int i) { weighted_[i] = quality_[i] * x[i]; });
    g.sync();
    center(g, weighted_);
    each_row(g, n, [&](int i) { weighted_[i] *= unit_[i].inverse; });
    g.sync();
    combine(g, weighted_);
    for (int i = g.warp; i < n; i += G::warps) {
      const T along = unit_[i].inverse * along_row(g, i, sum_);
      if (g.lane == 0) y[i] = along;
    }
    g.sync();
    center(g, y);
    T along = 0;
    each_row(g, n, [&](int i) {
      y[i] *= quality_[i];
      along += x[i] * y[i];
    });
    return g.sum(along);
  }

  const Call& call_;
  double* scratch_;
  State* state_;
  Selection rows_;
  UnitRow<T>* unit_;
  T *quality_, *weighted_, *square_, *sum_;
  Lanczos<T> lanczos_;
};

}  // namespace saln::device
