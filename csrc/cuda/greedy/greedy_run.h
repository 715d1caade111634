// Runs a greedy call on a GPU. No torch header, no CUDA header: what the ops need to know.
#pragma once
#include "cuda/plan/greedy_plan.h"

namespace saln {

// Launches what was planned on `stream` (a cudaStream_t) of `device`, which becomes the current one, and does not wait;
// the workspace is the plan's. Throws std::runtime_error.
void run_cuda(const Problem& problem, const GreedyTask& task, const CudaGreedyPlan& plan, const GreedyResults& results,
              void* workspace, int device, void* stream);

}  // namespace saln
