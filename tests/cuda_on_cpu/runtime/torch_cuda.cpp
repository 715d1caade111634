// What a PyTorch built for CUDA has and the one here may lack, as far as csrc/cuda/launch/ops.cpp asks for it: tensors
// on a device, of host memory; the device guard; the current stream, in a library that is looked up. Hidden, so that
// whatever else is in the process keeps its own.
#include <ATen/core/TensorBase.h>
#include <c10/core/TensorImpl.h>

#include <string_view>

#define HIDDEN extern "C" __attribute__((visibility("hidden")))

namespace {

thread_local int current_device = 0;  // PyTorch's: it has a CUDA runtime of its own
int64_t number_of_stream = 0;
bool is_loaded = true;

int32_t current_stream(int32_t device, void** stream) {
  *stream = reinterpret_cast<void*>(number_of_stream ? 16 * device + number_of_stream : 0);
  return 0;
}

}  // namespace

HIDDEN void* dlopen(const char* name, int) noexcept {
  return is_loaded && name == std::string_view("libtorch_cuda.so") ? &is_loaded : nullptr;
}
HIDDEN void* dlsym(void*, const char* name) noexcept {
  const bool asked = name == std::string_view("aoti_torch_get_current_cuda_stream");
  return asked ? reinterpret_cast<void*>(&current_stream) : nullptr;
}

// As c10::DeviceGuard: back to the device that was current before.
HIDDEN int32_t aoti_torch_create_device_guard(int32_t device, void** guard) {
  *guard = new int(current_device);
  current_device = device;
  return 0;
}
HIDDEN int32_t aoti_torch_delete_device_guard(void* guard) {
  current_device = *static_cast<int*>(guard);
  delete static_cast<int*>(guard);
  return 0;
}

extern "C" {

// An at::Tensor that Python takes over.
void* saln_tensor_on(int device, void* data, int64_t bytes, int64_t dims, const int64_t* sizes, const int64_t* strides,
                     int dtype) {
  const c10::Device where(c10::DeviceType::CUDA, c10::DeviceIndex(device));
  c10::Storage storage(c10::Storage::use_byte_size_t{}, size_t(bytes), c10::DataPtr(data, where));
  auto tensor = c10::make_intrusive<c10::TensorImpl>(std::move(storage), c10::DispatchKeySet(c10::DispatchKey::CUDA),
                                                     c10::scalarTypeToTypeMeta(c10::ScalarType(dtype)));
  tensor->set_sizes_and_strides({sizes, size_t(dims)}, {strides, size_t(dims)});
  return new at::TensorBase(std::move(tensor));
}

void saln_use_stream(int number) { number_of_stream = number; }
void saln_load_torch_cuda(bool loaded) { is_loaded = loaded; }
int saln_current_device() { return current_device; }
void saln_set_device(int device) { current_device = device; }
}
