#include "cuda/launch/launch.cuh"

namespace saln {

void launch_global_double(const device::Call& call, int64_t grid, int64_t shared_bytes, void* stream) {
  launch<device::MemoryKernel<double, false>>(call, grid, shared_bytes, stream);
}

}  // namespace saln
