#include "cuda/launch/launch.cuh"

namespace saln {

void launch_matrix_free_double(const device::Call& call, int64_t grid, int64_t shared_bytes, void* stream) {
  launch<device::MatrixFreeKernel<double>>(call, grid, shared_bytes, stream);
}

}  // namespace saln
