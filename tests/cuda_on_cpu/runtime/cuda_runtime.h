// The CUDA runtime over the host shim, as far as csrc/cuda/launch and driver.cpp ask it: memory is the host's, a kernel
// has run when its launch returns. It refuses what CUDA refuses, keeps a record of what was asked, and fails where a
// test wants it to; cuda_runtime.cpp has the rest.
#pragma once
#include <cstddef>
#include <utility>

#include "shim.h"

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorInvalidDevice = 101,
  cudaErrorInvalidResourceHandle = 400,
};
enum cudaDeviceAttr {
  cudaDevAttrMultiProcessorCount,
  cudaDevAttrMaxThreadsPerMultiProcessor,
  cudaDevAttrComputeCapabilityMajor,
  cudaDevAttrComputeCapabilityMinor,
  cudaDevAttrMaxSharedMemoryPerMultiprocessor,
  cudaDevAttrMaxRegistersPerMultiprocessor,
  cudaDevAttrMaxSharedMemoryPerBlockOptin,
  cudaDevAttrMaxBlocksPerMultiprocessor,
  cudaDevAttrReservedSharedMemoryPerBlock,
};
enum cudaFuncAttribute {
  cudaFuncAttributeMaxDynamicSharedMemorySize,
  cudaFuncAttributePreferredSharedMemoryCarveout,
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost };
constexpr int cudaSharedmemCarveoutMaxShared = 100;

struct dim3 {
  dim3(unsigned x = 1) : x(x) {}
  unsigned x, y = 1, z = 1;
};
using cudaStream_t = struct CUstream_st*;
struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
};

const char* cudaGetErrorString(cudaError_t error);
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr which, int device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute which, int value);
cudaError_t cudaMalloc(void** memory, size_t bytes);
cudaError_t cudaFree(void* memory);
cudaError_t cudaMemset(void* memory, int value, size_t bytes);
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind);
cudaError_t cudaDeviceSynchronize();

namespace saln::simulator {

inline bool runs_backward = false;  // blocks and threads of the next launches run the other way round

// Whether the current device takes such a launch; it is in the record.
cudaError_t accept_launch(const void* kernel, const cudaLaunchConfig_t& how);
// Launches by several threads run one after another.
void run_launch(const cudaLaunchConfig_t& how, void (*body)(void*, char*), void* context);

}  // namespace saln::simulator

template <class... Expected, class... Given>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* how, void (*kernel)(Expected...), Given&&... given) {
  using namespace saln::simulator;
  const cudaError_t refused = accept_launch(reinterpret_cast<const void*>(kernel), *how);
  if (refused != cudaSuccess) return refused;
  auto run = [&] { kernel(given...); };
  run_launch(*how, [](void* context, char*) { (*static_cast<decltype(run)*>(context))(); }, &run);
  return cudaSuccess;
}
