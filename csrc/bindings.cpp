// The module _C: what was built and what a call would do. Host arithmetic only; no tensors, no torch.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "cpu/kernels.h"
#include "names.h"

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

py::dict plan(int64_t C, int64_t b, int64_t d, int64_t k, const std::string& dtype, const std::string& similarity,
              bool center, const std::string& laplacian, const std::string& what, const std::string& criterion,
              double parameter, const std::string& solver, int64_t n_iter, int64_t residual_width, int threads) {
  using namespace saln;
  Problem problem;
  problem.n_candidates = C;
  problem.size = b;
  problem.center = center;
  problem.similarity = similarity_of(similarity);
  problem.laplacian = laplacian_of(laplacian);
  problem.features.dtype = problem.matrices.dtype = dtype_of(dtype);
  problem.features.cols = d;
  problem.features.col_stride = 1;
  problem.residuals.cols = residual_width;
  Task task;
  task.k = k;
  task.n_iter = n_iter;
  task.parameter = parameter;
  task.output = output_of(what);
  task.solver = solver_of(solver);
  if (task.output == Output::score) task.criterion = criterion_of(criterion);
  const Kernels& best = kernels();
  const Plan p = make_plan(shape_of(problem, task, best.vector_bytes, threads));
  py::dict out;
  out["solver"] = name_of(p.solver);
  out["layout"] = name_of(p.layout);
  out["side"] = name_of(p.side);
  out["n_iter"] = p.n_iter;
  out["flops"] = p.flops;
  out["bytes"] = p.bytes;
  out["workspace_bytes"] = best.workspace(problem, task, p) * size_t(threads);
  out["seconds"] = p.seconds;
  out["reason"] = p.reason;
  return out;
}

}  // namespace

PYBIND11_MODULE(_C, m) {
  m.doc() = "What was built, and what a call would do.";
  m.def("build_info", &build_info);
  m.def("plan", &plan, py::kw_only(), py::arg("C"), py::arg("b"), py::arg("d"), py::arg("k"), py::arg("dtype"),
        py::arg("similarity"), py::arg("center"), py::arg("laplacian"), py::arg("what"), py::arg("criterion"),
        py::arg("parameter"), py::arg("solver"), py::arg("n_iter"), py::arg("residual_width"), py::arg("threads"));
}
