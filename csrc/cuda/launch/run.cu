// From a call to its launches: the device asked once, the plan, the launchers.
#include <algorithm>

#include "cuda/launch/launch.h"
#include "cuda/launch/run.h"
#include "cuda/launch/runtime.h"

namespace saln {
namespace {

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

using Launch = void (*)(const device::Call& call, int64_t grid, int64_t shared_bytes, int device, void* stream);

Launch launcher(Kernel kernel) {
  switch (kernel) {
#define SALN_KERNEL(name, registers, ...) \
  case Kernel::name:                      \
    return launch<Kernel::name>;
#include "cuda/kernels/kernels.def"
  }
  __builtin_unreachable();
}

}  // namespace

const Gpu& gpu_of(int device) {
  static std::array<Gpu, OnceADevice::kDevices> known;
  static OnceADevice asked;
  asked(device, [device] { known[size_t(device)] = ask(device); });
  return known[size_t(device)];
}

void run_cuda(const Problem& problem, const Task& task, const CudaPlan& plan, const Results& results, void* workspace,
              int device, void* stream) {
  device::Call call = call_of(problem, task, results, plan, workspace);
  for (; call.first < problem.n_candidates; call.first += plan.at_once) {
    call.problem.n_candidates = std::min(problem.n_candidates, call.first + plan.at_once);
    const int64_t count = call.problem.n_candidates - call.first;
    if (plan.choice.parts > 0)
      launch_split_gram(call, count * plan.blocks_a_matrix, plan.split_shared_bytes, device, stream);
    launcher(plan.kernel)(call, std::min(plan.grid, count), plan.shared_bytes, device, stream);
  }
}

}  // namespace saln
