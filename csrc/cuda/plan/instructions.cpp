#include "cuda/plan/instructions.h"

#include <algorithm>
#include <cmath>

#include "cuda/gram/split_gram.cuh"

namespace saln {
namespace {

// What the machine code takes on sm_90a, as `python -m bench.gpu.sass` counts it in the kernels: who changes a kernel
// counts again, and changes these. tests/cuda_build/test_sass.py holds the two together.
struct Costs {
  // of gathering and products: a slab of 128 bytes, every warp; in it, 16 rows copied, and a 16×16 block of products; a
  // block that is stored
  double slab, rows, block, stored;
  // of the passes over the tile: once, every warp; a row; 32 entries of it
  double passes, row, entries;
  // of multisection: a round, a row in it; before and behind it, every warp
  double round, turn, ends;
};
constexpr Costs kOneWarp = {24, 0, 43, 42, 340, 0, 2.2, 30, 4.8, 300};
constexpr Costs kWarps = {100, 60, 30, 125, 415, 0, 2.65, 30, 2.7, 1500};
// 32 entries that are read in place of products.
constexpr double kReadEntries = 42;
// Gram matrices by Hopper's matrix unit: a slab, and what is before and behind.
constexpr double kUnitSlab = 2990, kUnitEnds = 9500;
// Gram matrices in parts: a slab of 64 bytes in a triangle and in a rectangle, a block's ends; 32 quads of a part that
// is added to the others, and of the tile.
constexpr double kTriangleSlab = 3770, kRectangleSlab = 2700, kSplitEnds = 11300, kPartQuads = 10, kSumQuads = 36;

// The solvers, an instruction a lane where nothing else is said:
constexpr double kSpreadStep = 110, kSpreadOwn = 20;     // of the reduction in registers a step, and an own entry in it
constexpr double kSpreadStrip = 10, kSpreadEntry = 4.2;  // a strip of rows in use, and an entry a lane
constexpr double kProduct = 540, kHalfProduct = 270;     // of Lanczos on a matrix in registers, every warp
constexpr double kLanczosStep = 60, kLanczosRows = 175;  // and a step of it, every warp, and every warp with rows
constexpr double kBasisVector = 41;                      // and 256 entries of a vector of the basis
constexpr double kLanczosStart = 18000;                  // and once
constexpr double kRitzVector = 810, kRitzEntry = 12.5;   // inverse iteration for one, and an entry of it
constexpr double kLastEntry = 32;                        // an entry where last components are enough, for up to 32
constexpr double kSweepStep = 110, kWideSweepStep = 185;  // of the reduction in memory, every warp of 8 or 16
constexpr int kPanel = 256;                               // rows that are multiplied together where a block has warps

double up(double x, double unit) { return std::ceil(x / unit); }

// Times that 32 entries of a row are taken, over all rows of a triangle.
double packed_warps(double order) {
  double total = 0;
  for (double i = 1; i <= order; ++i) total += up(i, 32);
  return total;
}

// Blocks of 16 rows that are copied, and of products formed, a slab; and how often a slab is taken.
struct Tiles {
  double rows = 0, blocks = 0, panels = 0;
};
Tiles tiles_of(double order, bool one_warp) {
  Tiles t;
  const double panel = one_warp ? order : kPanel;
  for (double i = 0; i < order; i += panel)
    for (double j = 0; j <= i; j += panel) {
      const double high = up(std::min(panel, order - i), 16);
      t.panels += 1;
      t.rows += i == j ? high : high + panel / 16;
      t.blocks += i == j ? high * (high + 1) / 2 : high * panel / 16;
    }
  return t;
}

double gram(const Costs& c, const Problem& problem, const CudaPlan& p) {
  const double order = double(p.numbers.order), warps = p.threads / 32, held = facts_of(p.kernel).held_rows;
  if (p.numbers.side == Side::matrix_free) return 0;
  if (!has_products(problem)) return kReadEntries * packed_warps(order);
  const double element = double(element_bytes(problem));
  if (p.choice.parts > 0) return order * order / 8 / 32 * (p.choice.parts * kPartQuads + kSumQuads);
  if (p.choice.in_panels) return up(double(problem.features.cols) * element, 128) * kUnitSlab + kUnitEnds;
  const double inner =
      double(p.numbers.side == Side::covariance ? problem.size : problem.features.cols + problem.residuals.cols);
  // Split float32 takes three products and the splitting; float64 has no matrix unit.
  const double products = element == 2 ? 1 : element == 4 ? 2.5 : 4;
  const Tiles t = tiles_of(order, warps == 1);
  const double stored = held > 0 ? held / 16 * (held / 16 + 1) / 2 : t.panels * 64;
  const double slab = t.panels * warps * c.slab + t.rows * c.rows + t.blocks * c.block * products;
  return up(inner * element, 128) * slab + stored * c.stored + 305;
}

double transforms(const Costs& c, const CudaPlan& p) {
  const double order = double(p.numbers.order);
  return p.threads / 32 * c.passes + c.row * order + c.entries * packed_warps(order);
}

// csrc/cuda/solve/multisection.cuh: the first round is at 32 points.
double multisection(const Costs& c, double threads, double n, double count) {
  double lanes = 32;
  while (lanes > 1 && lanes * count > threads) lanes /= 2;
  const double rounds = 1 + std::ceil((26 - std::log2(33)) / std::log2(lanes + 1));
  return up(count * lanes, 32) * rounds * (c.round + n * c.turn);
}

// csrc/cuda/solve/tridiagonalize_registers.cuh: an entry takes three or four multiply-adds, a strip is loaded and
// summed over lanes; every warp works out the reflector.
double reduction(double n, double threads, double held) {
  const double side = held <= 64 ? 8 : 16, tall = threads / side, halves = side / tall, own = held / threads;
  double total = 0;
  for (double j = n - 1; j > 0; --j) {
    double strips = 0, entries = 0;
    for (double half = 0; half < halves; ++half) {
      strips = std::floor((up(j, tall) + halves - 1 - half) / halves);
      entries += strips * (strips + 1) / 2;
    }
    total += threads / 32 * (kSpreadStep + kSpreadOwn * own + kSpreadStrip * strips + kSpreadEntry * entries);
  }
  return total;
}

// A sweep over the leading m rows in memory (csrc/cuda/solve/tridiagonalize_memory.cuh): 39 for two rows' 32 columns,
// or 21 without an update; those that cross the diagonal masked; 46 for eight rows and 100 for every warp in each panel
// of 128 columns.
double sweep(double m, bool update, double warps) {
  const double entries = m / 64 * (update ? 39 : 21), diagonal = update ? 101 : 60;
  return m / 8 * (entries + diagonal + 46 * (m / 256 + 0.5)) + warps * up(m, 128) * 100;
}

double reduction_in_memory(double n, double warps) {
  double total = 0;
  for (double m = n - 1; m > 0; --m) total += sweep(m, true, warps) + warps * (warps > 8 ? kWideSweepStep : kSweepStep);
  return total;
}

// csrc/cuda/solve/lanczos.cuh
double lanczos(const Problem& problem, const CudaPlan& p) {
  const double n = double(p.numbers.order), m = double(p.numbers.n_iter), d = double(problem.features.cols), warps = 8;
  const double product = p.numbers.side == Side::matrix_free ? 2 * n * d * 4 / 32
                         : p.choice.in_registers             ? warps * (n > 128 ? kProduct : kHalfProduct)
                                                             : sweep(n, false, warps);
  return kLanczosStart +
         m * (product + warps * kLanczosStep + up(n, 32) * kLanczosRows + kBasisVector * n / 256 * m / 2);
}

}  // namespace

int64_t element_bytes(const Problem& p) {
  const DType t = p.similarity == Similarity::given ? p.matrices.dtype : p.features.dtype;
  return t == DType::float64 ? 8 : t == DType::float32 ? 4 : 2;
}

bool has_products(const Problem& p) {
  return p.similarity != Similarity::precomputed && p.similarity != Similarity::given;
}

double held_rows(const CudaPlan& p) {
  return p.choice.in_registers && p.numbers.solver == Solver::exact ? p.threads : facts_of(p.kernel).held_rows;
}

Instructions predict_instructions(const Problem& problem, const CudaPlan& p) {
  const Plan& n = p.numbers;
  const double order = double(n.order), threads = p.threads, count = double(n.count), held = held_rows(p);
  const Costs& costs = threads == 32 ? kOneWarp : kWarps;
  Instructions found;
  found.gram = gram(costs, problem, p);
  if (n.side != Side::matrix_free) found.transforms = transforms(costs, p);
  found.values = threads / 32 * costs.ends;
  if (n.need == Need::pivots) found.solve = order * order * order / 6 / 32 * 4;
  if (n.need != Need::eigenvalues) return found;
  if (n.solver == Solver::randomized) {
    const double m = double(n.n_iter);
    found.solve = lanczos(problem, p);
    found.values += multisection(costs, threads, m, count + 1);
    found.values += n.vectors ? count * (kRitzVector + kRitzEntry * m) : up(count, 32) * kLastEntry * m;
  } else {
    found.solve = held > 0 ? reduction(order, threads, held) : reduction_in_memory(order, threads / 32);
    found.values += multisection(costs, threads, order, count);
    if (n.vectors) found.values += count * order * (order / 32 * 10 + 40);
  }
  return found;
}

double predict_split_instructions(const Problem& problem, const CudaPlan& p) {
  using device::SplitGram;
  if (p.choice.parts == 0) return 0;
  const double units = SplitGram::units(p.numbers.order), triangles = SplitGram::triangles(p.numbers.order);
  const double slab = triangles * kTriangleSlab + (units - triangles) * kRectangleSlab;
  return SplitGram::slabs(problem.features) * slab + units * p.choice.parts * kSplitEnds;
}

}  // namespace saln
