// The schemas of the torch ops, and the ops of the CPU. Written against PyTorch's stable ABI, so one binary serves
// every later version.
#include "api/ops.h"

#include "api/ops_namespace.h"
#include "cpu/run.h"

SALN_LIBRARY(m) {
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

namespace {

struct Cpu {
  static void run(const torch::stable::Tensor&, const saln::Problem& problem, const saln::Task& task,
                  const saln::Results& results) {
    saln::run_cpu(problem, task, results);
  }
};

}  // namespace

SALN_LIBRARY_IMPL(CPU, m) { saln::Ops<Cpu>::implement(m); }
