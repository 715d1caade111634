// Runs a call on a GPU. No torch header, no CUDA header: what the ops need to know.
#pragma once
#include "cuda/plan/plan.h"

namespace saln {

// A CUDA ordinal's properties, asked of the driver once.
const Gpu& gpu_of(int device);

// Launches what was planned on `stream` (a cudaStream_t) of `device`, which becomes the current one, and does not wait;
// the workspace is the plan's. Throws std::runtime_error.
void run_cuda(const Problem& problem, const Task& task, const CudaPlan& plan, const Results& results, void* workspace,
              int device, void* stream);

}  // namespace saln
