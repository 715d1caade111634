// The schemas of the greedy ops, and those of the CPU.
#include "api/greedy_ops.h"

#include "cpu/greedy.h"

STABLE_TORCH_LIBRARY_FRAGMENT(saln, m) {
  m.def(
      "greedy_logdet(Tensor features, Tensor candidates, Tensor? residuals, Tensor? quality, str similarity, "
      "bool center, float gamma, str laplacian, str negative, int size, float sigma) -> "
      "(Tensor positions, Tensor gains)");
  m.def(
      "maxvol(Tensor features, Tensor candidates, int size, float tolerance, int max_swaps) -> "
      "(Tensor positions, Tensor gains)");
  m.def(
      "k_center(Tensor features, Tensor candidates, str similarity, Tensor? start, int size) -> "
      "(Tensor positions, Tensor gains)");
}

namespace {

struct Cpu {
  static void run(const torch::stable::Tensor&, const saln::Problem& problem, const saln::GreedyTask& task,
                  const saln::GreedyResults& results) {
    saln::run_greedy_cpu(problem, task, results);
  }
};

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(saln, CPU, m) { saln::GreedyOps<Cpu>::implement(m); }
