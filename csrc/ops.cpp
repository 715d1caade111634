// The torch ops: schemas, and arguments turned into a Problem. Checks here only keep memory safe; messages for people
// come from saln_kernels/validate.py. Written against PyTorch's stable ABI, so one binary serves every later version.
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <optional>
#include <string>
#include <tuple>

#include "cpu/run.h"
#include "names.h"

namespace {

using saln::Problem;
using saln::Task;
using torch::headeronly::ScalarType;
using torch::stable::Tensor;

saln::DType dtype_of(const Tensor& t, const char* argument) {
  switch (t.scalar_type()) {
    case ScalarType::Float:
      return saln::DType::float32;
    case ScalarType::Double:
      return saln::DType::float64;
    case ScalarType::BFloat16:
      return saln::DType::bfloat16;
    case ScalarType::Half:
      return saln::DType::float16;
    default:
      STD_TORCH_CHECK(false, argument, ": expected float32, float64, bfloat16 or float16");
  }
  return saln::DType::float32;
}

saln::View view_of(const Tensor& t, const char* argument) {
  STD_TORCH_CHECK(t.dim() == 1 || t.dim() == 2, argument, ": expected 1 or 2 dimensions");
  saln::View v;
  v.data = t.data_ptr();
  v.dtype = dtype_of(t, argument);
  v.rows = t.size(0);
  v.cols = t.dim() == 2 ? t.size(1) : 1;
  v.row_stride = t.stride(0);
  v.col_stride = t.dim() == 2 ? t.stride(1) : 1;
  return v;
}

Problem problem_of(const Tensor& features, const Tensor& candidates, const std::optional<Tensor>& residuals,
                   const std::optional<Tensor>& quality, const std::string& similarity, bool center, double gamma,
                   const std::string& laplacian, const std::string& negative) {
  Problem p;
  STD_TORCH_CHECK(similarity != "given", "similarity: 'given' is not one of candidates");
  STD_TORCH_CHECK(features.dim() == 2 && features.size(1) > 0, "features: expected [N, d] with d > 0");
  STD_TORCH_CHECK(candidates.dim() == 2 && candidates.size(1) > 0, "candidates: expected [C, b] with b > 0");
  STD_TORCH_CHECK(candidates.size(1) <= 16384, "candidates: expected b of at most 16384");
  p.features = view_of(features, "features");
  const ScalarType index = candidates.scalar_type();
  STD_TORCH_CHECK(index == ScalarType::Long || index == ScalarType::Int, "candidates: expected int64 or int32");
  p.candidates = candidates.data_ptr();
  p.candidates_int64 = index == ScalarType::Long;
  p.candidate_stride = candidates.stride(0);
  p.position_stride = candidates.stride(1);
  p.n_candidates = candidates.size(0);
  p.size = candidates.size(1);
  p.similarity = saln::similarity_of(similarity);
  p.center = center;
  p.gamma = gamma;
  p.laplacian = saln::laplacian_of(laplacian);
  p.negative = saln::negative_of(negative);
  const bool gradient = p.similarity == saln::Similarity::gradient;
  STD_TORCH_CHECK(gradient == residuals.has_value(), "residuals: needed by similarity 'gradient', and by no other");
  if (gradient) {
    p.residuals = view_of(*residuals, "residuals");
    STD_TORCH_CHECK(p.residuals.rows == p.features.rows && p.residuals.cols > 0,
                    "residuals: expected [N, c] with c > 0");
  }
  if (quality) {
    p.quality = view_of(*quality, "quality");
    STD_TORCH_CHECK(quality->dim() == 1 && p.quality.rows == p.features.rows, "quality: expected [N]");
  }
  STD_TORCH_CHECK(p.similarity != saln::Similarity::precomputed || p.features.rows == p.features.cols,
                  "features: expected [N, N] for similarity 'precomputed'");
  return p;
}

Problem matrix_problem(const Tensor& matrices) {
  STD_TORCH_CHECK(
      matrices.dim() == 3 && matrices.size(1) == matrices.size(2) && matrices.size(1) > 0 && matrices.size(1) <= 16384,
      "matrices: expected [C, b, b] with b from 1 to 16384");
  Problem p;
  p.similarity = saln::Similarity::given;
  p.matrices.data = matrices.data_ptr();
  p.matrices.dtype = dtype_of(matrices, "matrices");
  p.matrices.row_stride = matrices.stride(1);
  p.matrices.col_stride = matrices.stride(2);
  p.matrix_stride = matrices.stride(0);
  p.n_candidates = matrices.size(0);
  p.size = matrices.size(1);
  return p;
}

Task task_of(saln::Output output, int64_t k, const std::string& solver, int64_t n_iter, int64_t seed) {
  Task t;
  t.output = output;
  t.k = k;
  t.solver = saln::solver_of(solver);
  t.n_iter = n_iter;
  t.seed = uint64_t(seed);
  return t;
}

void check_k(int64_t k, const Problem& p) {
  STD_TORCH_CHECK(k >= 1 && k <= p.size, "k: expected 1 to b = ", p.size, ", got ", k);
}

Tensor result(const Problem& p, const Tensor& like, std::initializer_list<int64_t> sizes) {
  const auto given = p.similarity == saln::Similarity::given ? p.matrices.dtype : p.features.dtype;
  const auto dtype = given == saln::DType::float64 ? ScalarType::Double : ScalarType::Float;
  return torch::stable::new_empty(like, sizes, dtype);
}

// The arguments that describe the matrices, in every op's schema.
#define PROBLEM_SCHEMA                                                                                                 \
  "Tensor features, Tensor candidates, Tensor? residuals, Tensor? quality, str similarity, bool center, float gamma, " \
  "str laplacian, str negative"
#define PROBLEM_PARAMETERS                                                                           \
  const Tensor &features, const Tensor &candidates, const std::optional<Tensor>&residuals,           \
      const std::optional<Tensor>&quality, const std::string &similarity, bool center, double gamma, \
      const std::string &laplacian, const std::string &negative
#define PROBLEM_OF_PARAMETERS \
  problem_of(features, candidates, residuals, quality, similarity, center, gamma, laplacian, negative)

Tensor gram(PROBLEM_PARAMETERS) {
  const Problem p = PROBLEM_OF_PARAMETERS;
  Tensor matrices = result(p, features, {p.n_candidates, p.size, p.size});
  saln::run_cpu(p, task_of(saln::Output::gram, 1, "exact", 0, 0), {matrices.mutable_data_ptr(), nullptr, nullptr});
  return matrices;
}

std::tuple<Tensor, Tensor> eigvals(PROBLEM_PARAMETERS, int64_t k, const std::string& solver, int64_t n_iter,
                                   int64_t seed) {
  const Problem p = PROBLEM_OF_PARAMETERS;
  check_k(k, p);
  Tensor values = result(p, features, {p.n_candidates, k}), bounds = result(p, features, {p.n_candidates, k});
  saln::run_cpu(p, task_of(saln::Output::eigvals, k, solver, n_iter, seed),
                {values.mutable_data_ptr(), nullptr, bounds.mutable_data_ptr()});
  return {values, bounds};
}

std::tuple<Tensor, Tensor, Tensor> eigh(PROBLEM_PARAMETERS, int64_t k, const std::string& solver, int64_t n_iter,
                                        int64_t seed) {
  const Problem p = PROBLEM_OF_PARAMETERS;
  check_k(k, p);
  Tensor values = result(p, features, {p.n_candidates, k}), bounds = result(p, features, {p.n_candidates, k});
  Tensor vectors = result(p, features, {p.n_candidates, p.size, k});
  saln::run_cpu(p, task_of(saln::Output::eigh, k, solver, n_iter, seed),
                {values.mutable_data_ptr(), vectors.mutable_data_ptr(), bounds.mutable_data_ptr()});
  return {values, vectors, bounds};
}

std::tuple<Tensor, Tensor, Tensor> fiedler(PROBLEM_PARAMETERS, const std::string& solver, int64_t n_iter,
                                           int64_t seed) {
  const Problem p = PROBLEM_OF_PARAMETERS;
  STD_TORCH_CHECK(p.laplacian != saln::Laplacian::none, "laplacian: expected 'unnormalized' or 'symmetric'");
  Tensor value = result(p, features, {p.n_candidates}), residual = result(p, features, {p.n_candidates});
  Tensor vector = result(p, features, {p.n_candidates, p.size});
  saln::run_cpu(p, task_of(saln::Output::fiedler, 1, solver, n_iter, seed),
                {value.mutable_data_ptr(), vector.mutable_data_ptr(), residual.mutable_data_ptr()});
  return {value, vector, residual};
}

Tensor score(PROBLEM_PARAMETERS, const std::string& criterion, int64_t k, double parameter, const std::string& solver,
             int64_t n_iter, int64_t seed) {
  Problem p = PROBLEM_OF_PARAMETERS;
  check_k(k, p);
  Task task = task_of(saln::Output::score, k, solver, n_iter, seed);
  task.criterion = saln::criterion_of(criterion);
  task.parameter = parameter;
  if (task.criterion == saln::Criterion::algebraic_connectivity && p.laplacian == saln::Laplacian::none)
    p.laplacian = saln::Laplacian::unnormalized;
  Tensor scores = result(p, features, {p.n_candidates});
  saln::run_cpu(p, task, {scores.mutable_data_ptr(), nullptr, nullptr});
  return scores;
}

Tensor matrix_eigvals(const Tensor& matrices, int64_t k) {
  const Problem p = matrix_problem(matrices);
  check_k(k, p);
  Tensor values = result(p, matrices, {p.n_candidates, k}), bounds = result(p, matrices, {p.n_candidates, k});
  saln::run_cpu(p, task_of(saln::Output::eigvals, k, "exact", 0, 0),
                {values.mutable_data_ptr(), nullptr, bounds.mutable_data_ptr()});
  return values;
}

std::tuple<Tensor, Tensor> matrix_eigh(const Tensor& matrices, int64_t k) {
  const Problem p = matrix_problem(matrices);
  check_k(k, p);
  Tensor values = result(p, matrices, {p.n_candidates, k}), bounds = result(p, matrices, {p.n_candidates, k});
  Tensor vectors = result(p, matrices, {p.n_candidates, p.size, k});
  saln::run_cpu(p, task_of(saln::Output::eigh, k, "exact", 0, 0),
                {values.mutable_data_ptr(), vectors.mutable_data_ptr(), bounds.mutable_data_ptr()});
  return {values, vectors};
}

}  // namespace

STABLE_TORCH_LIBRARY(saln, m) {
  m.def("gram(" PROBLEM_SCHEMA ") -> Tensor");
  m.def("eigvals(" PROBLEM_SCHEMA ", int k, str solver, int n_iter, int seed) -> (Tensor values, Tensor bounds)");
  m.def("eigh(" PROBLEM_SCHEMA
        ", int k, str solver, int n_iter, int seed) -> (Tensor values, Tensor vectors, Tensor bounds)");
  m.def("fiedler(" PROBLEM_SCHEMA
        ", str solver, int n_iter, int seed) -> (Tensor value, Tensor vector, Tensor residual)");
  m.def("score(" PROBLEM_SCHEMA ", str criterion, int k, float parameter, str solver, int n_iter, int seed) -> Tensor");
  m.def("matrix_eigvals(Tensor matrices, int k) -> Tensor");
  m.def("matrix_eigh(Tensor matrices, int k) -> (Tensor values, Tensor vectors)");
}

STABLE_TORCH_LIBRARY_IMPL(saln, CPU, m) {
  m.impl("gram", TORCH_BOX(&gram));
  m.impl("eigvals", TORCH_BOX(&eigvals));
  m.impl("eigh", TORCH_BOX(&eigh));
  m.impl("fiedler", TORCH_BOX(&fiedler));
  m.impl("score", TORCH_BOX(&score));
  m.impl("matrix_eigvals", TORCH_BOX(&matrix_eigvals));
  m.impl("matrix_eigh", TORCH_BOX(&matrix_eigh));
}
