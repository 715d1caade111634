// A launcher from a kernel's class.
#pragma once
#include <cuda_runtime.h>

#include <stdexcept>
#include <string>

#include "cuda/kernels/kernels.cuh"
#include "cuda/launch/launch.h"

namespace saln {

inline void check(cudaError_t error, const char* what) {
  if (error != cudaSuccess) throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(error));
}

template <class K>
__global__ void __launch_bounds__(K::threads, K::blocks) score(const __grid_constant__ device::Call call) {
  device::run_block<K>(call);
}

template <class K>
void launch(const device::Call& call, int64_t grid, int64_t shared_bytes, void* stream) {
  check(cudaFuncSetAttribute(score<K>, cudaFuncAttributeMaxDynamicSharedMemorySize, int(shared_bytes)),
        "saln_kernels: shared memory");
  score<K><<<unsigned(grid), K::threads, size_t(shared_bytes), static_cast<cudaStream_t>(stream)>>>(call);
  check(cudaGetLastError(), "saln_kernels: launch");
}

}  // namespace saln
