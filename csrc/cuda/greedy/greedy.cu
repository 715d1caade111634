// Launches of the greedy kernels, as planned.
#include <cuda_runtime.h>

#include "cuda/greedy/greedy.cuh"
#include "cuda/greedy/greedy_run.h"
#include "cuda/launch/runtime.h"

namespace saln {
namespace {

using device::GreedyCall;

template <class K>
__global__ void __launch_bounds__(device::GreedyGroup::threads, 1)
    greedy_kernel(const __grid_constant__ GreedyCall call) {
  device::run_greedy<K>(call, device::shared_base());
}

using Entry = void (*)(GreedyCall);

template <class T>
Entry entry_of(Greedy method) {
  switch (method) {
    case Greedy::maxvol:
      return greedy_kernel<device::GreedyMaxVol<T>>;
    case Greedy::k_center:
      return greedy_kernel<device::GreedyKCenter<T>>;
    case Greedy::logdet:
      return greedy_kernel<device::GreedyLogDet<T>>;
  }
  __builtin_unreachable();
}

}  // namespace

void run_cuda(const Problem& problem, const GreedyTask& task, const CudaGreedyPlan& plan, const GreedyResults& results,
              void* workspace, void* stream) {
  GreedyCall call;
  call.problem = problem;
  call.task = task;
  call.results = results;
  call.vectors_are_shared = plan.vectors_are_shared;
  call.matrix_is_shared = plan.matrix_is_shared;
  call.workspace = static_cast<char*>(workspace);
  call.workspace_stride = plan.workspace_bytes / plan.grid;
  const Entry kernel = is_wide(problem) ? entry_of<double>(task.method) : entry_of<float>(task.method);
  check(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                             int(plan.shared_bytes)),
        "saln_kernels: shared memory");
  kernel<<<unsigned(plan.grid), plan.threads, size_t(plan.shared_bytes), static_cast<cudaStream_t>(stream)>>>(call);
  check(cudaGetLastError(), "saln_kernels: launch");
}

}  // namespace saln
