#include "cuda_runtime.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace {

constexpr int kDevices = 4;
// Of an H100, as csrc/cuda/plan/plan.h has them; the last device has a single multiprocessor.
constexpr int kSharedOfBlock = 227 << 10;

thread_local int current_device = 0;

std::mutex one_asks, one_launches;
std::string record, failing;                           // a line for every call that changes something
std::vector<const void*> kernels;                      // in the order of their first appearance
std::map<std::pair<int, const void*>, int> shared_of;  // bytes that a kernel may take on a device

int number_of(const void* kernel) {
  for (size_t i = 0; i < kernels.size(); ++i)
    if (kernels[i] == kernel) return int(i);
  kernels.push_back(kernel);
  return int(kernels.size()) - 1;
}

// What a call returns; the record has the call by its name, with its arguments.
cudaError_t answer(const char* name, const std::string& arguments, cudaError_t error = cudaSuccess) {
  if (failing == name) error = cudaErrorInvalidValue;
  record += name + arguments + (error == cudaSuccess ? "\n" : " refused\n");
  return error;
}

std::string words(std::initializer_list<int64_t> numbers) {
  std::string text;
  for (const int64_t number : numbers) text += " " + std::to_string(number);
  return text;
}

}  // namespace

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorInvalidConfiguration:
      return "invalid configuration argument";
    case cudaErrorInvalidDevice:
      return "invalid device ordinal";
    case cudaErrorInvalidResourceHandle:
      return "invalid resource handle";
  }
  return "unrecognized error code";
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr which, int device) {
  const std::lock_guard lock(one_asks);
  switch (which) {
    case cudaDevAttrMultiProcessorCount:
      *value = device == kDevices - 1 ? 1 : 132;
      break;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      *value = 2048;
      break;
    case cudaDevAttrComputeCapabilityMajor:
      *value = 9;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = 0;
      break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = 228 << 10;
      break;
    case cudaDevAttrMaxRegistersPerMultiprocessor:
      *value = 65536;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = kSharedOfBlock;
      break;
    case cudaDevAttrMaxBlocksPerMultiprocessor:
      *value = 32;
      break;
    case cudaDevAttrReservedSharedMemoryPerBlock:
      *value = 1 << 10;
      break;
  }
  const bool there = device >= 0 && device < kDevices;
  return answer("cudaDeviceGetAttribute", words({device}), there ? cudaSuccess : cudaErrorInvalidDevice);
}

cudaError_t cudaSetDevice(int device) {
  const std::lock_guard lock(one_asks);
  if (device < 0 || device >= kDevices) return answer("cudaSetDevice", words({device}), cudaErrorInvalidDevice);
  const cudaError_t error = answer("cudaSetDevice", words({device}));
  if (error == cudaSuccess) current_device = device;
  return error;
}

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute which, int value) {
  const std::lock_guard lock(one_asks);
  const bool bytes = which == cudaFuncAttributeMaxDynamicSharedMemorySize;
  const bool good = value >= 0 && value <= (bytes ? kSharedOfBlock : cudaSharedmemCarveoutMaxShared);
  const cudaError_t error =
      answer(bytes ? "cudaFuncSetAttribute shared" : "cudaFuncSetAttribute carve-out",
             words({number_of(kernel), current_device, value}), good ? cudaSuccess : cudaErrorInvalidValue);
  if (bytes && error == cudaSuccess) shared_of[{current_device, kernel}] = value;
  return error;
}

cudaError_t cudaMalloc(void** memory, size_t bytes) {
  return posix_memalign(memory, 256, bytes) ? cudaErrorInvalidValue : cudaSuccess;
}
cudaError_t cudaFree(void* memory) {
  std::free(memory);
  return cudaSuccess;
}
cudaError_t cudaMemset(void* memory, int value, size_t bytes) {
  std::memset(memory, value, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind) {
  if (bytes) std::memcpy(to, from, bytes);
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }

namespace saln::simulator {

// Gaps between the pieces of memory may take more than there is.
// A stream's handle is 16 times its device plus its number, from 1 on: the null stream is every device's.
cudaError_t accept_launch(const void* kernel, const cudaLaunchConfig_t& how) {
  const std::lock_guard lock(one_asks);
  const auto stream = reinterpret_cast<int64_t>(how.stream);
  const auto allowed = shared_of.find({current_device, kernel});
  const size_t most = allowed == shared_of.end() ? 48 << 10 : size_t(allowed->second);
  cudaError_t error = cudaSuccess;
  if (how.gridDim.x < 1 || how.blockDim.x < 1 || how.blockDim.x > 1024) error = cudaErrorInvalidConfiguration;
  if (how.dynamicSmemBytes > most && !gap) error = cudaErrorInvalidValue;
  if (stream && stream / 16 != current_device) error = cudaErrorInvalidResourceHandle;
  return answer(
      "cudaLaunchKernelEx",
      words({number_of(kernel), current_device, how.gridDim.x, how.blockDim.x, int64_t(how.dynamicSmemBytes), stream}),
      error);
}

void run_launch(const cudaLaunchConfig_t& how, void (*body)(void*, char*), void* context) {
  const std::lock_guard lock(one_launches);
  launch(int(how.gridDim.x), int(how.blockDim.x), how.dynamicSmemBytes, runs_backward, body, context);
}

}  // namespace saln::simulator

// For tests, through ctypes.
extern "C" {

// What was asked since the last time.
const char* saln_take_record() {
  const std::lock_guard lock(one_asks);
  static std::string taken;
  taken.swap(record);
  record.clear();
  return taken.c_str();
}

// The call that fails from now on; none if empty.
void saln_fail(const char* call) {
  const std::lock_guard lock(one_asks);
  failing = call;
}
}
