#include "core/greedy_plan.h"

#include <algorithm>

namespace saln {
namespace {

// Nominal rates of one core per byte of vector width, in operations a second: tiles of products, one row with many, and
// updates of arrays of b numbers.
constexpr double kTileRate = 1.4e9, kRowRate = 0.7e9, kUpdateRate = 0.45e9;

double element_bytes(const Problem& p) {
  return p.features.dtype == DType::float64 ? 8 : p.features.dtype == DType::float32 ? 4 : 2;
}

// Operations that one similarity costs.
double similarity_operations(const Problem& p) {
  switch (p.similarity) {
    case Similarity::rbf:
      return 3.0 * double(p.features.cols);
    case Similarity::gradient:
      return 2.0 * double(p.features.cols + p.residuals.cols);
    case Similarity::precomputed:
    case Similarity::given:
      return 0;
    case Similarity::linear:
    case Similarity::cosine:
      return 2.0 * double(p.features.cols);
  }
  __builtin_unreachable();
}

void cost_logdet(const Problem& p, const GreedyTask& task, GreedyPlan& plan) {
  const double b = double(p.size), m = double(plan.picks), each = similarity_operations(p);
  const bool entries = p.similarity == Similarity::precomputed;
  const double width = entries ? 1 : double(p.features.cols + p.residuals.cols);
  // Whether every column is looked at before the first pick: to center by it, or for values that are not finite.
  const bool by_row = p.similarity == Similarity::linear || p.similarity == Similarity::cosine;
  const bool all = entries || (p.center && !by_row);
  const double columns = plan.pairs ? b / 2 : (all ? b : p.center ? 2 : 1) + m;
  plan.products = columns * b * each;
  plan.rest = m * m * b;
  plan.rows_bytes = b * width * element_bytes(p);
  plan.bytes = (plan.pairs ? 1 : columns) * plan.rows_bytes;
  plan.reason = entries      ? "columns of the matrix that is given"
                : plan.pairs ? "all pairs at once: so many picks would read all rows too often"
                             : "a column a pick: all pairs would cost more, or are not kept";
  if (plan.picks < task.size) plan.reason += "; the matrix has rank " + std::to_string(plan.picks) + " at most";
}

void cost_maxvol(const Problem& p, const GreedyTask& task, GreedyPlan& plan) {
  const double b = double(p.size), s = double(task.size);
  plan.products = 2 * s * s * b;  // elimination, then coefficients
  plan.rest = 2 * s * b * double(task.max_swaps);
  plan.bytes = plan.rows_bytes = b * s * element_bytes(p);
  plan.reason = "pivots of the leading " + std::to_string(task.size) +
                " columns, then swaps: " + std::to_string(task.max_swaps) + " at most, and counted";
}

void cost_k_center(const Problem& p, GreedyPlan& plan) {
  const double b = double(p.size), m = double(plan.picks), d = double(p.features.cols);
  plan.products = (m + 1) * b * 3 * d;
  plan.rest = 2 * m * b;
  plan.rows_bytes = b * d * element_bytes(p);
  plan.bytes = (m + 1) * plan.rows_bytes;
  plan.reason = "distances to the row just chosen, at every pick";
}

}  // namespace

GreedyPlan make_greedy_plan(const Problem& problem, const GreedyTask& task, bool pairs, int vector_bytes, int threads) {
  GreedyPlan plan;
  plan.pairs = pairs;
  plan.reason = "nothing to choose";
  if (task.size == 0) return plan;
  plan.picks = std::min(task.size, problem.size);
  if (task.method == Greedy::logdet && task.noise == 0)
    plan.picks = std::min(plan.picks, rank_bound(problem, problem.size));
  switch (task.method) {
    case Greedy::logdet:
      cost_logdet(problem, task, plan);
      break;
    case Greedy::maxvol:
      cost_maxvol(problem, task, plan);
      break;
    case Greedy::k_center:
      cost_k_center(problem, plan);
      break;
  }
  const double C = double(problem.n_candidates);
  for (double* each : {&plan.products, &plan.rest, &plan.bytes, &plan.rows_bytes}) *each *= C;
  const double core = vector_bytes / (is_wide(problem) ? 2.0 : 1.0);
  plan.seconds =
      (plan.products / (pairs ? kTileRate : kRowRate) + plan.rest / kUpdateRate) / (core * std::max(1, threads));
  return plan;
}

const char* solver_of(Greedy method) {
  return method == Greedy::logdet ? "cholesky" : method == Greedy::maxvol ? "swaps" : "distances";
}

}  // namespace saln
