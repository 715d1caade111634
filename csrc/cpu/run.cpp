#include "cpu/run.h"

#include <torch/csrc/stable/ops.h>

#include <algorithm>

#include "cpu/kernels.h"
#include "cpu/scratch.h"

namespace saln {

void run_cpu(const Problem& problem, const Task& task, const Results& results) {
  if (problem.n_candidates == 0) return;
  const Kernels& best = kernels();
  const int threads = int(torch::stable::get_num_threads());
  const Plan plan = make_plan(shape_of(problem, task, best.vector_bytes, threads));
  const size_t bytes = best.workspace(problem, task, plan);
  const int64_t groups = (problem.n_candidates + plan.lanes - 1) / plan.lanes;
  std::atomic<int64_t> next{0};
  if (groups < threads) {
    // Too few to go round: all threads share the products of each.
    thread_local Scratch scratch;
    best.run(problem, task, plan, results, everyone(), next, scratch.at_least(bytes));
    scratch.trim();
    return;
  }
  // Groups come off a shared counter, so a thread that is held up holds up nobody else.
  torch::stable::parallel_for(0, threads, 1, [&](int64_t, int64_t) {
    thread_local Scratch scratch;
    best.run(problem, task, plan, results, Team{}, next, scratch.at_least(bytes));
    scratch.trim();
  });
}

}  // namespace saln
