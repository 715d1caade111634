// The module _C: what was built and what a call would do. Host arithmetic only;
// no tensors, no torch.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "core/names.h"
#include "cpu/kernels.h"
#include "cuda/plan/plan.h"

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

// A call by its shapes alone, as Python names them.
struct Asked {
  saln::Problem problem;
  saln::Task task;

  Asked(int64_t N, int64_t C, int64_t b, int64_t d, int64_t k, const std::string& dtype, const std::string& similarity,
        bool center, const std::string& laplacian, const std::string& negative, bool quality, const std::string& what,
        const std::string& criterion, double parameter, const std::string& solver, int64_t n_iter,
        int64_t residual_width) {
    static const char something = 0;
    problem.n_candidates = C;
    problem.size = b;
    problem.center = center;
    problem.similarity = saln::similarity_of(similarity);
    problem.laplacian = saln::laplacian_of(laplacian);
    problem.negative = saln::negative_of(negative);
    problem.features.dtype = problem.matrices.dtype = saln::dtype_of(dtype);
    problem.features.rows = N;
    problem.features.cols = problem.features.row_stride = d;
    problem.features.col_stride = 1;
    problem.residuals.cols = residual_width;
    problem.residuals.data = residual_width ? &something : nullptr;
    problem.quality.data = quality ? &something : nullptr;
    task.k = k;
    task.n_iter = n_iter;
    task.parameter = parameter;
    task.output = saln::output_of(what);
    task.solver = saln::solver_of(solver);
    if (task.output == saln::Output::score) task.criterion = saln::criterion_of(criterion);
  }
};

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

py::dict plan(const Asked& asked, int threads) {
  const saln::Kernels& best = saln::kernels();
  const saln::Plan p = make_plan(shape_of(asked.problem, asked.task, best.vector_bytes, threads));
  py::dict out = described(p);
  out["workspace_bytes"] = best.workspace(asked.problem, asked.task, p) * size_t(threads);
  return out;
}

py::dict cuda_plan(const Asked& asked, const py::dict& gpu) {
  saln::Gpu g;
  const auto set = [&](const char* name, auto& value) {
    if (gpu.contains(name)) value = gpu[name].cast<std::decay_t<decltype(value)>>();
  };
  set("major", g.major);
  set("minor", g.minor);
  set("multiprocessors", g.multiprocessors);
  set("shared_per_block", g.shared_per_block);
  set("shared_per_multiprocessor", g.shared_per_multiprocessor);
  set("registers_per_multiprocessor", g.registers_per_multiprocessor);
  const saln::CudaPlan p = make_cuda_plan(asked.problem, asked.task, g);
  py::dict launch;
  launch["kernel"] = facts_of(p.kernel).name;
  launch["grid"] = p.grid;
  launch["threads"] = p.threads;
  launch["registers"] = p.registers;
  launch["shared_bytes"] = p.shared_bytes;
  launch["blocks_per_multiprocessor"] = p.blocks;
  py::dict out = described(p.numbers);
  out["layout"] = facts_of(p.kernel).name;
  out["seconds"] = p.seconds;
  out["reason"] = p.reason;
  out["workspace_bytes"] = p.workspace_bytes;
  out["floor_seconds"] = p.floor_seconds;
  out["floor_by"] = p.floor_by;
  out["launch"] = launch;
  return out;
}

}  // namespace

PYBIND11_MODULE(_C, m) {
  m.doc() = "What was built, and what a call would do.";
  m.def("build_info", &build_info);
  py::class_<Asked>(m, "Asked")
      .def(py::init<int64_t, int64_t, int64_t, int64_t, int64_t, const std::string&, const std::string&, bool,
                    const std::string&, const std::string&, bool, const std::string&, const std::string&, double,
                    const std::string&, int64_t, int64_t>(),
           py::kw_only(), py::arg("N"), py::arg("C"), py::arg("b"), py::arg("d"), py::arg("k"), py::arg("dtype"),
           py::arg("similarity"), py::arg("center"), py::arg("laplacian"), py::arg("negative"), py::arg("quality"),
           py::arg("what"), py::arg("criterion"), py::arg("parameter"), py::arg("solver"), py::arg("n_iter"),
           py::arg("residual_width"));
  m.def("plan", &plan, py::arg("asked"), py::arg("threads"));
  m.def("cuda_plan", &cuda_plan, py::arg("asked"), py::arg("gpu"));
}
