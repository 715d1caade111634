// The kernels: one block a candidate, blocks stepping through the candidates. Each is a class whose constructor lays
// out its memory, on the host to measure and on the device to work.
#pragma once
#include "cuda/kernels/matrix_free_kernel.cuh"
#include "cuda/kernels/memory_kernel.cuh"
#include "cuda/kernels/parts_kernel.cuh"
#include "cuda/kernels/register_kernel.cuh"

namespace saln {

enum class Kernel {
#define SALN_KERNEL(name, registers, ...) name,
#include "cuda/kernels/kernels.def"
};

namespace device {

template <Kernel>
struct Named;
#define SALN_KERNEL(name, registers, ...) \
  template <>                             \
  struct Named<Kernel::name> {            \
    using Class = __VA_ARGS__;            \
  };
#include "cuda/kernels/kernels.def"
template <Kernel kKernel>
using ClassOf = typename Named<kKernel>::Class;

}  // namespace device
}  // namespace saln
