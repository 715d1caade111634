// The module _C: what was built and what a call would do. Host arithmetic only;
// no tensors, no torch.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <string>

#include "core/greedy_plan.h"
#include "core/names.h"
#include "cpu/greedy.h"
#include "cpu/kernels.h"
#include "cuda/plan/greedy_plan.h"

namespace py = pybind11;

namespace {

py::dict build_info() {
  py::list compiled;
  for (const saln::Kernels* const* k = saln::all_kernels(); *k; ++k) compiled.append((*k)->name);
  py::dict info;
  info["version"] = SALN_VERSION;
  info["compiler"] = SALN_COMPILER;
  info["torch_target"] = SALN_TORCH_TARGET;
  info["cpu_isa_compiled"] = compiled;
  info["cpu_isa_in_use"] = saln::kernels().name;
  return info;
}

// A problem by its shapes alone, as saln_kernels/plan.py describes it.
saln::Problem problem_of(const py::dict& shape) {
  static const char something = 0;
  const auto integer = [&](const char* name) { return shape[name].cast<int64_t>(); };
  const auto text = [&](const char* name) { return shape[name].cast<std::string>(); };
  saln::Problem problem;
  problem.n_candidates = integer("C");
  problem.size = integer("b");
  problem.center = shape["center"].cast<bool>();
  problem.similarity = saln::similarity_of(text("similarity"));
  problem.laplacian = saln::laplacian_of(text("laplacian"));
  problem.negative = saln::negative_of(text("negative"));
  problem.allow_tf32 = shape["allow_tf32"].cast<bool>();
  problem.features.dtype = problem.matrices.dtype = saln::dtype_of(text("dtype"));
  problem.features.rows = integer("N");
  problem.features.cols = problem.features.row_stride = integer("d");
  problem.features.col_stride = 1;
  problem.residuals.cols = integer("c");
  problem.residuals.data = problem.residuals.cols ? &something : nullptr;
  problem.quality.data = shape["quality"].cast<bool>() ? &something : nullptr;
  return problem;
}

// Sets a field from an argument of the op, if it has that argument.
template <class V>
void read(const py::dict& arguments, const char* name, V& field) {
  if (arguments.contains(name)) field = arguments[name].cast<V>();
}

saln::Task task_of(const std::string& op, const py::dict& arguments) {
  saln::Task task;
  const std::string of_matrices = "matrix_";
  task.output = saln::output_of(op.starts_with(of_matrices) ? op.substr(of_matrices.size()) : op);
  read(arguments, "k", task.k);
  read(arguments, "n_iter", task.n_iter);
  read(arguments, "parameter", task.parameter);
  std::string solver = "exact", criterion;
  read(arguments, "solver", solver);
  read(arguments, "criterion", criterion);
  task.solver = saln::solver_of(solver);
  if (task.output == saln::Output::score) task.criterion = saln::criterion_of(criterion);
  return task;
}

std::optional<saln::GreedyTask> greedy_task_of(const std::string& op, const py::dict& arguments) {
  saln::GreedyTask task;
  if (op == "greedy_logdet") {
    double sigma = 1;
    read(arguments, "sigma", sigma);
    task.noise = sigma * sigma;
  } else if (op == "maxvol") {
    task.method = saln::Greedy::maxvol;
  } else if (op == "k_center") {
    task.method = saln::Greedy::k_center;
  } else {
    return {};
  }
  read(arguments, "size", task.size);
  read(arguments, "max_swaps", task.max_swaps);
  return task;
}

py::dict described(const saln::Plan& p) {
  py::dict out;
  out["solver"] = saln::name_of(p.solver);
  out["layout"] = saln::name_of(p.layout);
  out["side"] = saln::name_of(p.side);
  out["n_iter"] = p.n_iter;
  out["flops"] = p.flops;
  out["bytes"] = p.bytes;
  out["seconds"] = p.seconds;
  out["reason"] = p.reason;
  return out;
}

py::dict described(const saln::GreedyPlan& p, saln::Greedy method) {
  py::dict out;
  out["solver"] = saln::solver_of(method);
  out["layout"] = method != saln::Greedy::logdet ? "rows" : p.pairs ? "pairs" : "columns";
  out["side"] = method == saln::Greedy::logdet ? "gram" : "rows";
  out["n_iter"] = 0;
  out["flops"] = p.products + p.rest;
  out["bytes"] = p.bytes;
  out["seconds"] = p.seconds;
  out["reason"] = p.reason;
  return out;
}

py::dict plan(const py::dict& shape, const std::string& op, const py::dict& arguments, int threads) {
  const saln::Problem problem = problem_of(shape);
  const saln::Kernels& best = saln::kernels();
  if (const auto task = greedy_task_of(op, arguments)) {
    const bool pairs = caches_pairs(problem, *task);
    py::dict out = described(make_greedy_plan(problem, *task, pairs, best.vector_bytes, threads), task->method);
    const int64_t holders = problem.n_candidates < threads ? 1 : threads;  // too few: all threads share each one's
    const size_t bytes = task->size ? saln::greedy_kernels().workspace(problem, *task) : 0;
    out["workspace_bytes"] = bytes * size_t(holders);
    return out;
  }
  const saln::Task task = task_of(op, arguments);
  const saln::Plan p = make_plan(shape_of(problem, task, best.vector_bytes, threads));
  py::dict out = described(p);
  out["workspace_bytes"] = best.workspace(problem, task, p) * size_t(threads);
  return out;
}

saln::Gpu gpu_of(const py::dict& properties) {
  saln::Gpu gpu;
  read(properties, "major", gpu.major);
  read(properties, "minor", gpu.minor);
  read(properties, "multiprocessors", gpu.multiprocessors);
  read(properties, "shared_per_block", gpu.shared_per_block);
  read(properties, "shared_per_multiprocessor", gpu.shared_per_multiprocessor);
  read(properties, "registers_per_multiprocessor", gpu.registers_per_multiprocessor);
  return gpu;
}

// What plans on a GPU have in common.
template <class P>
py::dict on_gpu(py::dict out, const P& p, const std::string& kernel) {
  py::dict launch;
  launch["kernel"] = kernel;
  launch["grid"] = p.grid;
  launch["threads"] = p.threads;
  launch["registers"] = p.registers;
  launch["shared_bytes"] = p.shared_bytes;
  launch["blocks_per_multiprocessor"] = p.blocks;
  out["layout"] = kernel;
  out["seconds"] = p.seconds;
  out["workspace_bytes"] = p.workspace_bytes;
  out["floor_seconds"] = p.floor_seconds;
  out["floor_by"] = p.floor_by;
  out["launch"] = launch;
  return out;
}

py::dict cuda_plan(const py::dict& shape, const std::string& op, const py::dict& arguments, const py::dict& gpu) {
  const saln::Problem problem = problem_of(shape);
  if (const auto task = greedy_task_of(op, arguments)) {
    const saln::CudaGreedyPlan p = make_cuda_plan(problem, *task, gpu_of(gpu));
    return on_gpu(described(p.numbers, task->method), p, op);
  }
  const saln::CudaPlan p = make_cuda_plan(problem, task_of(op, arguments), gpu_of(gpu));
  py::dict out = on_gpu(described(p.numbers), p, facts_of(p.kernel).name);
  out["reason"] = p.reason;
  return out;
}

}  // namespace

PYBIND11_MODULE(_C, m) {
  m.doc() = "What was built, and what a call would do.";
  m.def("build_info", &build_info);
  m.def("plan", &plan, py::arg("shape"), py::arg("op"), py::arg("arguments"), py::arg("threads"));
  m.def("cuda_plan", &cuda_plan, py::arg("shape"), py::arg("op"), py::arg("arguments"), py::arg("gpu"));
}
