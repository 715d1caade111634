// One greedy call on the CPU: scratch memory and threads.
#include <torch/csrc/stable/ops.h>

#include <algorithm>
#include <atomic>

#include "cpu/greedy.h"
#include "cpu/kernels.h"
#include "cpu/scratch.h"

namespace saln {
namespace {

Scratch& scratch() {
  thread_local Scratch mine;
  return mine;
}

}  // namespace

void run_greedy_cpu(const Problem& problem, const GreedyTask& task, const GreedyResults& results) {
  const int64_t count = problem.n_candidates, threads = int64_t(torch::stable::get_num_threads());
  if (count == 0 || task.size == 0) return;
  const GreedyKernels& best = greedy_kernels();
  const size_t bytes = best.workspace(problem, task);
  if (count < threads) {
    // Too few to go round: all threads share each one's loops.
    char* memory = scratch().at_least(bytes);
    for (int64_t c = 0; c < count; ++c) best.run(problem, task, results, everyone(), c, memory);
    scratch().trim();
    return;
  }
  // They come off a shared counter, so a thread that is held up holds up nobody else.
  std::atomic<int64_t> next{0};
  torch::stable::parallel_for(0, std::min(threads, count), 1, [&](int64_t, int64_t) {
    char* memory = scratch().at_least(bytes);
    for (int64_t c; (c = next.fetch_add(1, std::memory_order_relaxed)) < count;)
      best.run(problem, task, results, Team{}, c, memory);
    scratch().trim();
  });
}

}  // namespace saln
