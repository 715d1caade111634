// One kernel on the host, whatever its class.
#pragma once
#include <cstdint>

#include "cuda/kernels/parts.cuh"

namespace saln {

struct SimulatedKernel {
  int threads;
  device::Footprint (*measure)(const device::Call& call);
  void (*launch)(const device::Call& call, int64_t grid, int64_t shared_bytes, bool backward);
};

}  // namespace saln
