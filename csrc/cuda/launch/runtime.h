// What is asked of the CUDA runtime, with its errors thrown.
#pragma once
#include <cuda_runtime_api.h>

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

inline int current_device() {
  int device = 0;
  check(cudaGetDevice(&device), "saln_kernels: current device");
  return device;
}

}  // namespace saln
