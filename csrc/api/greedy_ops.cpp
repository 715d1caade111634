// The schemas of the greedy ops, and those of the CPU.
#include "api/greedy_ops.h"

#include "api/ops_namespace.h"
#include "cpu/greedy.h"

SALN_LIBRARY_FRAGMENT(m) {
  m.def("greedy_logdet(" PROBLEM_SCHEMA ", int size, float sigma) -> (Tensor positions, Tensor gains)");
  m.def("maxvol(" PROBLEM_SCHEMA ", int size, float tolerance, int max_swaps) -> (Tensor positions, Tensor gains)");
  m.def("k_center(" PROBLEM_SCHEMA ", int size, Tensor? start) -> (Tensor positions, Tensor gains)");
}

namespace {

struct Cpu {
  static void run(const torch::stable::Tensor&, const saln::Problem& problem, const saln::GreedyTask& task,
                  const saln::GreedyResults& results) {
    saln::run_greedy_cpu(problem, task, results);
  }
};

}  // namespace

SALN_LIBRARY_IMPL(CPU, m) { saln::GreedyOps<Cpu>::implement(m); }
