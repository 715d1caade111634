// The launchers, one a kernel.
#pragma once
#include "cuda/plan/plan.h"

namespace saln {

// Throws std::runtime_error. stream: a cudaStream_t.
template <Kernel kKernel>
void launch(const device::Call& call, int64_t grid, int64_t shared_bytes, int device, void* stream);

// That of gram/split_gram.cuh, which comes before, where the plan has parts.
void launch_split_gram(const device::Call& call, int64_t grid, int64_t shared_bytes, int device, void* stream);

}  // namespace saln
