// Tensors turned into a Problem. Checks here only keep memory safe; messages for people come from
// saln_kernels/validate.py.
#pragma once
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <optional>
#include <string>

#include "core/names.h"
#include "core/problem.h"

namespace saln {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

inline DType dtype_of(const Tensor& t, const char* argument) {
  const ScalarType type = t.scalar_type();
  if (type == ScalarType::Float) return DType::float32;
  if (type == ScalarType::Double) return DType::float64;
  if (type == ScalarType::BFloat16) return DType::bfloat16;
  STD_TORCH_CHECK(type == ScalarType::Half, argument, ": expected float32, float64, bfloat16 or float16");
  return DType::float16;
}

inline View view_of(const Tensor& t, const char* argument) {
  STD_TORCH_CHECK(t.dim() == 1 || t.dim() == 2, argument, ": expected 1 or 2 dimensions");
  View v;
  v.data = t.data_ptr();
  v.dtype = dtype_of(t, argument);
  v.rows = t.size(0);
  v.cols = t.dim() == 2 ? t.size(1) : 1;
  v.row_stride = t.stride(0);
  v.col_stride = t.dim() == 2 ? t.stride(1) : 1;
  return v;
}

inline void check_device(const Tensor& t, const Tensor& features, const char* argument) {
  STD_TORCH_CHECK(t.device() == features.device(), argument, ": expected the device of features");
}

inline Problem problem_of(const Tensor& features, const Tensor& candidates, const std::optional<Tensor>& residuals,
                          const std::optional<Tensor>& quality, const std::string& similarity, bool center,
                          double gamma, const std::string& laplacian, const std::string& negative, bool allow_tf32) {
  Problem p;
  STD_TORCH_CHECK(similarity != "given", "similarity: 'given' is not one of candidates");
  STD_TORCH_CHECK(features.dim() == 2 && features.size(1) > 0, "features: expected [N, d] with d > 0");
  STD_TORCH_CHECK(candidates.dim() == 2 && candidates.size(1) > 0, "candidates: expected [C, b] with b > 0");
  STD_TORCH_CHECK(candidates.size(1) <= INT32_MAX, "candidates: expected b of at most 2147483647");
  p.features = view_of(features, "features");
  const ScalarType index = candidates.scalar_type();
  STD_TORCH_CHECK(index == ScalarType::Long || index == ScalarType::Int, "candidates: expected int64 or int32");
  check_device(candidates, features, "candidates");
  p.candidates = candidates.data_ptr();
  p.candidates_int64 = index == ScalarType::Long;
  p.candidate_stride = candidates.stride(0);
  p.position_stride = candidates.stride(1);
  p.n_candidates = candidates.size(0);
  p.size = candidates.size(1);
  p.similarity = similarity_of(similarity);
  p.center = center;
  p.gamma = gamma;
  p.laplacian = laplacian_of(laplacian);
  p.negative = negative_of(negative);
  p.allow_tf32 = allow_tf32;
  const bool gradient = p.similarity == Similarity::gradient;
  STD_TORCH_CHECK(gradient == residuals.has_value(), "residuals: needed by similarity 'gradient', and by no other");
  if (gradient) {
    check_device(*residuals, features, "residuals");
    p.residuals = view_of(*residuals, "residuals");
    STD_TORCH_CHECK(p.residuals.rows == p.features.rows && p.residuals.cols > 0,
                    "residuals: expected [N, c] with c > 0");
  }
  if (quality) {
    check_device(*quality, features, "quality");
    p.quality = view_of(*quality, "quality");
    STD_TORCH_CHECK(quality->dim() == 1 && p.quality.rows == p.features.rows, "quality: expected [N]");
  }
  STD_TORCH_CHECK(p.similarity != Similarity::precomputed || p.features.rows == p.features.cols,
                  "features: expected [N, N] for similarity 'precomputed'");
  return p;
}

inline Problem matrix_problem(const Tensor& matrices) {
  STD_TORCH_CHECK(matrices.dim() == 3 && matrices.size(1) == matrices.size(2) && matrices.size(1) > 0,
                  "matrices: expected [C, b, b] with b > 0");
  Problem p;
  p.similarity = Similarity::given;
  p.matrices.data = matrices.data_ptr();
  p.matrices.dtype = dtype_of(matrices, "matrices");
  p.matrices.row_stride = matrices.stride(1);
  p.matrices.col_stride = matrices.stride(2);
  p.matrix_stride = matrices.stride(0);
  p.n_candidates = matrices.size(0);
  p.size = matrices.size(1);
  return p;
}

inline Task task_of(Output output, int64_t k, const std::string& solver, int64_t n_iter, int64_t seed) {
  Task t;
  t.output = output;
  t.k = k;
  t.solver = solver_of(solver);
  t.n_iter = n_iter;
  t.seed = uint64_t(seed);
  return t;
}

inline void check_graph(const Problem& p) {
  STD_TORCH_CHECK(p.laplacian != Laplacian::none, "laplacian: expected 'unnormalized' or 'symmetric'");
}

inline void check_k(int64_t k, const Problem& p) {
  STD_TORCH_CHECK(k >= 1 && k <= p.size, "k: expected 1 to b = ", p.size, ", got ", k);
}

inline Tensor result(const Problem& p, const Tensor& like, std::initializer_list<int64_t> sizes) {
  const auto given = p.similarity == Similarity::given ? p.matrices.dtype : p.features.dtype;
  const auto dtype = given == DType::float64 ? ScalarType::Double : ScalarType::Float;
  return torch::stable::new_empty(like, sizes, dtype);
}

}  // namespace saln
