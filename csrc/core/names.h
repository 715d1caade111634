// The names that options have in Python.
#pragma once
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <utility>

#include "core/problem.h"

namespace saln {

template <class E>
E named(const char* argument, const std::string& name, std::initializer_list<std::pair<const char*, E>> names) {
  for (const auto& [known, value] : names)
    if (name == known) return value;
  throw std::invalid_argument(std::string(argument) + ": unknown name '" + name + "'");
}

inline Similarity similarity_of(const std::string& name) {
  using S = Similarity;
  return named<S>("similarity", name,
                  {{"linear", S::linear},
                   {"cosine", S::cosine},
                   {"rbf", S::rbf},
                   {"precomputed", S::precomputed},
                   {"gradient", S::gradient},
                   {"given", S::given}});
}
inline Laplacian laplacian_of(const std::string& name) {
  using L = Laplacian;
  return named<L>("laplacian", name,
                  {{"none", L::none}, {"unnormalized", L::unnormalized}, {"symmetric", L::symmetric}});
}
inline Negative negative_of(const std::string& name) {
  using N = Negative;
  return named<N>("negative", name, {{"clamp", N::clamp}, {"shift", N::shift}, {"keep", N::keep}});
}
inline Solver solver_of(const std::string& name) {
  using S = Solver;
  return named<S>("solver", name, {{"auto", S::automatic}, {"exact", S::exact}, {"randomized", S::randomized}});
}
inline Criterion criterion_of(const std::string& name) {
  return named<Criterion>("criterion", name,
                          {
#define SALN_CRITERION(name, needs, parameter) {#name, Criterion::name},
#include "core/criteria.def"
                          });
}
inline Output output_of(const std::string& name) {
  using O = Output;
  return named<O>(
      "what", name,
      {{"gram", O::gram}, {"eigvals", O::eigvals}, {"eigh", O::eigh}, {"fiedler", O::fiedler}, {"score", O::score}});
}
inline DType dtype_of(const std::string& name) {
  using D = DType;
  return named<D>(
      "dtype", name,
      {{"float32", D::float32}, {"float64", D::float64}, {"bfloat16", D::bfloat16}, {"float16", D::float16}});
}

}  // namespace saln
