// The ops of CUDA: results and workspace from PyTorch's allocator, the caller's device and stream, no synchronisation.
// Built against a PyTorch without CUDA too; what only one with CUDA has is looked up when the first op runs.
#include "api/ops.h"

#include <dlfcn.h>
#include <torch/csrc/stable/accelerator.h>

#include "api/greedy_ops.h"
#include "api/ops_namespace.h"
#include "cuda/greedy/greedy_run.h"
#include "cuda/launch/run.h"

namespace {

using torch::stable::Tensor;

// The native handle of the current stream. In the stable ABI it is from 2.13 on; libtorch_cuda has had it all along,
// and is loaded wherever there are tensors on a CUDA device.
void* current_stream(int32_t device) {
  using Lookup = AOTITorchError (*)(int32_t device, void** stream);
  static const Lookup lookup = [] {
    void* library = dlopen("libtorch_cuda.so", RTLD_LAZY | RTLD_NOLOAD);
    void* symbol = library ? dlsym(library, "aoti_torch_get_current_cuda_stream") : nullptr;
    STD_TORCH_CHECK(symbol, "this PyTorch does not say which CUDA stream is current: install one built for CUDA");
    return reinterpret_cast<Lookup>(symbol);
  }();
  void* stream = nullptr;
  TORCH_ERROR_CODE_CHECK(lookup(device, &stream));
  return stream;
}

bool is_empty(const saln::Task&) { return false; }
bool is_empty(const saln::GreedyTask& task) { return task.size == 0; }

// Whatever the task, `make_cuda_plan` and `run_cuda` know it.
template <class Task, class Results>
void launch(const Tensor& like, const saln::Problem& problem, const Task& task, const Results& results) {
  STD_TORCH_CHECK(like.is_cuda(), "expected tensors on a CUDA device");
  if (problem.n_candidates == 0 || is_empty(task)) return;
  const int32_t device = like.get_device_index();
  const torch::stable::accelerator::DeviceGuard guard(device);
  Tensor workspace;
  void* memory = nullptr;
  const auto plan = make_cuda_plan(problem, task, saln::gpu_of(device));
  if (plan.workspace_bytes > 0) {
    // The allocator gives it to nobody else before what is launched here on this stream has run.
    workspace = torch::stable::new_empty(like, {plan.workspace_bytes}, torch::headeronly::ScalarType::Byte);
    memory = workspace.mutable_data_ptr();
  }
  saln::run_cuda(problem, task, plan, results, memory, device, current_stream(device));
}

struct Cuda {
  static void run(const Tensor& like, const saln::Problem& problem, const saln::Task& task,
                  const saln::Results& results) {
    launch(like, problem, task, results);
  }
  static void run(const Tensor& like, const saln::Problem& problem, const saln::GreedyTask& task,
                  const saln::GreedyResults& results) {
    launch(like, problem, task, results);
  }
};

}  // namespace

SALN_LIBRARY_IMPL(CUDA, m) {
  saln::Ops<Cuda>::implement(m);
  saln::GreedyOps<Cuda>::implement(m);
}

// What the library was built with and for: Python finds it in the file, so that one that does not fit is never loaded.
[[gnu::used]] static const char build[] =
    C10_STRINGIZE(SALN_OPS_NAMESPACE) "_cuda_build {\"version\": \"" SALN_VERSION "\", \"nvcc\": \"" SALN_NVCC
                                      "\", \"archs\": \"" SALN_CUDA_ARCHS "\", \"ptx\": \"" SALN_CUDA_PTX "\"}";
