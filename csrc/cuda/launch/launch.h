// The launchers, one a kernel; each kernel is a .cu file of its own, so that they compile side by side.
#pragma once
#include "cuda/kernels/call.cuh"

namespace saln {

// Throws std::runtime_error. stream: a cudaStream_t.
using Launch = void (*)(const device::Call& call, int64_t grid, int64_t shared_bytes, void* stream);

void launch_registers32(const device::Call&, int64_t, int64_t, void*);
void launch_registers64(const device::Call&, int64_t, int64_t, void*);
void launch_registers128(const device::Call&, int64_t, int64_t, void*);
void launch_shared(const device::Call&, int64_t, int64_t, void*);
void launch_global(const device::Call&, int64_t, int64_t, void*);
void launch_global_double(const device::Call&, int64_t, int64_t, void*);
void launch_matrix_free(const device::Call&, int64_t, int64_t, void*);
void launch_matrix_free_double(const device::Call&, int64_t, int64_t, void*);

}  // namespace saln
