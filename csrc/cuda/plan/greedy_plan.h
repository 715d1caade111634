// What a greedy call occupies on a GPU and is predicted to cost: host arithmetic, as in cuda/plan/plan.h.
#pragma once
#include "core/greedy_plan.h"
#include "cuda/plan/plan.h"

namespace saln {

struct CudaGreedyPlan {
  GreedyPlan numbers;              // picks, operations and bytes, as on any machine
  bool vectors_are_shared = true;  // arrays of b numbers lie in shared memory, not in the workspace
  bool matrix_is_shared = true;    // so does the one array of size × b
  int threads = 0;
  int64_t shared_bytes = 0;  // a block
  int registers = 0;         // a thread, as compiled for sm_90a
  int blocks = 0;            // resident on a multiprocessor
  int64_t grid = 0;          // blocks of the launch; each takes every grid-th candidate
  int64_t workspace_bytes = 0;
  double floor_seconds = 0;
  std::string floor_by;
  double seconds = 0;  // predicted
};

CudaGreedyPlan make_cuda_plan(const Problem& problem, const GreedyTask& task, const Gpu& gpu);

}  // namespace saln
