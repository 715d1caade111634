// Launches of the kernel that forms large Gram matrices in parts.
#include "cuda/gram/split_gram.cuh"
#include "cuda/launch/launch.h"
#include "cuda/launch/runtime.h"

namespace saln {
namespace {

__global__ void __launch_bounds__(device::SplitGram::threads, 1) split_gram(const __grid_constant__ device::Call call) {
  device::Memory shared(device::shared_base());
  device::SplitGram(call, shared).run();
}

}  // namespace

void launch_split_gram(const device::Call& call, int64_t grid, int64_t shared_bytes, int device, void* stream) {
  static OnceADevice prepared;
  launch_kernel(&split_gram, prepared, device, grid, device::SplitGram::threads, shared_bytes, stream, call);
}

}  // namespace saln
