// Which solver, layout and side serve a call, what it costs and how much scratch memory it takes. Pure host
// arithmetic on shapes: explicit rules, so that what runs can be explained.
#pragma once
#include <cstddef>
#include <string>

#include "core/problem.h"

namespace saln {

enum class Layout { tile_only, lanes, single };
enum class Side { gram, covariance, matrix_free };

// The largest order of a matrix that is solved; saln_kernels/validate.py has it too, and says it by an argument's name.
constexpr int64_t kLargestOrder = 16384;

// What a call needs of the spectrum.
enum class Need { nothing, moments, pivots, eigenvalues };

struct Shape {
  int64_t n_candidates = 0, size = 0, width = 0, residual_width = 0, k = 1, n_iter = 0;  // C, b, d, c
  DType dtype = DType::float32;
  Similarity similarity = Similarity::linear;
  bool center = false, semidefinite = true;
  Laplacian laplacian = Laplacian::none;
  Output output = Output::eigvals;
  Criterion criterion = Criterion::effective_rank;
  double parameter = 1;
  Solver solver = Solver::automatic;
  int vector_bytes = 16, threads = 1;
};

struct Plan {
  Need need = Need::nothing;
  bool fiedler = false;  // the smallest pair of the Laplacian away from the trivial vector
  bool vectors = false;
  Solver solver = Solver::exact;
  Layout layout = Layout::tile_only;
  Side side = Side::gram;
  int64_t order = 0;  // of the matrix that is solved: b, or d on the covariance side
  int64_t count = 0;  // leading eigenvalues computed
  int64_t n_iter = 0;
  int lanes = 1;         // candidates solved together
  double flops = 0;      // of the whole call, products and sums counted apart
  double bytes = 0;      // feature bytes gathered
  double seconds = 0;    // predicted, from nominal rates of one core
  double shareable = 0;  // the share of a candidate's time in which threads can help one another: its products
  std::string reason;
};

// Whether the products of b rows of d elements are taken in slices: rows that the caches do not hold are read once
// then.
bool in_slices(int64_t b, int64_t d);
Shape shape_of(const Problem& problem, const Task& task, int vector_bytes, int threads);
// Throws std::invalid_argument where the matrix is of a larger order than kLargestOrder.
Plan make_plan(const Shape& shape);

const char* name_of(Solver);
const char* name_of(Layout);
const char* name_of(Side);

}  // namespace saln
