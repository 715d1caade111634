// What a call asks for, in plain C++: no torch header, so that kernels and tests stand alone.
#pragma once
#include <cstdint>

namespace saln {

enum class DType { float32, float64, bfloat16, float16 };
enum class Similarity { linear, cosine, rbf, precomputed, gradient, given };
enum class Laplacian { none, unnormalized, symmetric };
enum class Negative { clamp, shift, keep };
enum class Solver { automatic, exact, randomized };
enum class Output { gram, eigvals, eigh, fiedler, score };
enum class Criterion {
#define SALN_CRITERION(name, needs, parameter) name,
#include "core/criteria.def"
};

// A strided view; strides count elements.
struct View {
  const void* data = nullptr;
  DType dtype = DType::float32;
  int64_t rows = 0, cols = 0;
  int64_t row_stride = 0, col_stride = 0;
};

struct Problem {
  View features;                     // [N, d]; the N×N matrix for `precomputed`; unused for `given`
  View matrices;                     // [C·b, b] seen row by row, for `given`
  int64_t matrix_stride = 0;         // elements from one given matrix to the next
  const void* candidates = nullptr;  // [C, b], −1 is padding
  bool candidates_int64 = true;
  int64_t candidate_stride = 0, position_stride = 0;
  int64_t n_candidates = 0;  // C
  int64_t size = 0;          // b
  View residuals;            // [N, c], for `gradient`
  View quality;              // [N, 1], optional
  Similarity similarity = Similarity::linear;
  bool center = false;
  double gamma = 0;
  Laplacian laplacian = Laplacian::none;
  Negative negative = Negative::clamp;
  bool allow_tf32 = false;  // float32 products on a GPU may round to tf32
};

struct Task {
  Output output = Output::eigvals;
  int64_t k = 1;
  Solver solver = Solver::automatic;
  int64_t n_iter = 0;  // Lanczos steps; 0: chosen by the plan
  uint64_t seed = 0;
  Criterion criterion = Criterion::effective_rank;
  double parameter = 1;  // q of `vendi`, sigma of `logdet`
};

// Whether arithmetic and results are float64.
inline bool is_wide(const Problem& p) {
  return (p.similarity == Similarity::given ? p.matrices.dtype : p.features.dtype) == DType::float64;
}

// Whether no eigenvalue is negative but by rounding.
constexpr bool is_semidefinite(const Problem& p) {
  return p.laplacian == Laplacian::none ? p.similarity != Similarity::precomputed && p.similarity != Similarity::given
                                        : p.negative != Negative::keep;
}

// Where results go, contiguous, float64 for float64 inputs and float32 otherwise.
struct Results {
  void* values = nullptr;   // gram [C, b, b]; eigenvalues [C, k]; Fiedler value [C]; score [C]
  void* vectors = nullptr;  // [C, b, k]; Fiedler vector [C, b]
  void* bounds = nullptr;   // [C, k]; Fiedler residual [C]
};

}  // namespace saln
