// What a case's call is launched with, for the interpreter: one line of JSON about its plan and the warp instructions
// that the cost model predicts, and behind it the bytes of the kernel's argument.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/names.h"
#include "cuda/plan/instructions.h"

int main(int, char** arguments) {
  using namespace saln;
  const auto number = [&arguments] { return std::strtoll(*++arguments, nullptr, 0); };
  const auto pointer = [&number] { return reinterpret_cast<void*>(number()); };
  Problem p;
  p.features.dtype = p.matrices.dtype = dtype_of(*++arguments);
  p.similarity = similarity_of(*++arguments);
  Task t;
  t.solver = solver_of(*++arguments);
  t.output = Output::eigvals;
  t.k = number();
  p.n_candidates = number();
  const int64_t interpreted = number();
  p.size = p.candidate_stride = number();
  p.position_stride = 1;
  p.features.rows = number();
  p.features.cols = p.features.row_stride = number();
  p.features.col_stride = 1;
  p.features.data = pointer();
  p.candidates = pointer();
  if (p.similarity == Similarity::given) {
    p.matrices.data = p.features.data;
    p.matrices.rows = p.n_candidates * p.size;
    p.matrices.cols = p.matrices.row_stride = p.size;
    p.matrices.col_stride = 1;
    p.matrix_stride = p.size * p.size;
  }
  Results r;
  r.values = pointer();
  r.bounds = pointer();
  void* const workspace = pointer();

  const CudaPlan plan = make_cuda_plan(p, t, Gpu());
  const Instructions n = predict_instructions(p, plan);
  std::printf("{\"kernel\": \"%s\", \"threads\": %d, \"grid\": %lld, \"shared_bytes\": %lld, ",
              facts_of(plan.kernel).name, plan.threads, static_cast<long long>(plan.grid),
              static_cast<long long>(plan.shared_bytes));
  std::printf("\"parts\": %d, \"block_bytes\": %lld, \"split_shared_bytes\": %lld, \"predicted_split\": %.0f, ",
              plan.choice.parts, static_cast<long long>(plan.block_bytes),
              static_cast<long long>(plan.split_shared_bytes), predict_split_instructions(p, plan));
  std::printf("\"workspace_bytes\": %lld, \"predicted\": [%.0f, %.0f, %.0f, %.0f]}\n",
              static_cast<long long>(plan.workspace_bytes), n.gram, n.transforms, n.solve, n.values);
  p.n_candidates = interpreted;
  const device::Call call = call_of(p, t, r, plan, workspace);
  std::fwrite(&call, sizeof call, 1, stdout);
}
