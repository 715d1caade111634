#include "cuda/launch/launch.cuh"

namespace saln {

void launch_registers128(const device::Call& call, int64_t grid, int64_t shared_bytes, void* stream) {
  launch<device::RegisterKernel<128, 128>>(call, grid, shared_bytes, stream);
}

}  // namespace saln
