// Runs calls of the CUDA kernels as the launcher does, on the host: requests on standard input, results on standard
// output. Every array has just the bytes it was sent with, every output is NaN before.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/names.h"
#include "cuda/plan/plan.h"
#include "kernel.h"
#include "request.h"

namespace saln {

#define SALN_KERNEL(name, ...) extern const SimulatedKernel name;
#include "cuda/kernels/kernels.def"

namespace {

// As the launcher chooses.
const SimulatedKernel& kernel_of(Kernel kernel) {
  switch (kernel) {
#define SALN_KERNEL(name, ...) \
  case Kernel::name:           \
    return name;
#include "cuda/kernels/kernels.def"
  }
  std::abort();
}

void must(bool truth, const char* what) {
  if (truth) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::exit(4);
}

void read(void* to, size_t bytes) { must(!bytes || std::fread(to, bytes, 1, stdin) == 1, "a whole request"); }
void write(const void* from, size_t bytes) { must(!bytes || std::fwrite(from, bytes, 1, stdout) == 1, "written"); }

// Memory of exactly `bytes` bytes, `misalignment` after a multiple of 256; neither side of it may be touched.
class Block {
 public:
  explicit Block(int64_t bytes, int64_t misalignment = 0) : bytes_(size_t(bytes)), front_(size_t(misalignment)) {
    must(posix_memalign(&memory_, 256, bytes_ + front_) == 0, "memory");
    std::memset(memory_, 0xff, bytes_ + front_);
    SALN_POISON(memory_, front_);
  }
  Block(const Block&) = delete;
  ~Block() {
    SALN_UNPOISON(memory_, front_ + bytes_);
    std::free(memory_);
  }
  char* data() const { return static_cast<char*>(memory_) + front_; }

 private:
  void* memory_ = nullptr;
  size_t bytes_, front_;
};

struct Sent {
  explicit Sent(const Array& a) : array(a), block(a.bytes, a.misalignment) { read(block.data(), size_t(a.bytes)); }

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

  Gpu gpu;
  if (r.shared_limit) gpu.shared_per_block = r.shared_limit;
  simulator::gap = 0;
  const CudaPlan plan = make_cuda_plan(p, t, gpu);
  const SimulatedKernel& kernel = kernel_of(plan.kernel);
  device::Call call = call_of(p, t, results, plan, nullptr);
  must(plan.threads == kernel.threads, "the plan knows the kernel's threads");
  must(plan.shared_bytes == int64_t(kernel.measure(call).shared), "the plan knows the kernel's shared memory");
  must(plan.workspace_bytes == plan.grid * int64_t(kernel.measure(call).workspace),
       "the plan knows the kernel's workspace");
  must(!r.shared_limit || plan.shared_bytes <= r.shared_limit, "the plan keeps to the limit");

  answer.grid = r.grid ? r.grid : plan.grid;
  answer.near_is_shared = plan.choice.near_is_shared;
  answer.basis_is_shared = plan.choice.basis_is_shared;
  answer.threads = plan.threads;
  answer.shared_bytes = plan.shared_bytes;
  answer.workspace_bytes = plan.workspace_bytes;
  std::strncpy(answer.kernel, facts_of(plan.kernel).name, sizeof answer.kernel - 1);
#if !defined(SALN_TSAN)
  simulator::gap = 64;
#endif
  const device::Footprint guarded = kernel.measure(call);
  const Block workspace(answer.grid * int64_t(guarded.workspace));
  call.workspace = workspace.data();
  call.workspace_stride = int64_t(guarded.workspace);
  kernel.launch(call, answer.grid, int64_t(guarded.shared), r.backward);

  write(&answer, sizeof answer);
  write(values.data(), size_t(answer.values));
  write(vectors.data(), size_t(answer.vectors));
  write(bounds.data(), size_t(answer.bounds));
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
