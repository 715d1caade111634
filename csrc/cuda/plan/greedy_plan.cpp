#include "cuda/plan/greedy_plan.h"

#include <algorithm>

#include "cuda/greedy/greedy.cuh"

namespace saln {
namespace {

using device::GreedyCall;
using device::GreedyFootprint;

// Workspace of all blocks together stays under this, at the price of fewer blocks.
constexpr int64_t kWorkspace = int64_t(512) << 20;
// Share of issue slots that is used, and cycles of a pick that nothing hides: barriers and the best of all rows.
constexpr double kIssued = 0.6, kPickCycles = 3000;

template <class T>
GreedyFootprint measure(const GreedyCall& call) {
  switch (call.task.method) {
    case Greedy::maxvol:
      return device::greedy_footprint<device::GreedyMaxVol<T>>(call);
    case Greedy::k_center:
      return device::greedy_footprint<device::GreedyKCenter<T>>(call);
    case Greedy::logdet:
      return device::greedy_footprint<device::GreedyLogDet<T>>(call);
  }
  __builtin_unreachable();
}

// Registers of a thread, as compiled for sm_90a (bench/kernel_table.py reads them off the library).
int registers_of(Greedy method, bool wide) {
  switch (method) {
    case Greedy::maxvol:
      return wide ? 86 : 72;
    case Greedy::k_center:
      return 72;
    case Greedy::logdet:
      return wide ? 116 : 96;
  }
  __builtin_unreachable();
}

// The array of size × b moves out to the workspace first, then those of b numbers.
void lay_out(const Problem& problem, const GreedyTask& task, const Gpu& gpu, CudaGreedyPlan& p) {
  GreedyCall call;
  call.problem = problem;
  call.task = task;
  const auto fits = [&](bool vectors, bool matrix) {
    call.vectors_are_shared = p.vectors_are_shared = vectors;
    call.matrix_is_shared = p.matrix_is_shared = matrix;
    const GreedyFootprint bytes = is_wide(problem) ? measure<double>(call) : measure<float>(call);
    p.shared_bytes = int64_t(bytes.shared);
    p.workspace_bytes = int64_t(bytes.workspace);
    return p.shared_bytes <= gpu.shared_per_block;
  };
  if (!fits(true, true) && !fits(true, false)) fits(false, false);
}

// Warp instructions of a call: four to a product of 32 numbers, ten to a warp's sum and its row.
double instructions(const Problem& problem, const CudaGreedyPlan& p) {
  const double sums = p.numbers.products / (2 * double(std::max<int64_t>(1, problem.features.cols)));
  return p.numbers.products / 2 / 32 * 4 + sums * 10 + p.numbers.rest / 2 / 32 * 4;
}

void predict_cost(const Problem& problem, const Gpu& gpu, CudaGreedyPlan& p) {
  const bool wide = is_wide(problem);
  const double element = problem.features.dtype == DType::float64   ? 8
                         : problem.features.dtype == DType::float32 ? 4
                                                                    : 2;
  const bool cached = double(problem.features.rows) * double(problem.features.cols) * element <= double(gpu.l2_bytes);
  const double reading = p.numbers.rows_bytes / (cached ? gpu.l2 : gpu.memory);
  const double computing = p.numbers.products / (wide ? gpu.double_rate : gpu.float_rate);
  // Rows are read again and again by the blocks that run at once.
  const double at_once = p.numbers.rows_bytes * double(p.grid) / double(std::max<int64_t>(1, problem.n_candidates));
  const double again = p.numbers.bytes / (cached || at_once <= double(gpu.l2_bytes) ? gpu.l2 : gpu.memory);
  p.floor_seconds = std::max(reading, computing);
  p.floor_by = computing > reading ? "arithmetic" : cached ? "rows gathered from L2" : "rows gathered from memory";
  const double machine = double(std::min<int64_t>(gpu.multiprocessors, p.grid)) * gpu.clock;
  const double issuing = instructions(problem, p) / (4 * kIssued * machine);
  const double waves = double((problem.n_candidates + p.grid - 1) / p.grid);
  const double waiting = waves * double(p.numbers.picks) * kPickCycles / gpu.clock;
  p.seconds = std::max({p.floor_seconds, again, issuing, waiting});
}

}  // namespace

CudaGreedyPlan make_cuda_plan(const Problem& problem, const GreedyTask& task, const Gpu& gpu) {
  CudaGreedyPlan p;
  p.numbers = make_greedy_plan(problem, task, false, 16, 1);
  lay_out(problem, task, gpu, p);
  p.threads = device::GreedyGroup::threads;
  p.registers = registers_of(task.method, is_wide(problem));
  p.blocks = resident_blocks(gpu, p.threads, p.registers, p.shared_bytes);
  p.grid = std::max<int64_t>(1, std::min(problem.n_candidates, int64_t(gpu.multiprocessors) * p.blocks));
  if (p.workspace_bytes > 0) p.grid = std::max<int64_t>(1, std::min(p.grid, kWorkspace / p.workspace_bytes));
  p.workspace_bytes *= p.grid;
  predict_cost(problem, gpu, p);
  return p;
}

}  // namespace saln
