// One of the kernels, compiled for the host: the one of cuda/kernels/kernels.def that SALN_KERNEL_NAME says.
#include "kernel.h"

#include "cuda/kernels/kernels.cuh"

namespace saln {

using Simulated = device::ClassOf<Kernel::SALN_KERNEL_NAME>;

extern const SimulatedKernel SALN_KERNEL_NAME;
const SimulatedKernel SALN_KERNEL_NAME = {
    Simulated::threads,
    &device::footprint<Simulated>,
    [](const device::Call& call, int64_t grid, int64_t shared_bytes, bool backward) {
      simulator::launch(
          int(grid), Simulated::threads, size_t(shared_bytes), [&](char*) { device::run_block<Simulated>(call); },
          backward);
    },
};

}  // namespace saln
