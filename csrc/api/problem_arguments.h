// The arguments that describe the matrices, in the schema of every op that takes candidates and in the function behind
// it; saln_kernels/matrices.py names them in this order too, and a test compares.
#pragma once
#define PROBLEM_SCHEMA                                                                                                 \
  "Tensor features, Tensor candidates, Tensor? residuals, Tensor? quality, str similarity, bool center, float gamma, " \
  "str laplacian, str negative, bool allow_tf32"
#define PROBLEM_PARAMETERS                                                                           \
  const Tensor &features, const Tensor &candidates, const std::optional<Tensor>&residuals,           \
      const std::optional<Tensor>&quality, const std::string &similarity, bool center, double gamma, \
      const std::string &laplacian, const std::string &negative, bool allow_tf32
#define PROBLEM_OF_PARAMETERS \
  problem_of(features, candidates, residuals, quality, similarity, center, gamma, laplacian, negative, allow_tf32)
