// Launches of the greedy kernels, as planned.
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

template <class K>
void launch(const GreedyCall& call, const CudaGreedyPlan& plan, int device, void* stream) {
  static OnceADevice prepared;
  launch_kernel(&greedy_kernel<K>, prepared, device, plan.grid, plan.threads, plan.shared_bytes, stream, call);
}

using Launch = void (*)(const GreedyCall&, const CudaGreedyPlan&, int device, void* stream);

template <class T>
Launch launcher(Greedy method) {
  switch (method) {
    case Greedy::maxvol:
      return launch<device::GreedyMaxVol<T>>;
    case Greedy::k_center:
      return launch<device::GreedyKCenter<T>>;
    case Greedy::logdet:
      return launch<device::GreedyLogDet<T>>;
  }
  __builtin_unreachable();
}

}  // namespace

void run_cuda(const Problem& problem, const GreedyTask& task, const CudaGreedyPlan& plan, const GreedyResults& results,
              void* workspace, int device, void* stream) {
  GreedyCall call;
  call.problem = problem;
  call.task = task;
  call.results = results;
  call.vectors_are_shared = plan.vectors_are_shared;
  call.matrix_is_shared = plan.matrix_is_shared;
  call.workspace = static_cast<char*>(workspace);
  call.workspace_stride = plan.workspace_bytes / plan.grid;
  (is_wide(problem) ? launcher<double>(task.method) : launcher<float>(task.method))(call, plan, device, stream);
}

}  // namespace saln
