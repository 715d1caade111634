// What is asked of the CUDA runtime, with its errors thrown.
#pragma once
#include <cuda_runtime.h>

#include <array>
#include <mutex>
#include <stdexcept>
#include <string>

namespace saln {

inline void check(cudaError_t error, const char* what) {
  if (error != cudaSuccess) throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(error));
}

inline int attribute(cudaDeviceAttr which, int device) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, which, device), "saln_kernels: device attribute");
  return value;
}

// Something to be done once on every device, by whichever thread comes first; what throws is tried again.
class OnceADevice {
 public:
  template <class Work>
  void operator()(int device, const Work& work) {
    if (device < 0 || device >= kDevices) throw std::runtime_error("saln_kernels: a device number beyond 63");
    std::call_once(done_[size_t(device)], work);
  }
  static constexpr int kDevices = 64;

 private:
  std::array<std::once_flag, kDevices> done_;
};

// Launches a kernel on a device's stream. The device becomes the calling thread's, in this copy of the runtime too:
// PyTorch has its own. Once a kernel and device, what it may take of shared memory is raised to all there is, of which
// the cache keeps as little as it can. Written without <<< >>>, so that a host compiler takes it as well.
template <class Call>
void launch_kernel(void (*kernel)(Call), OnceADevice& prepared, int device, int64_t grid, int threads,
                   int64_t shared_bytes, void* stream, const Call& call) {
  check(cudaSetDevice(device), "saln_kernels: device");
  prepared(device, [=] {
    const int all = attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
    check(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize, all),
          "saln_kernels: shared memory");
    check(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributePreferredSharedMemoryCarveout,
                               cudaSharedmemCarveoutMaxShared),
          "saln_kernels: carve-out of shared memory");
  });
  cudaLaunchConfig_t how{};
  how.gridDim = dim3(unsigned(grid));
  how.blockDim = dim3(unsigned(threads));
  how.dynamicSmemBytes = size_t(shared_bytes);
  how.stream = static_cast<cudaStream_t>(stream);
  check(cudaLaunchKernelEx(&how, kernel, call), "saln_kernels: launch");
}

}  // namespace saln
