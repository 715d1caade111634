// Launches of the greedy kernels: which of their arrays fit shared memory, and how many blocks run at once.
#include <cuda_runtime.h>

#include <algorithm>

#include "cuda/greedy/greedy.cuh"
#include "cuda/greedy/greedy_run.h"
#include "cuda/launch/runtime.h"

namespace saln {
namespace {

using device::GreedyCall;
using device::GreedyFootprint;

template <class K>
__global__ void __launch_bounds__(device::GreedyGroup::threads, 1)
    greedy_kernel(const __grid_constant__ GreedyCall call) {
  device::run_greedy<K>(call, device::shared_base());
}

struct Launch {
  GreedyCall call;
  GreedyFootprint bytes;  // a block
  int64_t grid = 0;
  void (*kernel)(GreedyCall) = nullptr;
};

// The array of size × b moves out to the workspace first, then those of b numbers.
template <class K>
Launch laid_out(const Problem& problem, const GreedyTask& task, int device) {
  const size_t limit = size_t(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, device));
  Launch launch;
  launch.call.problem = problem;
  launch.call.task = task;
  launch.kernel = greedy_kernel<K>;
  launch.bytes = device::greedy_footprint<K>(launch.call);
  if (launch.bytes.shared > limit) {
    launch.call.matrix_is_shared = false;
    launch.bytes = device::greedy_footprint<K>(launch.call);
  }
  if (launch.bytes.shared > limit) {
    launch.call.vectors_are_shared = false;
    launch.bytes = device::greedy_footprint<K>(launch.call);
  }
  const void* kernel = reinterpret_cast<const void*>(launch.kernel);
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(launch.bytes.shared)),
        "saln_kernels: shared memory");
  int resident = 0;
  check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&resident, kernel, device::GreedyGroup::threads,
                                                      launch.bytes.shared),
        "saln_kernels: occupancy");
  const int64_t most = int64_t(std::max(resident, 1)) * attribute(cudaDevAttrMultiProcessorCount, device);
  launch.grid = std::min(problem.n_candidates, most);
  return launch;
}

template <class T>
Launch laid_out_for(const Problem& problem, const GreedyTask& task, int device) {
  switch (task.method) {
    case Greedy::maxvol:
      return laid_out<device::GreedyMaxVol<T>>(problem, task, device);
    case Greedy::k_center:
      return laid_out<device::GreedyKCenter<T>>(problem, task, device);
    case Greedy::logdet:
      return laid_out<device::GreedyLogDet<T>>(problem, task, device);
  }
  __builtin_unreachable();
}

Launch planned(const Problem& problem, const GreedyTask& task, int device) {
  return problem.features.dtype == DType::float64 ? laid_out_for<double>(problem, task, device)
                                                  : laid_out_for<float>(problem, task, device);
}

}  // namespace

size_t cuda_workspace(const Problem& problem, const GreedyTask& task, int device) {
  if (problem.n_candidates == 0 || task.size == 0) return 0;
  const Launch launch = planned(problem, task, device);
  return launch.bytes.workspace * size_t(launch.grid);
}

void run_cuda(const Problem& problem, const GreedyTask& task, const GreedyResults& results, void* workspace,
              void* stream) {
  if (problem.n_candidates == 0 || task.size == 0) return;
  Launch launch = planned(problem, task, current_device());
  launch.call.results = results;
  launch.call.workspace = static_cast<char*>(workspace);
  launch.call.workspace_stride = int64_t(launch.bytes.workspace);
  launch.kernel<<<unsigned(launch.grid), device::GreedyGroup::threads, launch.bytes.shared,
                  static_cast<cudaStream_t>(stream)>>>(launch.call);
  check(cudaGetLastError(), "saln_kernels: launch");
}

}  // namespace saln
