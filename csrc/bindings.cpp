// The module _C: what was built and what a call would do. Host arithmetic only; no tensors, no torch.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <map>
#include <stdexcept>
#include <vector>

#include "cpu/kernels.h"

namespace py = pybind11;

namespace {

template <class E>
E pick(const char* argument, const std::string& name, const std::map<std::string, E>& names) {
  const auto found = names.find(name);
  if (found == names.end()) throw std::invalid_argument(std::string(argument) + ": unknown name '" + name + "'");
  return found->second;
}

py::dict build_info() {
  py::list compiled;
  for (const saln::Kernels* const* k = saln::all_kernels(); *k; ++k) compiled.append((*k)->name);
  py::dict info;
  info["version"] = SALN_VERSION;
  info["compiler"] = SALN_COMPILER;
  info["torch_target"] = SALN_TORCH_TARGET;
  info["cpu_isa_compiled"] = compiled;
  info["cpu_isa_in_use"] = saln::kernels().name;
  info["cuda_archs"] = py::list();
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
  problem.similarity = pick<Similarity>("similarity", similarity,
                                        {{"linear", Similarity::linear},
                                         {"cosine", Similarity::cosine},
                                         {"rbf", Similarity::rbf},
                                         {"precomputed", Similarity::precomputed},
                                         {"gradient", Similarity::gradient},
                                         {"given", Similarity::given}});
  problem.laplacian = pick<Laplacian>(
      "laplacian", laplacian,
      {{"none", Laplacian::none}, {"unnormalized", Laplacian::unnormalized}, {"symmetric", Laplacian::symmetric}});
  problem.features.dtype = problem.matrices.dtype = pick<DType>("dtype", dtype,
                                                                {{"float32", DType::float32},
                                                                 {"float64", DType::float64},
                                                                 {"bfloat16", DType::bfloat16},
                                                                 {"float16", DType::float16}});
  problem.features.cols = d;
  problem.features.col_stride = 1;
  problem.residuals.cols = residual_width;
  Task task;
  task.k = k;
  task.n_iter = n_iter;
  task.parameter = parameter;
  task.output = pick<Output>("what", what,
                             {{"gram", Output::gram},
                              {"eigvals", Output::eigvals},
                              {"eigh", Output::eigh},
                              {"fiedler", Output::fiedler},
                              {"score", Output::score}});
  task.solver = pick<Solver>(
      "solver", solver, {{"auto", Solver::automatic}, {"exact", Solver::exact}, {"randomized", Solver::randomized}});
  using Named = Criterion;
  if (task.output == Output::score)
    task.criterion = pick<Named>("criterion", criterion,
                                 {{"effective_rank", Named::effective_rank},
                                  {"energy", Named::energy},
                                  {"vendi", Named::vendi},
                                  {"participation_ratio", Named::participation_ratio},
                                  {"eigenvalue_variance", Named::eigenvalue_variance},
                                  {"stable_rank", Named::stable_rank},
                                  {"spectral_gap", Named::spectral_gap},
                                  {"nuclear_norm", Named::nuclear_norm},
                                  {"logdet", Named::logdet},
                                  {"algebraic_connectivity", Named::algebraic_connectivity}});
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
