// The kernels: one block a candidate, blocks stepping through the candidates. Each is a class whose constructor lays out
// its memory, on the host to measure and on the device to work, and whose `solve` serves one candidate.
#pragma once
#include "emit.cuh"
#include "exact.cuh"
#include "lanczos.cuh"
#include "pivots.cuh"
#include "tridiagonalize_memory.cuh"
#include "tridiagonalize_registers.cuh"

namespace saln::device {

// The launch's call lies at the start of shared memory, where functions apart find it.
SALN_DEVICE const Call& shared_call() { return *reinterpret_cast<const Call*>(shared_base()); }

template <class K>
SALN_DEVICE K shared_kernel() {
  const Call& call = shared_call();
  Memory near(shared_base()), far(call.workspace + block_rank() * call.workspace_stride);
  near.take<Call>(1);
  return K(call, near, far);
}

template <class K, int kPart>
SALN_APART void part(int64_t c) {
  shared_kernel<K>().run_part(kPart, c);
}

SALN_HD inline int64_t packed_elements(int64_t order) { return order * (order + 1) / 2; }

// The Gram side of up to kOrder rows in float32, solved exactly: the matrix lies in registers while it is reduced, and
// the next candidate's first rows are in flight meanwhile. What is left in shared memory has constant places.
template <int kOrder, int kThreads>
class RegisterKernel {
  using T = float;
  using G = Group<kThreads>;

 public:
  static constexpr int threads = kThreads, blocks = kOrder == 32 ? 12 : kOrder == 64 ? 6 : 2;

  SALN_HD RegisterKernel(const Call& call, Memory& shared, Memory& global)
      : call_(call),
        scratch_(shared.take<double>(2 * G::warps)),
        state_(shared.take<State>(1)),
        builder_(call, shared.take<char>(Gram<G, kOrder>::kStages), shared),
        matrix_(shared),
        exact_(kOrder, kOrder, shared),
        tile_(shared.take<T>(packed_elements(kOrder))),
        trivial_(shared.take<T>(kOrder)) {
    if (call.choice.vectors) VectorSpace<T>(kOrder, call.choice.count, global);
  }

  // A candidate's parts are functions apart, and hand on through shared memory: none keeps registers while the matrix
  // takes most of them.
  SALN_DEVICE void run() const {
    builder_.begin(G(scratch_));
    for (int64_t c = block_rank(); c < call_.problem.n_candidates; c += grid_size()) {
      part<RegisterKernel, kBuild>(c);
      if (state_->solve) reduce();
      part<RegisterKernel, kEmit>(c);
    }
  }

  // Ends with a barrier.
  SALN_DEVICE void run_part(int which, int64_t c) const {
    G g(scratch_);
    if (which == kBuild)
      build(g, c);
    else
      emit(g, c);
    g.sync();
  }

 private:
  static constexpr int kBuild = 0, kEmit = 1;

  struct State {
    Built<T> built;
    Moments moments;
    T sigma;
    int n;  // order of the tile
    bool solve;
  };

  SALN_DEVICE Tile<T> tile() const {
    return Tile<T>{tile_, state_->n, call_.choice.fiedler ? trivial_ : nullptr, state_->sigma};
  }

  SALN_DEVICE void build(G& g, int64_t c) const {
    const Choice& choice = call_.choice;
    Tile<T> tile{tile_, 0, choice.fiedler ? trivial_ : nullptr};
    const Built<T> built = builder_.build(g, c, tile);
    const bool good = !built.bad && built.real > 0, values = choice.need == Need::eigenvalues;
    Moments seen;
    if (good && (values || choice.need == Need::moments)) seen = moments(g, tile, built.real);
    if (good && choice.fiedler && choice.vectors) space().keep(g, tile);
    if (g.rank == 0) *state_ = State{built, seen, tile.sigma, tile.n, good && values};
    builder_.look_ahead(g, c + grid_size());
  }

  SALN_DEVICE void reduce() const {
    G g(scratch_);
    const Tile<T> whole = tile();
    RegisterMatrix<kOrder, G> matrix(matrix_);
    matrix.load(g, whole);
    matrix.reduce(g, whole.n, exact_.d, exact_.e, exact_.tau, tile_);
  }

  SALN_DEVICE void emit(G& g, int64_t c) const {
    const Choice& choice = call_.choice;
    const Built<T> built = state_->built;
    const Tile<T> whole = tile();
    const Emitter<T> emitter(call_);
    if (choice.need == Need::nothing) {
      emitter.gram(g, c, built, builder_.selection(), whole);
      return;
    }
    Solution<T> s;
    s.moments = state_->moments;
    if (choice.need == Need::pivots && !built.bad && built.real > 0) {
      const double factor = double(built.scale) / (call_.task.parameter * call_.task.parameter);
      s.log_det = log_det<T, G>(scratch_, tile_, whole.n, T(factor), builder_.work());
    }
    if (state_->solve) find_spectrum(g, whole, s);
    emitter.spectrum(g, scratch_, c, built, builder_.selection().position, s);
  }

  SALN_DEVICE void find_spectrum(G& g, const Tile<T>& whole, Solution<T>& s) const {
    const Choice& choice = call_.choice;
    s.values = exact_.values;
    s.found = choice.count < whole.n ? choice.count : whole.n;
    const T scale = exact_.find_values(g, whole.n, s.found);
    if (choice.vectors) {
      const VectorSpace<T> found = space();
      found.template find<G>(scratch_, whole, exact_, s.found);
      s.vectors = found.vectors;
    }
    exact_.scale_values(g, s.found, scale);
    if (!choice.fiedler || !choice.vectors) return;
    Tile<T> kept = whole;
    kept.data = space().copy;
    s.residual = fiedler_residual(g, kept, s.vectors, s.values[0]);
    g.sync();
  }

  // Where it is not asked for, no register holds its pointers.
  SALN_DEVICE VectorSpace<T> space() const {
    Memory far(call_.workspace + block_rank() * call_.workspace_stride);
    return VectorSpace<T>(kOrder, call_.choice.count, far);
  }

  const Call& call_;
  double* scratch_;
  State* state_;
  Builder<T, G, kOrder> builder_;
  typename RegisterMatrix<kOrder, G>::Space matrix_;
  Exact<T> exact_;
  T *tile_, *trivial_;
};

// Any order: the matrix lies in shared memory (kShared), else in the workspace, and is solved there, by reduction or by
// Lanczos.
template <class T, bool kShared>
class MemoryKernel {
  using G = Group<256>;

 public:
  static constexpr int threads = G::threads, blocks = 1;

  SALN_HD MemoryKernel(const Call& call, Memory& shared, Memory& global)
      : MemoryKernel(call, shared, kShared || call.choice.near_is_shared ? shared : global, global) {}

  SALN_DEVICE void run() {
    builder_.begin(G(scratch_));
    for (int64_t c = block_rank(); c < call_.problem.n_candidates; c += grid_size()) {
      G g(scratch_);
      solve(g, c);
      g.sync();
    }
  }

 private:
  SALN_HD MemoryKernel(const Call& call, Memory& shared, Memory& near, Memory& global)
      : call_(call),
        scratch_(shared.take<double>(2 * G::warps)),
        region_(shared.take<char>(region_bytes(call.choice))),
        builder_(call, region_, near),
        matrix_(near, call.choice.order),
        exact_(randomized(call.choice) ? 0 : call.choice.order, call.choice.count, near),
        space_(randomized(call.choice) || !call.choice.vectors ? 0 : call.choice.order, call.choice.count, global) {
    const Choice& choice = call.choice;
    const int64_t order = choice.order, elements = packed_elements(order);
    tile_.data = kShared ? shared.take<T>(elements) : global.take<T>(elements);
    if (choice.fiedler) tile_.trivial = near.take<T>(order);
    if (!randomized(choice)) return;
    const int64_t steps = choice.n_iter, count = choice.count + 1;
    lanczos_.ld = leading(order);
    lanczos_.d = near.take<T>(steps);
    lanczos_.e = near.take<T>(steps);
    lanczos_.e2 = near.take<T>(steps);
    lanczos_.values = near.take<T>(count);
    lanczos_.along = near.take<T>(steps + 1);
    lanczos_.truncation = near.take<T>(count);
    lanczos_.basis = choice.basis_is_shared ? reinterpret_cast<T*>(region_) : global.take<T>(basis_elements(choice));
    lanczos_.ritz = global.take<T>(count * steps);
    lanczos_.work = global.take<T>(count * 5 * steps);
    expanded_ = global.take<T>(choice.vectors ? count * order : 0);
  }

  static SALN_HD bool randomized(const Choice& choice) { return choice.solver == Solver::randomized; }
  static SALN_HD int64_t leading(int64_t order) { return (order + 3) / 4 * 4; }
  static SALN_HD int64_t basis_elements(const Choice& choice) {
    return (int64_t(choice.n_iter) + 1) * leading(choice.order);
  }
  static SALN_HD int64_t region_bytes(const Choice& choice) {
    const int64_t stages = Gram<G, 0>::kStages;
    const int64_t basis =
        randomized(choice) && choice.basis_is_shared ? basis_elements(choice) * int64_t(sizeof(T)) : 0;
    return basis > stages ? basis : stages;
  }

  SALN_DEVICE void solve(G& g, int64_t c) {
    const Choice& choice = call_.choice;
    const Built<T> built = builder_.build(g, c, tile_);
    const Emitter<T> emitter(call_);
    if (choice.need == Need::nothing) {
      emitter.gram(g, c, built, builder_.selection(), tile_);
      return;
    }
    Solution<T> s;
    if (!built.bad && built.real > 0) solve_tile(g, built, s);
    emitter.spectrum(g, scratch_, c, built, builder_.selection().position, s);
  }

  SALN_DEVICE void solve_tile(G& g, const Built<T>& built, Solution<T>& s) {
    const Choice& choice = call_.choice;
    if (choice.need == Need::pivots) {
      const double factor = double(built.scale) / (call_.task.parameter * call_.task.parameter);
      s.log_det = log_det<T, G>(scratch_, tile_.data, tile_.n, T(factor), builder_.work());
      return;
    }
    s.moments = moments(g, tile_, built.real);
    if (choice.need == Need::moments) return;
    const bool residual = choice.fiedler && choice.vectors;
    Tile<T> kept = tile_;
    if (residual && !randomized(choice)) {
      space_.keep(g, tile_);
      kept.data = space_.copy;
    }
    if (randomized(choice)) {
      const Problem& p = call_.problem;
      const bool semidefinite = p.similarity != Similarity::precomputed && p.similarity != Similarity::given &&
                                p.laplacian == Laplacian::none;
      s.found = lanczos_.run(g, tile_.n, choice.n_iter, choice.count, call_.task.seed, semidefinite, s.moments.trace,
                             s.moments.square, T(sqrt(s.moments.square)),
                             [&](const T* x, T* y) { matrix_.multiply(g, tile_, x, y); });
      if (choice.vectors) lanczos_.expand(g, tile_.n, choice.n_iter, s.found, expanded_);
      s.values = lanczos_.values;
      s.vectors = expanded_;
      s.truncation = lanczos_.truncation;
    } else {
      matrix_.reduce(g, tile_, exact_.d, exact_.e, exact_.tau);
      s.found = choice.count < tile_.n ? choice.count : tile_.n;
      const T scale = exact_.find_values(g, tile_.n, s.found);
      if (choice.vectors) space_.template find<G>(scratch_, tile_, exact_, s.found);
      exact_.scale_values(g, s.found, scale);
      s.values = exact_.values;
      s.vectors = space_.vectors;
    }
    if (s.found > built.real) s.found = built.real;
    if (residual) s.residual = fiedler_residual(g, kept, s.vectors, s.values[0]);
  }

  const Call& call_;
  double* scratch_;
  char* region_;
  Builder<T, G, 0> builder_;
  MemoryMatrix<T, G> matrix_;
  Exact<T> exact_;
  VectorSpace<T> space_;
  Lanczos<T> lanczos_{};
  Tile<T> tile_;
  T* expanded_ = nullptr;
};

// Lanczos on K = S H X Xᵀ H S through its rows, S = diag(quality), rows of unit norm for `cosine`: the matrix is never
// formed.
template <class T>
class MatrixFreeKernel {
  using G = Group<256>;

 public:
  static constexpr int threads = G::threads, blocks = 1;

  SALN_HD MatrixFreeKernel(const Call& call, Memory& shared, Memory& global)
      : MatrixFreeKernel(call, shared, call.choice.near_is_shared ? shared : global, global) {}

  SALN_DEVICE void run() {
    for (int64_t c = block_rank(); c < call_.problem.n_candidates; c += grid_size()) {
      G g(scratch_);
      solve(g, c);
      g.sync();
    }
  }

 private:
  SALN_HD MatrixFreeKernel(const Call& call, Memory& shared, Memory& near, Memory& global)
      : call_(call), scratch_(shared.take<double>(2 * G::warps)), rows_(near, call.problem.size) {
    const Choice& choice = call.choice;
    const int64_t b = call.problem.size, d = call.problem.features.cols;
    const int64_t steps = choice.n_iter, count = choice.count + 1;
    factor_ = near.take<T>(b);
    quality_ = near.take<T>(b);
    weighted_ = near.take<T>(b);
    sum_ = near.take<T>(d);
    lanczos_.ld = (b + 3) / 4 * 4;
    lanczos_.d = near.take<T>(steps);
    lanczos_.e = near.take<T>(steps);
    lanczos_.e2 = near.take<T>(steps);
    lanczos_.values = near.take<T>(count);
    lanczos_.along = near.take<T>(steps + 1);
    lanczos_.truncation = near.take<T>(count);
    lanczos_.basis = global.take<T>((steps + 1) * lanczos_.ld);
    lanczos_.ritz = global.take<T>(count * steps);
    lanczos_.work = global.take<T>(count * 5 * steps);
  }

  SALN_DEVICE T feature(int i, int64_t t) const {
    const View& f = call_.problem.features;
    return entry<T>(f, rows_.row[i] * f.row_stride + t * f.col_stride);
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

  SALN_DEVICE void solve(G& g, int64_t c) {
    rows_.read(g, call_.problem, c);
    Built<T> built;
    built.real = rows_.n();
    built.bad = !rows_.valid();
    Solution<T> s;
    if (!built.bad && rows_.n() > 0) solve_rows(g, built, s);
    const Emitter<T> emitter(call_);
    emitter.spectrum(g, scratch_, c, built, rows_.position, s);
  }

  SALN_DEVICE void solve_rows(G& g, Built<T>& built, Solution<T>& s) {
    const Problem& p = call_.problem;
    const int n = rows_.n();
    each_row(g, n, [&](int i) {
      quality_[i] = p.quality.data ? entry<T>(p.quality, rows_.row[i] * p.quality.row_stride) : T(1);
    });
    double trace = 0, uncentered = 0, mean_square = 0;
    for (int i = g.warp; i < n; i += G::warps) {
      T square = 0;
      for (int64_t t = g.lane; t < p.features.cols; t += 32) square += feature(i, t) * feature(i, t);
      square = warp_sum(square);
      if (g.lane) continue;
      const T zero = T(0) * square;  // NaN where the row is not finite
      factor_[i] = p.similarity != Similarity::cosine ? T(1) : square > T(0) ? T(1) / square_root(square) : zero;
      weighted_[i] = factor_[i] / T(n);
      const double unit = double(factor_[i]) * factor_[i] * square;
      x_square(i) = T(unit);
    }
    g.sync();
    if (p.center) {
      combine(g, weighted_);
      each_row(g, int(p.features.cols), [&](int t) { mean_square += double(sum_[t]) * sum_[t]; });
      mean_square = g.sum(mean_square);
    }
    for (int i = g.warp; i < n; i += G::warps) {
      const double along = p.center ? double(factor_[i]) * along_row(g, i, sum_) : 0;
      if (g.lane) continue;
      const double q = quality_[i], square = x_square(i);
      trace += q * q * (square - 2 * along + mean_square);
      uncentered += q * q * square;
    }
    trace = g.sum(trace);
    uncentered = g.sum(uncentered);
    g.sync();
    if (!is_finite(trace) || !is_finite(uncentered)) {
      built.bad = true;
      return;
    }
    s.moments.trace = trace;
    s.moments.square = trace * trace;
    built.error = sum_error<T>(double(p.features.cols)) * T(uncentered);
    s.found = lanczos_.run(g, n, call_.choice.n_iter, call_.choice.count, call_.task.seed, true, trace,
                           double(INFINITY), T(trace), [&](const T* x, T* y) { product(g, x, y); });
    s.values = lanczos_.values;
    s.truncation = lanczos_.truncation;
    if (s.found > built.real) s.found = built.real;
  }

  // ‖x_i‖² as the similarity has it; the Krylov basis is not in use yet.
  SALN_DEVICE T& x_square(int i) const { return lanczos_.basis[i]; }

  // y = K x. Ends with a barrier.
  SALN_DEVICE void product(G& g, const T* x, T* y) const {
    const int n = rows_.n();
    each_row(g, n, [&](int i) { weighted_[i] = quality_[i] * x[i]; });
    g.sync();
    center(g, weighted_);
    each_row(g, n, [&](int i) { weighted_[i] *= factor_[i]; });
    g.sync();
    combine(g, weighted_);
    for (int i = g.warp; i < n; i += G::warps) {
      const T along = factor_[i] * along_row(g, i, sum_);
      if (g.lane == 0) y[i] = along;
    }
    g.sync();
    center(g, y);
    each_row(g, n, [&](int i) { y[i] *= quality_[i]; });
    g.sync();
  }

  const Call& call_;
  double* scratch_;
  Selection rows_;
  Lanczos<T> lanczos_{};
  T *factor_, *quality_, *weighted_, *sum_;
};

template <class K>
SALN_DEVICE void run_block(const Call& call) {
  static_assert(sizeof(Call) % sizeof(int32_t) == 0);
  for (int i = thread_rank(); i < int(sizeof(Call) / sizeof(int32_t)); i += K::threads)
    reinterpret_cast<int32_t*>(shared_base())[i] = reinterpret_cast<const int32_t*>(&call)[i];
  sync_block();
  shared_kernel<K>().run();
}

// Bytes of a block: shared memory and workspace.
struct Footprint {
  size_t shared, workspace;
};
template <class K>
Footprint footprint(const Call& call) {
  Memory near(nullptr), far(nullptr);
  near.take<Call>(1);
  K measured(call, near, far);
  return {(near.used() + 15) / 16 * 16, (far.used() + 255) / 256 * 256};
}

}  // namespace saln::device
