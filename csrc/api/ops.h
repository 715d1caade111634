// The bodies of the ops, whatever runs them: arguments, results, and one call of a backend between.
#pragma once
#include <torch/csrc/stable/library.h>

#include <string>
#include <tuple>

#include "api/arguments.h"
#include "api/problem_arguments.h"

namespace saln {

// Backend::run(like, problem, task, results) computes, where the tensor `like` is.
template <class Backend>
struct Ops {
  static Tensor gram(PROBLEM_PARAMETERS) {
    const Problem p = PROBLEM_OF_PARAMETERS;
    Tensor matrices = result(p, features, {p.n_candidates, p.size, p.size});
    Backend::run(features, p, task_of(Output::gram, 1, "exact", 0, 0), {matrices.mutable_data_ptr(), nullptr, nullptr});
    return matrices;
  }

  static std::tuple<Tensor, Tensor> eigvals(PROBLEM_PARAMETERS, int64_t k, const std::string& solver, int64_t n_iter,
                                            int64_t seed) {
    const Problem p = PROBLEM_OF_PARAMETERS;
    check_k(k, p);
    Tensor values = result(p, features, {p.n_candidates, k}), bounds = result(p, features, {p.n_candidates, k});
    Backend::run(features, p, task_of(Output::eigvals, k, solver, n_iter, seed),
                 {values.mutable_data_ptr(), nullptr, bounds.mutable_data_ptr()});
    return {values, bounds};
  }

  static std::tuple<Tensor, Tensor, Tensor> eigh(PROBLEM_PARAMETERS, int64_t k, const std::string& solver,
                                                 int64_t n_iter, int64_t seed) {
    const Problem p = PROBLEM_OF_PARAMETERS;
    check_k(k, p);
    Tensor values = result(p, features, {p.n_candidates, k}), bounds = result(p, features, {p.n_candidates, k});
    Tensor vectors = result(p, features, {p.n_candidates, p.size, k});
    Backend::run(features, p, task_of(Output::eigh, k, solver, n_iter, seed),
                 {values.mutable_data_ptr(), vectors.mutable_data_ptr(), bounds.mutable_data_ptr()});
    return {values, vectors, bounds};
  }

  static std::tuple<Tensor, Tensor, Tensor> fiedler(PROBLEM_PARAMETERS, const std::string& solver, int64_t n_iter,
                                                    int64_t seed) {
    const Problem p = PROBLEM_OF_PARAMETERS;
    check_graph(p);
    Tensor value = result(p, features, {p.n_candidates}), residual = result(p, features, {p.n_candidates});
    Tensor vector = result(p, features, {p.n_candidates, p.size});
    Backend::run(features, p, task_of(Output::fiedler, 1, solver, n_iter, seed),
                 {value.mutable_data_ptr(), vector.mutable_data_ptr(), residual.mutable_data_ptr()});
    return {value, vector, residual};
  }

  static Tensor score(PROBLEM_PARAMETERS, const std::string& criterion, int64_t k, double parameter,
                      const std::string& solver, int64_t n_iter, int64_t seed) {
    const Problem p = PROBLEM_OF_PARAMETERS;
    check_k(k, p);
    Task task = task_of(Output::score, k, solver, n_iter, seed);
    task.criterion = criterion_of(criterion);
    task.parameter = parameter;
    if (task.criterion == Criterion::algebraic_connectivity) check_graph(p);
    Tensor scores = result(p, features, {p.n_candidates});
    Backend::run(features, p, task, {scores.mutable_data_ptr(), nullptr, nullptr});
    return scores;
  }

  static Tensor matrix_eigvals(const Tensor& matrices, int64_t k) {
    const Problem p = matrix_problem(matrices);
    check_k(k, p);
    Tensor values = result(p, matrices, {p.n_candidates, k}), bounds = result(p, matrices, {p.n_candidates, k});
    Backend::run(matrices, p, task_of(Output::eigvals, k, "exact", 0, 0),
                 {values.mutable_data_ptr(), nullptr, bounds.mutable_data_ptr()});
    return values;
  }

  static std::tuple<Tensor, Tensor> matrix_eigh(const Tensor& matrices, int64_t k) {
    const Problem p = matrix_problem(matrices);
    check_k(k, p);
    Tensor values = result(p, matrices, {p.n_candidates, k}), bounds = result(p, matrices, {p.n_candidates, k});
    Tensor vectors = result(p, matrices, {p.n_candidates, p.size, k});
    Backend::run(matrices, p, task_of(Output::eigh, k, "exact", 0, 0),
                 {values.mutable_data_ptr(), vectors.mutable_data_ptr(), bounds.mutable_data_ptr()});
    return {values, vectors};
  }

  template <class Library>
  static void implement(Library& m) {
    m.impl("gram", TORCH_BOX(&Ops::gram));
    m.impl("eigvals", TORCH_BOX(&Ops::eigvals));
    m.impl("eigh", TORCH_BOX(&Ops::eigh));
    m.impl("fiedler", TORCH_BOX(&Ops::fiedler));
    m.impl("score", TORCH_BOX(&Ops::score));
    m.impl("matrix_eigvals", TORCH_BOX(&Ops::matrix_eigvals));
    m.impl("matrix_eigh", TORCH_BOX(&Ops::matrix_eigh));
  }
};

}  // namespace saln
