#include "cuda/plan/plan.h"

#include <algorithm>

#include "cuda/gram/split_gram.cuh"
#include "cuda/plan/cost.h"

namespace saln {
namespace {

using device::Call;
using device::Footprint;
using device::SplitGram;

// Workspace of all blocks together stays under this, at the price of fewer blocks, and so does that of all parts of
// Gram matrices, at the price of more launches.
constexpr int64_t kWorkspace = int64_t(512) << 20;

template <class K>
constexpr KernelFacts facts(const char* name, int registers) {
  return {name, registers, K::threads, K::kHeldRows, K::kStreams, device::footprint<K>};
}

// Whether Hopper's matrix unit can form the Gram matrix from rows in shared memory. Its panels are 256 rows whatever
// the candidate has; up to half of that, a warp's unit is faster.
bool serves_panels(const Problem& problem, const Plan& n, const Gpu& gpu) {
  using Panels = device::UnitPanels<device::Group<256>>;
  const bool products = problem.similarity != Similarity::precomputed && problem.similarity != Similarity::given &&
                        problem.similarity != Similarity::gradient;
  return gpu.major == 9 && gpu.minor == 0 && products && n.side == Side::gram && n.order > Panels::kRows / 2 &&
         n.order <= Panels::kRows && Panels::serves(problem.features);
}

bool has_transforms(const Problem& p) {
  return p.similarity == Similarity::cosine || p.similarity == Similarity::rbf || p.center || p.quality.data ||
         p.laplacian != Laplacian::none;
}

// Into how many parts of the columns the products are split among blocks; 0: a candidate's block forms its own.
int parts_of(const Problem& problem, const Plan& n) {
  const bool products = problem.similarity == Similarity::linear || problem.similarity == Similarity::cosine ||
                        problem.similarity == Similarity::rbf;
  const bool serves = products && n.side == Side::gram && !is_wide(problem) && n.order >= SplitGram::kSmallest &&
                      n.order <= SplitGram::kLargest;
  return serves ? SplitGram::parts(problem.features, n.order) : 0;
}

// The first kernel that can hold the call, with what lies where.
void choose_kernel(const Problem& problem, const Task& task, const Gpu& gpu, CudaPlan& p) {
  const Plan& n = p.numbers;
  const bool wide = is_wide(problem), exact = n.solver == Solver::exact;
  const auto fits = [&](Kernel kernel) {
    p.kernel = kernel;
    const Footprint f = facts_of(kernel).measure(call_of(problem, task, Results(), p, nullptr));
    p.shared_bytes = int64_t(f.shared);
    p.block_bytes = int64_t(f.workspace);
    return p.shared_bytes <= gpu.shared_per_block;
  };
  p.choice.near_is_shared = true;
  p.choice.basis_is_shared = false;
  if (n.side == Side::matrix_free) {
    p.reason = "Lanczos on X(Xᵀv): the Gram matrix would cost more than the products";
    const Kernel kernel = wide ? Kernel::matrix_free_double : Kernel::matrix_free;
    if (fits(kernel)) return;
    p.choice.near_is_shared = false;
    fits(kernel);
    return;
  }
  if (p.choice.parts > 0 && exact) {
    p.reason = "the matrix is larger than shared memory, and solved in the workspace";
    if (fits(Kernel::parts)) return;
    p.choice.near_is_shared = false;
    fits(Kernel::parts);
    return;
  }
  if (!wide && exact && n.side == Side::gram && n.order <= 128) {
    p.reason = "exact: the matrix fits a block's registers while it is reduced";
    if (fits(n.order <= 32 ? Kernel::registers32 : n.order <= 64 ? Kernel::registers64 : Kernel::registers128)) return;
  }
  if (!wide) {
    p.choice.in_panels = serves_panels(problem, n, gpu);
    const bool registers = n.order <= device::SpreadMatrix<device::Group<256>>::kOrder;
    p.choice.basis_is_shared = !exact;
    p.choice.in_registers = registers;
    const std::string in = registers ? "registers" : "shared memory";
    p.reason =
        exact ? "exact: the matrix fits a block's " + in + " while it is reduced" : "Lanczos on a matrix in " + in;
    if (fits(Kernel::shared)) return;
    p.choice.basis_is_shared = false;
    if (!exact) {
      p.choice.in_registers = false;
      p.reason = "Lanczos on a matrix in shared memory, its basis in the workspace";
    }
    if (fits(Kernel::shared)) return;
    p.choice.in_panels = false;
    if (fits(Kernel::shared)) return;
    p.choice.in_registers = false;
  }
  p.reason = wide ? "float64: the matrix lies in the workspace" : "the matrix is larger than shared memory";
  const Kernel kernel = wide ? Kernel::global_double : Kernel::global;
  if (fits(kernel)) return;
  p.choice.near_is_shared = false;
  fits(kernel);
}

// Candidates in as few launches, of about as many each, as the workspace allows.
void split(const Problem& problem, CudaPlan& p) {
  const int64_t each = SplitGram::elements(problem.size, p.choice.parts) * int64_t(sizeof(float));
  const int64_t launches = (p.at_once + kWorkspace / each - 1) / (kWorkspace / each);
  p.at_once = (p.at_once + launches - 1) / launches;
  p.parts_bytes = p.at_once * each;
  p.blocks_a_matrix = SplitGram::units(problem.size) * p.choice.parts;
  p.split_shared_bytes = SplitGram::shared_bytes(call_of(problem, Task(), Results(), p, nullptr));
  p.reason += "; products by " + std::to_string(p.blocks_a_matrix) + " blocks a matrix, in " +
              std::to_string(p.choice.parts) + (p.choice.parts > 1 ? " parts" : " part") + " of the columns";
}

void occupy(const Problem& problem, const Gpu& gpu, CudaPlan& p) {
  p.threads = facts_of(p.kernel).threads;
  p.registers = facts_of(p.kernel).registers;
  p.blocks = resident_blocks(gpu, p.threads, p.registers, p.shared_bytes);
  p.grid = std::max<int64_t>(1, std::min(problem.n_candidates, int64_t(gpu.multiprocessors) * p.blocks));
  if (p.block_bytes > 0) p.grid = std::max<int64_t>(1, std::min(p.grid, kWorkspace / p.block_bytes));
  p.at_once = std::max<int64_t>(1, problem.n_candidates);
  if (p.choice.parts > 0) split(problem, p);
  p.workspace_bytes = p.grid * p.block_bytes + p.parts_bytes;
}

}  // namespace

int resident_blocks(const Gpu& gpu, int threads, int registers, int64_t shared_bytes) {
  // Warps sit on one of four partitions, each with a quarter of the registers.
  const int64_t warps = threads / 32, granted = (registers * 32 + 255) / 256 * 256;
  const int64_t resident = gpu.registers_per_multiprocessor / 4 / granted * 4;
  int64_t blocks = std::min<int64_t>(gpu.blocks_per_multiprocessor, gpu.warps_per_multiprocessor / warps);
  blocks = std::min(blocks, resident / warps);
  blocks = std::min(blocks, gpu.shared_per_multiprocessor / (shared_bytes + gpu.shared_reserved));
  return int(std::max<int64_t>(1, blocks));
}

device::Call call_of(const Problem& problem, const Task& task, const Results& results, const CudaPlan& plan,
                     void* workspace) {
  Call call;
  call.problem = problem;
  call.task = task;
  call.results = results;
  call.choice = plan.choice;
  call.workspace = static_cast<char*>(workspace);
  call.workspace_stride = plan.block_bytes;
  if (workspace && plan.parts_bytes > 0)
    call.parts = reinterpret_cast<float*>(call.workspace + plan.grid * plan.block_bytes);
  return call;
}

CudaPlan make_cuda_plan(const Problem& problem, const Task& task, const Gpu& gpu) {
  CudaPlan p;
  p.numbers = make_plan(shape_of(problem, task, 16, 1));
  const Plan& n = p.numbers;
  p.choice.need = n.need;
  p.choice.solver = n.solver;
  p.choice.side = n.side;
  p.choice.transforms = n.side == Side::gram && has_transforms(problem);
  p.choice.fiedler = n.fiedler;
  p.choice.vectors = n.vectors;
  p.choice.order = int(n.order);
  p.choice.count = int(n.count);
  p.choice.n_iter = int(n.n_iter);
  p.choice.parts = parts_of(problem, n);
  choose_kernel(problem, task, gpu, p);
  occupy(problem, gpu, p);
  predict_cost(problem, gpu, p);
  return p;
}

const KernelFacts& facts_of(Kernel kernel) {
  static constexpr KernelFacts table[] = {
#define SALN_KERNEL(name, registers, ...) facts<device::ClassOf<Kernel::name>>(#name, registers),
#include "cuda/kernels/kernels.def"
  };
  return table[int(kernel)];
}

}  // namespace saln
