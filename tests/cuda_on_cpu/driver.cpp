// Runs calls of the CUDA kernels as the ops do, launcher and all: requests on standard input, results on standard
// output. Every array has just the bytes it was sent with, every output is NaN before. Made for the host, over the
// shim, and for a GPU, with the same text: cuda_on_cpu/build.py.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "core/names.h"
#include "cuda/gram/split_gram.cuh"
#include "cuda/launch/run.h"
#include "request.h"

#if !defined(SALN_GUARD)  // a GPU: blocks run as they like, and nothing guards memory but the hardware
#define SALN_POISON(address, bytes)
#define SALN_UNPOISON(address, bytes)
namespace saln::simulator {
size_t gap;
bool runs_backward;
}  // namespace saln::simulator
#endif

namespace saln {
namespace {

void must(bool truth, const char* what) {
  if (truth) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::exit(4);
}

void must(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(error));
  std::exit(4);
}

void read(void* to, size_t bytes) { must(!bytes || std::fread(to, bytes, 1, stdin) == 1, "a whole request"); }
void write(const void* from, size_t bytes) { must(!bytes || std::fwrite(from, bytes, 1, stdout) == 1, "written"); }

// Device memory of exactly `bytes` bytes, `misalignment` after a multiple of 256; neither side of it may be touched.
class Block {
 public:
  explicit Block(int64_t bytes, int64_t misalignment = 0) : bytes_(size_t(bytes)), front_(size_t(misalignment)) {
    must(cudaMalloc(&memory_, bytes_ + front_), "memory");
    must(cudaMemset(memory_, 0xff, bytes_ + front_), "memory");
    SALN_POISON(memory_, front_);
  }
  Block(const Block&) = delete;
  ~Block() {
    SALN_UNPOISON(memory_, front_ + bytes_);
    must(cudaFree(memory_), "memory");
  }
  char* data() const { return static_cast<char*>(memory_) + front_; }
  void receive() const {
    std::vector<char> sent(bytes_);
    read(sent.data(), bytes_);
    must(cudaMemcpy(data(), sent.data(), bytes_, cudaMemcpyHostToDevice), "memory");
  }
  void send() const {
    std::vector<char> found(bytes_);
    must(cudaMemcpy(found.data(), data(), bytes_, cudaMemcpyDeviceToHost), "results");
    write(found.data(), bytes_);
  }

 private:
  void* memory_ = nullptr;
  size_t bytes_, front_;
};

struct Sent {
  explicit Sent(const Array& a) : array(a), block(a.bytes, a.misalignment) { block.receive(); }

  View view() const {
    if (!array.dtype[0]) return View();
    return {block.data(), dtype_of(array.dtype), array.rows, array.cols, array.row_stride, array.col_stride};
  }

  const Array& array;
  Block block;
};

Task task_of(const Request& r) {
  Task t;
  t.output = output_of(r.output);
  t.k = r.k;
  t.solver = solver_of(r.solver);
  t.n_iter = r.n_iter;
  t.seed = uint64_t(r.seed);
  t.criterion = criterion_of(r.criterion);
  t.parameter = r.parameter;
  return t;
}

// Bytes of values, vectors and bounds.
Response sizes_of(const Problem& p, const Task& t) {
  const int64_t C = p.n_candidates, b = p.size, element = is_wide(p) ? 8 : 4;
  const bool many = t.output == Output::eigvals || t.output == Output::eigh, fiedler = t.output == Output::fiedler;
  Response r{};
  r.values = C * element * (t.output == Output::gram ? b * b : many ? t.k : 1);
  r.vectors = t.output == Output::eigh ? C * b * t.k * element : fiedler ? C * b * element : 0;
  r.bounds = many || fiedler ? r.values : 0;
  return r;
}

void serve(const Request& r) {
  const Sent features(r.features), matrices(r.matrices), candidates(r.candidates), residuals(r.residuals),
      quality(r.quality);
  Problem p;
  p.features = features.view();
  p.matrices = matrices.view();
  p.matrix_stride = r.matrix_stride;
  p.candidates = candidates.block.data();
  p.candidates_int64 = r.candidates.dtype == std::string("int64");
  p.candidate_stride = r.candidates.row_stride;
  p.position_stride = r.candidates.col_stride;
  p.n_candidates = r.n_candidates;
  p.size = r.size;
  p.residuals = residuals.view();
  p.quality = quality.view();
  p.similarity = similarity_of(r.similarity);
  p.center = r.center;
  p.gamma = r.gamma;
  p.laplacian = laplacian_of(r.laplacian);
  p.negative = negative_of(r.negative);
  p.allow_tf32 = r.allow_tf32;
  const Task t = task_of(r);

  Response answer = sizes_of(p, t);
  const Block values(answer.values), vectors(answer.vectors), bounds(answer.bounds);
  const Results results = {values.data(), answer.vectors ? vectors.data() : nullptr,
                           answer.bounds ? bounds.data() : nullptr};

  Gpu gpu = gpu_of(0);
  if (r.shared_limit) gpu.shared_per_block = r.shared_limit;
  simulator::gap = 0;
  CudaPlan plan = make_cuda_plan(p, t, gpu);
  must(!r.shared_limit || plan.shared_bytes <= r.shared_limit, "the plan keeps to the limit");

  answer.near_is_shared = plan.choice.near_is_shared;
  answer.basis_is_shared = plan.choice.basis_is_shared;
  answer.parts = plan.choice.parts;
  answer.threads = plan.threads;
  answer.shared_bytes = plan.shared_bytes;
  answer.workspace_bytes = plan.workspace_bytes;
  std::strncpy(answer.kernel, facts_of(plan.kernel).name, sizeof answer.kernel - 1);
#if defined(SALN_ASAN)
  simulator::gap = 64;
#endif
  // With what guards the pieces of memory, where something does.
  const device::Footprint guarded = facts_of(plan.kernel).measure(call_of(p, t, results, plan, nullptr));
  if (r.grid) plan.grid = r.grid;
  // In parts, fewer candidates a launch, too.
  if (r.grid && plan.choice.parts > 0) plan.at_once = std::min(plan.at_once, 2 * r.grid);
  answer.grid = plan.grid;
  plan.shared_bytes = int64_t(guarded.shared);
  plan.split_shared_bytes = device::SplitGram::shared_bytes(call_of(p, t, results, plan, nullptr));
  plan.block_bytes = int64_t(guarded.workspace);
  plan.workspace_bytes = plan.grid * plan.block_bytes + plan.parts_bytes;
  const Block workspace(plan.workspace_bytes);
  simulator::runs_backward = r.backward;
  run_cuda(p, t, plan, results, workspace.data(), 0, nullptr);
  must(cudaDeviceSynchronize(), "the kernel");

  write(&answer, sizeof answer);
  for (const Block* block : {&values, &vectors, &bounds}) block->send();
  std::fflush(stdout);
}

}  // namespace
}  // namespace saln

int main() {
  saln::Request request;
  for (int number = 0; std::fread(&request, sizeof request, 1, stdin) == 1; ++number) {
    // Shown if a sanitizer ends it.
    std::fprintf(stderr, "call %d: %s, b %d\n", number, request.output, int(request.size));
    saln::serve(request);
  }
}
