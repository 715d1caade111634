// One kernel and its launcher: the one of cuda/kernels/kernels.def that SALN_KERNEL_NAME says. Each is an object file,
// so that they compile side by side.
#include "cuda/kernels/kernels.cuh"
#include "cuda/launch/launch.h"
#include "cuda/launch/runtime.h"

namespace saln {

template <class K>
__global__ void __launch_bounds__(K::threads, K::blocks) score(const __grid_constant__ device::Call call) {
  device::run_block<K>(call);
}

template <Kernel kKernel>
void launch(const device::Call& call, int64_t grid, int64_t shared_bytes, int device, void* stream) {
  using K = device::ClassOf<kKernel>;
  static OnceADevice prepared;
  launch_kernel(&score<K>, prepared, device, grid, K::threads, shared_bytes, stream, call);
}

template void launch<Kernel::SALN_KERNEL_NAME>(const device::Call&, int64_t, int64_t, int, void*);

}  // namespace saln
