// The bodies of the greedy ops, whatever runs them: arguments, results, and one call of a backend between.
#pragma once
#include <torch/csrc/stable/library.h>

#include <string>
#include <tuple>

#include "api/arguments.h"
#include "api/problem_arguments.h"
#include "core/greedy.h"

namespace saln {

// Backend::run(like, problem, task, results) computes, where the tensor `like` is.
template <class Backend>
struct GreedyOps {
  static std::tuple<Tensor, Tensor> greedy_logdet(PROBLEM_PARAMETERS, int64_t size, double sigma) {
    STD_TORCH_CHECK(laplacian == "none", "laplacian: expected 'none', got '", laplacian, "'");
    STD_TORCH_CHECK(sigma >= 0, "sigma: expected 0 or more");
    GreedyTask task;
    task.noise = sigma * sigma;
    return choose(features, PROBLEM_OF_PARAMETERS, task, size);
  }

  static std::tuple<Tensor, Tensor> maxvol(PROBLEM_PARAMETERS, int64_t size, double tolerance, int64_t max_swaps) {
    STD_TORCH_CHECK(similarity == "linear", "similarity: expected 'linear'");
    STD_TORCH_CHECK(features.dim() == 2 && size <= features.size(1), "size: expected at most the columns of features");
    STD_TORCH_CHECK(tolerance >= 1, "tolerance: expected 1 or more");
    const Problem problem = plain(PROBLEM_OF_PARAMETERS);
    GreedyTask task;
    task.method = Greedy::maxvol;
    task.tolerance = tolerance;
    task.max_swaps = max_swaps;
    return choose(features, problem, task, size);
  }

  static std::tuple<Tensor, Tensor> k_center(PROBLEM_PARAMETERS, int64_t size, const std::optional<Tensor>& start) {
    STD_TORCH_CHECK(similarity == "linear" || similarity == "cosine", "similarity: expected 'linear' or 'cosine'");
    const Problem problem = plain(PROBLEM_OF_PARAMETERS);
    GreedyTask task;
    task.method = Greedy::k_center;
    if (start) {
      STD_TORCH_CHECK(start->scalar_type() == ScalarType::Long && start->dim() == 1 &&
                          start->size(0) == problem.n_candidates && (start->size(0) < 2 || start->stride(0) == 1),
                      "start: expected contiguous int64 [C]");
      check_device(*start, features, "start");
      task.starts = static_cast<const int64_t*>(start->data_ptr());
    }
    return choose(features, problem, task, size);
  }

  template <class Library>
  static void implement(Library& m) {
    m.impl("greedy_logdet", TORCH_BOX(&GreedyOps::greedy_logdet));
    m.impl("maxvol", TORCH_BOX(&GreedyOps::maxvol));
    m.impl("k_center", TORCH_BOX(&GreedyOps::k_center));
  }

 private:
  // Of rows alone.
  static const Problem& plain(const Problem& problem) {
    STD_TORCH_CHECK(!problem.center && !problem.quality.data && problem.laplacian == Laplacian::none,
                    "expected rows as they are: no center, no quality, no laplacian");
    return problem;
  }

  static std::tuple<Tensor, Tensor> choose(const Tensor& features, const Problem& problem, GreedyTask& task,
                                           int64_t size) {
    STD_TORCH_CHECK(size >= 0 && size <= problem.size, "size: expected 0 to b = ", problem.size, ", got ", size);
    task.size = size;
    Tensor positions = torch::stable::new_empty(features, {problem.n_candidates, size}, ScalarType::Long);
    Tensor gains = result(problem, features, {problem.n_candidates, size});
    Backend::run(features, problem, task,
                 {static_cast<int64_t*>(positions.mutable_data_ptr()), gains.mutable_data_ptr()});
    return {positions, gains};
  }
};

}  // namespace saln
