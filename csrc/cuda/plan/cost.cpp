#include "cuda/plan/cost.h"

#include <algorithm>
#include <cmath>

#include "cuda/gram/split_gram.cuh"
#include "cuda/plan/instructions.h"

namespace saln {
namespace {

// Share of a scheduler's issue slots that are used, by the warps it has. On an H200 it was 0.31, 0.62 and 0.64 with 2,
// 4 and 5 of them (docs/log/first-gpu.md).
double issued(double warps) { return warps / (warps + 3); }
// Cycles of a block-wide step that nothing hides: barriers, reductions, a square root and a division.
constexpr double kStepCycles = 900;
// Share of Hopper's rate that mma.sync reaches (Luo et al. 2024, "Benchmarking and dissecting the NVIDIA Hopper GPU
// architecture via microbenchmarking").
constexpr double kSynchronous = 0.62;

double gram_operations(const Problem& problem, const Plan& n) {
  if (!has_products(problem) || n.side == Side::matrix_free) return 0;
  const double order = double(n.order);
  const double inner =
      double(n.side == Side::covariance ? problem.size : problem.features.cols + problem.residuals.cols);
  return double(problem.n_candidates) * order * (order + 1) * inner;
}

// Operations over the unit's rate and bytes over bandwidth; the largest is the floor.
void find_floor(const Problem& problem, const Gpu& gpu, CudaPlan& p) {
  const int64_t element = element_bytes(problem);
  const double pool = double(problem.features.rows) * double(problem.features.cols) * double(element);
  const bool cached = has_products(problem) && pool > 0 && pool <= double(gpu.l2_bytes);
  // Split float32 takes three products of tf32.
  const double rate = element == 8         ? gpu.double_rate
                      : element == 2       ? gpu.half_rate
                      : problem.allow_tf32 ? gpu.tf32_rate
                                           : std::max(gpu.tf32_rate / 3, gpu.float_rate);
  const double gram = gram_operations(problem, p.numbers);
  const struct {
    double seconds;
    const char* by;
  } parts[] = {{p.numbers.bytes / (cached ? gpu.l2 : gpu.memory),
                cached ? "rows gathered from L2" : "rows gathered from memory"},
               {gram / rate, "Gram matrices"},
               {(p.numbers.flops - gram) / (element == 8 ? gpu.double_rate : gpu.float_rate), "solver"}};
  for (const auto& part : parts)
    if (part.seconds > p.floor_seconds) {
      p.floor_seconds = part.seconds;
      p.floor_by = part.by;
    }
}

// Seconds in which a matrix that lies in the workspace is read again and again: at every step of Lanczos, or, and
// written too, at every step of the reduction.
double streaming(const Problem& problem, const Gpu& gpu, const CudaPlan& p) {
  const Plan& n = p.numbers;
  if (!facts_of(p.kernel).streams || n.need != Need::eigenvalues) return 0;
  const double order = double(n.order), matrix = order * order / 2 * (is_wide(problem) ? 8 : 4);
  const double passes = n.solver == Solver::randomized ? double(n.n_iter) : 2 * order / 3;
  const bool cached = double(p.grid) * matrix <= double(gpu.l2_bytes);
  return double(problem.n_candidates) * passes * matrix / (cached ? gpu.l2 : gpu.memory);
}

// Steps of a candidate, whose latency nothing hides but other blocks.
double steps_of(const Plan& n, bool in_registers) {
  if (n.need == Need::pivots) return 0.3 * double(n.order);
  if (n.need != Need::eigenvalues) return 0;
  if (n.solver == Solver::randomized) return double(n.n_iter);
  return double(n.order) * (in_registers ? 0.45 : 1) + (n.vectors ? 6 * double(n.count) : 0);  // one sum, two barriers
}

// Seconds in which Gram matrices are formed in parts: by instructions, by products, or by the rows that each unit
// reads.
double splitting(const Problem& problem, const Gpu& gpu, const CudaPlan& p) {
  if (p.choice.parts == 0) return 0;
  using device::SplitGram;
  const double candidates = double(problem.n_candidates), blocks = candidates * double(p.blocks_a_matrix);
  const double busy = std::min(double(gpu.multiprocessors), blocks) * gpu.clock;
  const double issuing =
      candidates * predict_split_instructions(problem, p) / (4 * issued(SplitGram::threads / 32 / 4) * busy);
  const double units = SplitGram::units(p.numbers.order), triangles = SplitGram::triangles(p.numbers.order);
  const double rows = triangles * SplitGram::kWide + (units - triangles) * (SplitGram::kWide + SplitGram::kTall);
  const double reading = candidates * rows * double(problem.features.cols * element_bytes(problem)) / gpu.l2;
  const double rate = (element_bytes(problem) == 2 ? gpu.half_rate : gpu.tf32_rate / (problem.allow_tf32 ? 1 : 3)) *
                      (gpu.major == 9 ? kSynchronous : 1);
  return std::max({issuing, reading, gram_operations(problem, p.numbers) / rate});
}

// Seconds, by instructions that four schedulers issue and by steps whose latency the resident blocks share.
double predicted(const Problem& problem, const Gpu& gpu, const CudaPlan& p) {
  const double filled = std::ceil(double(p.grid) / p.blocks), candidates = double(problem.n_candidates);
  const double machine = std::min(double(gpu.multiprocessors), filled) * gpu.clock;
  const double share = issued(double(p.blocks) * p.threads / 32 / 4);
  const double issuing = candidates * predict_instructions(problem, p).sum() / (4 * share * machine);
  const double steps = steps_of(p.numbers, held_rows(p) > 0);
  const double waiting = candidates * steps * kStepCycles / (p.blocks * machine);
  const double solving = std::max({issuing, waiting, streaming(problem, gpu, p)});
  return std::max(p.floor_seconds, splitting(problem, gpu, p) + solving);
}

}  // namespace

void predict_cost(const Problem& problem, const Gpu& gpu, CudaPlan& plan) {
  find_floor(problem, gpu, plan);
  plan.seconds = predicted(problem, gpu, plan);
}

}  // namespace saln
