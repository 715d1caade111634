#include "cuda/plan/cost.h"

#include <algorithm>
#include <cmath>

namespace saln {
namespace {

// Share of issue slots that is used once enough warps are resident.
constexpr double kIssued = 0.6;
// Cycles of a block-wide step that nothing hides: barriers, reductions, a square root and a division.
constexpr double kStepCycles = 900;

int64_t element_bytes(const Problem& p) {
  const DType t = p.similarity == Similarity::given ? p.matrices.dtype : p.features.dtype;
  return t == DType::float64 ? 8 : t == DType::float32 ? 4 : 2;
}

bool has_products(const Problem& p) {
  return p.similarity != Similarity::precomputed && p.similarity != Similarity::given;
}

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

// Warp instructions of multisection (csrc/cuda/solve/multisection.cuh): 4.8 a row and 30 beside them in every round, of
// which the first is at 32 points.
double multisection(double threads, double n, double count) {
  double lanes = 32;
  while (lanes > 1 && lanes * count > threads) lanes /= 2;
  const double rounds = 1 + std::ceil((26 - std::log2(33)) / std::log2(lanes + 1));
  return std::ceil(count * lanes / 32) * rounds * (n * 4.8 + 30);
}

// Warp instructions of the reduction in registers (csrc/cuda/solve/tridiagonalize_registers.cuh): a column costs a row
// three multiply-adds and a load, two rows of a thread share the loads; the pivot's row is stored by one warp; 115 in
// every warp, or 150 where threads hold two rows, go to sums, reflector and vectors.
double reduction(double n, double threads, double held) {
  double total = 0;
  for (double j = n - 1; j > 0; --j) {
    const bool two = j > threads;
    const double busy = std::ceil((two ? threads : j) / 32), columns = j + held / 16;
    total += busy * columns * (two ? 7.2 : 4) + threads / 32 * (two ? 150 : 115) + columns / 4 + 6;
  }
  return total;
}

// Warp instructions of a sweep over the leading m rows in memory (csrc/cuda/solve/tridiagonalize_memory.cuh): 39 for
// two rows' 32 columns, or 21 without an update; those that cross the diagonal masked; 46 for eight rows and 100 for
// every warp in each panel of 128 columns.
double sweep(double m, bool update) {
  const double entries = m / 64 * (update ? 39 : 21), diagonal = update ? 48 : 30;
  return m / 8 * (entries + diagonal + 46 * (m / 256 + 0.5)) + 8 * std::ceil(m / 128) * 100;
}

// Of the reduction by sweeps: 150 in all eight warps of a step go to vectors.
double reduction_in_memory(double n) {
  double total = 0;
  for (double m = n - 1; m > 0; --m) total += sweep(m, true) + 8 * 150;
  return total;
}

// Of Lanczos on a matrix in registers (csrc/cuda/gram/spread_matrix.cuh): 540 in each of eight warps, 270 where half of
// the strips hold rows.
double product_in_registers(double n) { return 8 * (n > 128 ? 540 : 270); }

// Of the steps of Lanczos beside the products (csrc/cuda/solve/lanczos.cuh): 45 for each vector of 256 in the basis,
// 1100 else.
double orthogonalization(double n, double steps) { return steps * (1100 + 45 * n / 256 * steps / 2); }

// Warp instructions of one candidate's Gram matrix, transforms and moments.
double building(const Problem& problem, const Plan& n) {
  const double order = double(n.order), strips = std::ceil(order / 16), passes = order * order / 2 / 32 * 8 * 4;
  if (!has_products(problem)) return passes;
  const double bytes = double(problem.features.cols * element_bytes(problem)), slabs = std::ceil(bytes / 64);
  const double blocks = strips * (strips + 1) / 2, split = element_bytes(problem) == 4 ? 4 : 1;
  return passes + slabs * (blocks * 2 * (4 * split + 4) + order * 4 / 32 * 10 + 40);
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

// Seconds, by instructions that four schedulers issue and by steps whose latency the resident blocks share.
double predicted(const Problem& problem, const Gpu& gpu, const CudaPlan& p) {
  const Plan& n = p.numbers;
  const double order = double(n.order), threads = p.threads, count = double(n.count);
  double issued = building(problem, n), steps = 0;
  if (n.need == Need::pivots) {
    issued += order * order * order / 6 / 32 * 4;
    steps = 0.3 * order;
  } else if (n.need == Need::eigenvalues && n.solver == Solver::randomized) {
    const double m = double(n.n_iter), d = double(problem.features.cols);
    const double product = n.side == Side::matrix_free ? 2 * order * d * 4 / 32
                           : p.choice.in_registers     ? product_in_registers(order)
                                                       : sweep(order, false);
    issued += m * product + orthogonalization(order, m) + multisection(threads, m, count);
    steps = m;
  } else if (n.need == Need::eigenvalues) {
    const double held = facts_of(p.kernel).held_rows;
    issued += held > 0 ? reduction(order, threads, held) : reduction_in_memory(order);
    issued += multisection(threads, order, count);
    steps = order * (held > 0 ? 0.45 : 1);  // one sum and two barriers
    if (n.vectors) issued += count * order * (order / 32 * 10 + 40), steps += 6 * count;
  }
  const double machine = gpu.multiprocessors * gpu.clock, candidates = double(problem.n_candidates);
  const double issuing = candidates * issued / (4 * kIssued * machine);
  const double waiting = candidates * steps * kStepCycles / (p.blocks * machine);
  return std::max({p.floor_seconds, issuing, waiting, streaming(problem, gpu, p)});
}

}  // namespace

void predict_cost(const Problem& problem, const Gpu& gpu, CudaPlan& plan) {
  find_floor(problem, gpu, plan);
  plan.seconds = predicted(problem, gpu, plan);
}

}  // namespace saln
