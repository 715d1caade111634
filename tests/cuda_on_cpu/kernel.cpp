// One of the kernels, compiled for the host: SALN_KERNEL is its class, SALN_NAME what driver.cpp knows it by.
#include "kernel.h"

#include "cuda/kernels/kernels.cuh"

namespace saln {

using Simulated = device::SALN_KERNEL;

extern const SimulatedKernel SALN_NAME;
const SimulatedKernel SALN_NAME = {
    Simulated::threads,
    &device::footprint<Simulated>,
    [](const device::Call& call, int64_t grid, int64_t shared_bytes, bool backward) {
      simulator::launch(
          int(grid), Simulated::threads, size_t(shared_bytes), [&](char*) { device::run_block<Simulated>(call); },
          backward);
    },
};

}  // namespace saln
