#include "cpu/run.h"

#include <torch/csrc/stable/ops.h>

#include <algorithm>

#include "cpu/kernels.h"
#include "cpu/scratch.h"

namespace saln {
namespace {

// Groups of candidates, the last ones, that are taken one by one with all threads at the products of each: those that
// are too few to go round, where that is sooner than a group per thread.
int64_t shared(int64_t groups, int threads, double shareable) {
  if (groups < threads) return groups;
  const int64_t rest = groups % threads;
  return double(rest) * (shareable / threads + 1 - shareable) < 0.9 ? rest : 0;
}

}  // namespace

void run_cpu(const Problem& problem, const Task& task, const Results& results) {
  if (problem.n_candidates == 0) return;
  const Kernels& best = kernels();
  const int threads = int(torch::stable::get_num_threads());
  const Plan plan = make_plan(shape_of(problem, task, best.vector_bytes, threads));
  const size_t bytes = best.workspace(problem, task, plan);
  const int64_t groups = (problem.n_candidates + plan.lanes - 1) / plan.lanes;
  const int64_t apart = groups - shared(groups, threads, plan.shareable);
  if (apart > 0) {
    // Groups come off a shared counter, so a thread that is held up holds up nobody else.
    Problem part = problem;
    part.n_candidates = std::min(problem.n_candidates, apart * plan.lanes);
    std::atomic<int64_t> next{0};
    torch::stable::parallel_for(0, threads, 1, [&](int64_t, int64_t) {
      thread_local Scratch scratch;
      best.run(part, task, plan, results, Team{}, next, scratch.at_least(bytes));
      scratch.trim();
    });
  }
  if (apart < groups) {
    thread_local Scratch scratch;
    std::atomic<int64_t> next{apart};
    best.run(problem, task, plan, results, everyone(), next, scratch.at_least(bytes));
    scratch.trim();
  }
}

}  // namespace saln
