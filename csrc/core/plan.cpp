#include "core/plan.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "core/criteria.h"

namespace saln {
namespace {

// Above this order the lanes' matrices outgrow a core's L2 cache and one matrix at a time is faster.
constexpr int64_t kLanesOrder = 128;
// Above this order `auto` prefers Lanczos where a few leading eigenvalues are asked for.
constexpr int64_t kExactOrder = 512;
// Fewer operations are done before another thread has woken up.
constexpr double kSharedGram = 1 << 23;
// An operation on rows streamed from a far cache costs as much as this many on a tile at hand.
constexpr double kStreamed = 4;
// Rows of no more elements stay in the caches as they are.
constexpr int64_t kShortRow = 4096;
// Packing pays from this many elements on even where few rows share it, and what is converted beside it stays small.
constexpr int64_t kFewLongRows = 1 << 23;
// Nominal rates of one core per byte of vector width, in operations a second: dense products, solver sweeps.
constexpr double kGramRate = 1.4e9, kSolveRate = 0.45e9;

bool has_features(Similarity s) { return s == Similarity::linear || s == Similarity::cosine; }

// Of a semidefinite matrix `vendi` of two orders needs less than its other orders.
Needs needs_of(const Shape& s) {
  if (s.criterion == Criterion::vendi && s.semidefinite) {
    if (s.parameter == 2) return Needs::moments;
    if (std::isinf(s.parameter)) return Needs::top_1;
  }
  return needs_of(s.criterion);
}

void state_need(const Shape& s, Plan& p) {
  p.count = 0;
  switch (s.output) {
    case Output::gram:
      p.need = Need::nothing;
      return;
    case Output::eigh:
      p.vectors = true;
      [[fallthrough]];
    case Output::eigvals:
      p.need = Need::eigenvalues;
      p.count = s.k;
      return;
    case Output::fiedler:
      p.need = Need::eigenvalues;
      p.fiedler = p.vectors = true;
      p.count = 1;
      return;
    case Output::score:
      break;
  }
  p.need = Need::eigenvalues;
  switch (needs_of(s)) {
    case Needs::all:
      p.count = s.size;
      break;
    case Needs::top_k:
      p.count = s.k;
      break;
    case Needs::top_1:
      p.count = 1;
      break;
    case Needs::top_2:
      p.count = 2;
      break;
    case Needs::moments:
      p.need = Need::moments;
      break;
    case Needs::pivots:
      p.need = Need::pivots;
      break;
    case Needs::fiedler:
      p.fiedler = true;
      p.count = 1;
      break;
  }
}

}  // namespace

bool in_slices(int64_t b, int64_t d) { return d > kShortRow && (b > kLanesOrder || b * d > kFewLongRows); }

Shape shape_of(const Problem& problem, const Task& task, int vector_bytes, int threads) {
  Shape s;
  s.n_candidates = problem.n_candidates;
  s.size = problem.size;
  s.width = problem.features.cols;
  s.residual_width = problem.residuals.cols;
  s.k = task.k;
  s.n_iter = task.n_iter;
  s.dtype = problem.similarity == Similarity::given ? problem.matrices.dtype : problem.features.dtype;
  s.similarity = problem.similarity;
  s.center = problem.center;
  s.laplacian = problem.laplacian;
  s.semidefinite = is_semidefinite(problem);
  s.output = task.output;
  s.criterion = task.criterion;
  s.parameter = task.parameter;
  s.solver = task.solver;
  s.vector_bytes = vector_bytes;
  s.threads = threads;
  return s;
}

Plan make_plan(const Shape& s) {
  Plan p;
  state_need(s, p);
  const int64_t b = s.size, d = s.width;
  const bool wide = s.dtype == DType::float64;
  const int64_t lanes = s.vector_bytes / (wide ? 8 : 4);
  const bool any_side = has_features(s.similarity) && s.laplacian == Laplacian::none && !p.fiedler && !p.vectors &&
                        s.output != Output::gram;
  p.order = b;
  if (any_side && d < b) {
    p.side = Side::covariance;
    p.order = d;
    p.reason = "d < b: the covariance side has the same nonzero eigenvalues";
  }
  p.count = std::min(p.count, p.order);
  if (p.order > kLargestOrder)
    throw std::invalid_argument("saln_kernels: the matrix is of order " + std::to_string(p.order) + ", larger than " +
                                std::to_string(kLargestOrder));

  const bool may_estimate = p.need == Need::eigenvalues && p.count < p.order;
  if (may_estimate) {
    p.n_iter = std::min(b, s.n_iter > 0 ? std::max(s.n_iter, p.count) : std::max<int64_t>(6 * p.count, 40));
    if (s.solver == Solver::randomized ||
        (s.solver == Solver::automatic && p.order > kExactOrder && p.n_iter < p.order / 4))
      p.solver = Solver::randomized;
  }
  const double gather_width =
      has_features(s.similarity) || s.similarity == Similarity::rbf ? double(d) : double(d + s.residual_width);
  const bool products = s.similarity != Similarity::precomputed && s.similarity != Similarity::given;
  const double m = double(p.order), inner = p.side == Side::covariance ? double(b) : gather_width;
  double gram = products ? m * (m + 1) * inner : 0, solve = 0;
  if (p.solver == Solver::randomized) {
    const double steps = double(p.n_iter), free_cost = 4.0 * steps * b * d;
    solve = steps * (2 * m * m + 4 * m * steps);
    if (any_side && kStreamed * free_cost < gram + 2 * steps * m * m) {
      p.side = Side::matrix_free;
      p.order = b;
      gram = 0;
      solve = kStreamed * free_cost + 4.0 * b * steps * steps;
    }
    p.layout = Layout::single;
    p.reason = p.side == Side::matrix_free      ? "Lanczos on X(Xᵀv): the Gram matrix would cost more than the products"
               : s.solver == Solver::randomized ? "Lanczos, as asked for"
                                                : "Lanczos: few eigenvalues of a large matrix";
  } else {
    p.n_iter = 0;
    const double n = double(p.order);
    if (p.need == Need::pivots) solve = n * n * n / 3;
    if (p.need == Need::moments) solve = n * n;
    if (p.need == Need::eigenvalues)
      solve =
          4.0 / 3 * n * n * n + double(p.count) * n * 26 * 7 + (p.vectors ? double(p.count) * n * (2 * n + 100) : 0);
    if (p.need == Need::pivots || p.need == Need::eigenvalues) {
      p.layout = p.order <= kLanesOrder ? Layout::lanes : Layout::single;
      if (p.reason.empty())
        p.reason = p.layout == Layout::lanes ? "exact, one matrix per SIMD lane: the order is small"
                                             : "exact, one matrix at a time: lanes would outgrow the cache";
    } else if (p.reason.empty()) {
      p.reason = "no eigenvalues needed";
    }
  }
  if (products && p.side == Side::gram && in_slices(b, d)) p.reason += "; long rows in slices";
  p.lanes = p.layout == Layout::lanes ? int(lanes) : 1;
  const double C = double(s.n_candidates), element = wide ? 8 : s.dtype == DType::float32 ? 4 : 2;
  p.flops = C * (gram + solve);
  p.bytes = C * b * (products ? gather_width : double(b)) * element;
  const double core = s.vector_bytes / (wide ? 2.0 : 1.0);
  const double forming = gram / (kGramRate * core), solving = solve / (kSolveRate * core);
  p.seconds = C * (forming + solving) / std::max(1, s.threads);
  p.shareable = gram < kSharedGram ? 0 : forming / (forming + solving);
  return p;
}

const char* name_of(Solver s) { return s == Solver::exact ? "exact" : s == Solver::randomized ? "randomized" : "auto"; }
const char* name_of(Layout l) { return l == Layout::lanes ? "lanes" : l == Layout::single ? "single" : "tile"; }
const char* name_of(Side s) { return s == Side::gram ? "gram" : s == Side::covariance ? "covariance" : "matrix_free"; }

}  // namespace saln
