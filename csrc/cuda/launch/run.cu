// From a call to a launch: the device asked once, the plan, the launcher.
#include <cuda_runtime.h>

#include <array>
#include <mutex>

#include "cuda/launch/launch.cuh"
#include "cuda/launch/run.h"
#include "cuda/plan/plan.h"

namespace saln {
namespace {

int attribute(cudaDeviceAttr which, int device) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, which, device), "saln_kernels: device attribute");
  return value;
}

Gpu ask(int device) {
  Gpu gpu;
  gpu.major = attribute(cudaDevAttrComputeCapabilityMajor, device);
  gpu.minor = attribute(cudaDevAttrComputeCapabilityMinor, device);
  gpu.multiprocessors = attribute(cudaDevAttrMultiProcessorCount, device);
  gpu.shared_per_block = attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
  gpu.shared_per_multiprocessor = attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor, device);
  gpu.shared_reserved = attribute(cudaDevAttrReservedSharedMemoryPerBlock, device);
  gpu.registers_per_multiprocessor = attribute(cudaDevAttrMaxRegistersPerMultiprocessor, device);
  gpu.blocks_per_multiprocessor = attribute(cudaDevAttrMaxBlocksPerMultiprocessor, device);
  gpu.warps_per_multiprocessor = attribute(cudaDevAttrMaxThreadsPerMultiProcessor, device) / 32;
  return gpu;
}

Launch launcher(Kernel kernel, bool wide) {
  switch (kernel) {
    case Kernel::registers32:
      return launch_registers32;
    case Kernel::registers64:
      return launch_registers64;
    case Kernel::registers128:
      return launch_registers128;
    case Kernel::shared:
      return launch_shared;
    case Kernel::global:
      return wide ? launch_global_double : launch_global;
    default:
      return wide ? launch_matrix_free_double : launch_matrix_free;
  }
}

}  // namespace

const Gpu& gpu_of(int device) {
  constexpr int kDevices = 64;
  static std::array<Gpu, kDevices> known;
  static std::array<std::once_flag, kDevices> asked;
  if (device < 0 || device >= kDevices) throw std::runtime_error("saln_kernels: a device number beyond 63");
  std::call_once(asked[size_t(device)], [device] { known[size_t(device)] = ask(device); });
  return known[size_t(device)];
}

void run_cuda(const Problem& problem, const Task& task, const CudaPlan& plan, const Results& results, void* workspace,
              void* stream) {
  launcher(plan.kernel, is_wide(problem))(call_of(problem, task, results, plan, workspace), plan.grid,
                                          plan.shared_bytes, stream);
}

}  // namespace saln
