// The driver: candidates in, results out, for the instruction set this file is compiled for.
#include "cpu/kernels.h"

#include "cpu/emit.h"
#include "cpu/solve_lanes.h"
#include "cpu/solve_single.h"

namespace saln {
inline namespace SALN_VARIANT {
namespace {

template <class T>
class Worker {
  static constexpr int W = kWidth<T>;

 public:
  Worker(const Problem& problem, const Task& task, const Plan& plan, const Results& results, const Team& team,
         Arena& arena)
      : problem_(problem),
        task_(task),
        plan_(plan),
        builder_(problem, plan, team, arena),
        emitter_(problem, task, results),
        lanes_(plan.layout == Layout::lanes ? plan : Plan{}, arena),
        single_(plan.layout == Layout::single ? plan : Plan{}, problem.features.cols, arena) {
    const int tiles = plan.layout == Layout::lanes ? W : 1;
    const int64_t elements = plan.side == Side::matrix_free ? 0 : Builder<T>::tile_elements(plan.order);
    for (int l = 0; l < tiles; ++l) {
      tiles_[l].data = arena.take<T>(elements);
      tiles_[l].ld = Builder<T>::leading(plan.order);
      positions_[l] = arena.take<int32_t>(problem.size);
      if (plan.fiedler) tiles_[l].trivial = arena.take<T>(plan.order);
    }
    if (plan.fiedler && plan.vectors && plan.layout == Layout::single) copy_ = arena.take<T>(elements);
    values_ = arena.take<T>(plan.count);
    vectors_ = arena.take<T>(plan.vectors && plan.layout == Layout::lanes ? plan.count * plan.order : 0);
  }

  void run(int64_t group) {
    if (plan_.layout == Layout::lanes)
      solve_together(group * W);
    else
      solve_alone(group);
  }

 private:
  Moments moments_of(const Tile<T>& tile, const Built<T>& built) {
    return built.bad || plan_.need == Need::nothing || plan_.need == Need::pivots ? Moments()
                                                                                  : moments(tile, built.real);
  }

  void solve_together(int64_t first) {
    Built<T> built[W];
    Moments seen[W];
    T real[W], factor[W], log_det[W];
    for (int l = 0; l < W; ++l) {
      Tile<T>& tile = tiles_[l];
      tile.n = 0;
      if (first + l < problem_.n_candidates) {
        builder_.select(first + l);
        built[l] = builder_.build(tile);
        seen[l] = moments_of(tile, built[l]);
        const Selection& rows = builder_.selection();
        for (int i = 0; i < rows.n; ++i) positions_[l][i] = rows.position[i];
        if (built[l].bad) tile.n = 0;
      }
      real[l] = T(tile.n);
      factor[l] = T(double(built[l].scale) / (task_.parameter * task_.parameter));
    }
    lanes_.pack(tiles_);
    if (plan_.need == Need::pivots)
      lanes_.log_det(load(factor), log_det);
    else
      lanes_.solve(real);
    for (int l = 0; l < W && first + l < problem_.n_candidates; ++l) {
      Solution<T> s;
      s.moments = seen[l];
      if (plan_.need == Need::pivots) {
        s.log_det = log_det[l];
      } else {
        s.found = int(plan_.count) < tiles_[l].n ? int(plan_.count) : tiles_[l].n;
        if (s.found > built[l].real) s.found = built[l].real;
        lanes_.read_values(l, values_);
        s.values = values_;
        if (plan_.vectors) {
          lanes_.read_vectors(l, tiles_[l].n, vectors_);
          s.vectors = vectors_;
        }
        if (plan_.fiedler && plan_.vectors && s.found) s.residual = residual(tiles_[l], vectors_, values_[0]);
      }
      emitter_.spectrum(first + l, built[l], positions_[l], s);
    }
  }

  void solve_alone(int64_t c) {
    builder_.select(c);
    const Selection& rows = builder_.selection();
    Tile<T>& tile = tiles_[0];
    Solution<T> s;
    if (plan_.side == Side::matrix_free) {
      Built<T> built;
      built.real = rows.n;
      built.bad = !rows.valid;
      if (!built.bad && rows.n > 0) solve_implicit(built, s);
      emitter_.spectrum(c, built, rows.position, s);
      return;
    }
    Built<T> built = builder_.build(tile);
    if (plan_.need == Need::nothing) {
      emitter_.gram(c, built, rows, tile);
      return;
    }
    s.moments = moments_of(tile, built);
    if (!built.bad && built.real > 0) solve_tile(tile, built, s);
    emitter_.spectrum(c, built, rows.position, s);
  }

  void solve_tile(Tile<T>& tile, const Built<T>& built, Solution<T>& s) {
    if (plan_.need == Need::moments) return;
    if (plan_.need == Need::pivots) {
      s.log_det = single_.log_det(tile, T(double(built.scale) / (task_.parameter * task_.parameter)));
      return;
    }
    Tile<T> kept = tile;
    if (copy_) {
      kept.data = copy_;
      __builtin_memcpy(copy_, tile.data, size_t(tile.n * tile.ld) * sizeof(T));
    }
    if (plan_.solver == Solver::randomized) {
      mirror(tile);
      const auto product = [&](const T* x, T* y) { multiply_rows(tile.data, tile.ld, tile.n, tile.n, x, y); };
      single_.solve_randomized(tile.n, task_.seed, is_semidefinite(problem_) && !plan_.fiedler, s.moments.trace,
                               s.moments.square, T(std::sqrt(s.moments.square)), product);
      s.truncation = single_.truncation();
    } else {
      single_.solve_exact(tile);
    }
    take_solution(built, s);
    if (copy_) s.residual = residual(kept, s.vectors, s.values[0]);
  }

  void take_solution(const Built<T>& built, Solution<T>& s) {
    s.values = single_.values();
    s.vectors = single_.vectors();
    s.found = single_.found() < built.real ? single_.found() : built.real;
  }

  // K = S H X Xᵀ H S through its rows, S = diag(quality), rows of unit norm for `cosine`.
  void solve_implicit(Built<T>& built, Solution<T>& s) {
    const int n = built.real;
    const int64_t d = problem_.features.cols;
    T* scale;
    const T* const* rows = builder_.plain_rows(&scale);
    const T* quality = builder_.read_quality();
    T* sum = single_.product();
    for (int64_t t = 0; t < d; ++t) sum[t] = 0;
    for (int i = 0; i < n; ++i) add_scaled(scale[i] / T(n), rows[i], sum, d);
    double trace = 0, uncentered = 0;
    const double mean_square = problem_.center ? dot(sum, sum, d) : 0;
    for (int i = 0; i < n; ++i) {
      const double q = quality ? quality[i] : 1, square = double(scale[i]) * scale[i] * dot(rows[i], rows[i], d);
      const double along = problem_.center ? double(scale[i]) * dot(rows[i], sum, d) : 0;
      trace += q * q * (square - 2 * along + mean_square);
      uncentered += q * q * square;
    }
    if (!is_finite(trace) || !is_finite(uncentered)) {
      built.bad = true;
      return;
    }
    const auto center = [&](T* x) {
      if (!problem_.center) return;
      T mean = 0;
      for (int i = 0; i < n; ++i) mean += x[i];
      mean /= T(n);
      for (int i = 0; i < n; ++i) x[i] -= mean;
    };
    T* weighted = single_.spare();
    const auto product = [&](const T* x, T* y) {
      for (int i = 0; i < n; ++i) weighted[i] = quality ? quality[i] * x[i] : x[i];
      center(weighted);
      for (int64_t t = 0; t < d; ++t) sum[t] = 0;
      for (int i = 0; i < n; ++i) add_scaled(weighted[i] * scale[i], rows[i], sum, d);
      for (int i = 0; i < n; ++i) y[i] = scale[i] * dot(rows[i], sum, d);
      center(y);
      if (quality)
        for (int i = 0; i < n; ++i) y[i] *= quality[i];
    };
    s.moments.trace = trace;
    s.moments.square = trace * trace;
    built.error = Builder<T>::sum_error(double(d)) * T(uncentered);
    single_.solve_randomized(n, task_.seed, true, trace, INFINITY, T(trace), product);
    s.truncation = single_.truncation();
    take_solution(built, s);
  }

  // ‖L v − value v‖ for the tile −(L + σ t tᵀ) and its eigenvalue −value.
  T residual(const Tile<T>& tile, const T* v, T eigenvalue) const {
    const T along = tile.sigma * dot(tile.trivial, v, tile.n);
    T total = 0;
    for (int i = 0; i < tile.n; ++i) {
      const T r = dot(tile.row(i), v, tile.n) - eigenvalue * v[i] + along * tile.trivial[i];
      total += r * r;
    }
    return square_root(total);
  }

  const Problem& problem_;
  const Task& task_;
  const Plan& plan_;
  Builder<T> builder_;
  Emitter<T> emitter_;
  LaneSolver<T> lanes_;
  SingleSolver<T> single_;
  Tile<T> tiles_[W];
  int32_t* positions_[W];
  T *copy_ = nullptr, *values_ = nullptr, *vectors_ = nullptr;
};

template <class T>
size_t measure(const Problem& problem, const Task& task, const Plan& plan) {
  Arena arena(nullptr);
  Worker<T> worker(problem, task, plan, Results(), Team(), arena);
  return arena.used();
}

template <class T>
void work(const Problem& problem, const Task& task, const Plan& plan, const Results& results, const Team& team,
          std::atomic<int64_t>& next, char* workspace) {
  Arena arena(workspace);
  Worker<T> worker(problem, task, plan, results, team, arena);
  const int64_t groups = (problem.n_candidates + plan.lanes - 1) / plan.lanes;
  for (int64_t g; (g = next.fetch_add(1, std::memory_order_relaxed)) < groups;) worker.run(g);
}

size_t workspace_bytes(const Problem& problem, const Task& task, const Plan& plan) {
  return is_wide(problem) ? measure<double>(problem, task, plan) : measure<float>(problem, task, plan);
}

void run(const Problem& problem, const Task& task, const Plan& plan, const Results& results, const Team& team,
         std::atomic<int64_t>& next, char* workspace) {
  is_wide(problem) ? work<double>(problem, task, plan, results, team, next, workspace)
                   : work<float>(problem, task, plan, results, team, next, workspace);
}

bool supported() {
#if defined(__AVX512BF16__)
  return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw");
#elif defined(__AVX512F__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#elif defined(__AVX2__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return true;
#endif
}

}  // namespace

#define SALN_STRING_(x) #x
#define SALN_STRING(x) SALN_STRING_(x)
extern const Kernels variant;
const Kernels variant = {SALN_STRING(SALN_VARIANT), SALN_VECTOR_BYTES, supported, workspace_bytes, run};

}  // namespace SALN_VARIANT
}  // namespace saln
