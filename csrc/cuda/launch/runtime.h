// What is asked of the CUDA runtime, with its errors thrown.
#pragma once
#include <cuda_runtime_api.h>

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

// The device becomes the calling thread's, in this copy of the runtime too: PyTorch has its own. What a kernel may take
// of shared memory is raised to all there is, of which the cache keeps as little as it can; once a kernel and device.
inline void prepare(OnceADevice& once, int device, const void* kernel) {
  check(cudaSetDevice(device), "saln_kernels: device");
  once(device, [=] {
    const int all = attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, all),
          "saln_kernels: shared memory");
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributePreferredSharedMemoryCarveout, cudaSharedmemCarveoutMaxShared),
          "saln_kernels: carve-out of shared memory");
  });
}

}  // namespace saln
