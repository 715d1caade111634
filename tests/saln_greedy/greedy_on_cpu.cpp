// Runs the greedy CUDA kernels as a GPU does, on the host: requests on standard input, picks on standard output. Every
// array has just the bytes it was sent with; every output is NaN before. test_greedy_cuda_on_cpu.py writes the
// requests.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "core/names.h"
#include "cuda/greedy/greedy.cuh"
#include "request.h"

namespace saln {
namespace {

struct GreedyRequest {
  Array features, candidates, residuals, quality, starts;
  int64_t n_candidates, size, center, picks, max_swaps;
  int64_t grid, backward, vectors_are_shared, matrix_is_shared;
  double gamma, noise, tolerance;
  char method[32], similarity[32];
};

void read(void* to, size_t bytes) {
  if (bytes && std::fread(to, bytes, 1, stdin) != 1) std::abort();
}

struct Block {
  explicit Block(size_t bytes) : bytes(bytes), memory(new char[bytes + 256]) { std::memset(data(), 0xff, bytes); }
  // so that the block ends with its last byte
  char* data() const {
    char* end = memory.get() + bytes + 256;
    return end - bytes - reinterpret_cast<uintptr_t>(end - bytes) % 16;
  }
  size_t bytes;
  std::unique_ptr<char[]> memory;
};

struct Sent {
  explicit Sent(const Array& array) : array(array), bytes(new char[size_t(array.bytes)]) {
    read(bytes.get(), size_t(array.bytes));
  }
  View view() const {
    View v;
    if (!array.dtype[0]) return v;
    v.data = bytes.get();
    v.dtype = dtype_of(array.dtype);
    v.rows = array.rows;
    v.cols = array.cols;
    v.row_stride = array.row_stride;
    v.col_stride = array.col_stride;
    return v;
  }
  const Array& array;
  std::unique_ptr<char[]> bytes;
};

template <class K>
void launch(device::GreedyCall& call, const GreedyRequest& r) {
  simulator::gap = 64;
  const device::GreedyFootprint bytes = device::greedy_footprint<K>(call);
  const Block workspace(bytes.workspace * size_t(r.grid));
  call.workspace = workspace.data();
  call.workspace_stride = int64_t(bytes.workspace);
  simulator::launch(
      int(r.grid), device::GreedyGroup::threads, bytes.shared,
      [&](char* shared) { device::run_greedy<K>(call, shared); }, r.backward != 0);
}

template <class T>
void choose(device::GreedyCall& call, const GreedyRequest& r) {
  const std::string method = r.method;
  if (method == "greedy_logdet") {
    launch<device::GreedyLogDet<T>>(call, r);
  } else if (method == "maxvol") {
    call.task.method = Greedy::maxvol;
    launch<device::GreedyMaxVol<T>>(call, r);
  } else {
    call.task.method = Greedy::k_center;
    launch<device::GreedyKCenter<T>>(call, r);
  }
}

void serve(const GreedyRequest& r) {
  const Sent features(r.features), candidates(r.candidates), residuals(r.residuals), quality(r.quality),
      starts(r.starts);
  device::GreedyCall call;
  Problem& p = call.problem;
  p.features = features.view();
  p.candidates = candidates.bytes.get();
  p.candidates_int64 = std::string(r.candidates.dtype) == "int64";
  p.candidate_stride = r.candidates.row_stride;
  p.position_stride = r.candidates.col_stride;
  p.n_candidates = r.n_candidates;
  p.size = r.size;
  p.residuals = residuals.view();
  p.quality = quality.view();
  p.similarity = similarity_of(r.similarity);
  p.center = r.center;
  p.gamma = r.gamma;
  GreedyTask& t = call.task;
  t.size = r.picks;
  t.noise = r.noise;
  t.tolerance = r.tolerance;
  t.max_swaps = r.max_swaps;
  if (r.starts.dtype[0]) t.starts = reinterpret_cast<const int64_t*>(starts.bytes.get());
  call.vectors_are_shared = r.vectors_are_shared;
  call.matrix_is_shared = r.matrix_is_shared;
  const bool wide = p.features.dtype == DType::float64;
  const size_t count = size_t(p.n_candidates * t.size);
  const std::unique_ptr<int64_t[]> positions(new int64_t[count]);
  const std::unique_ptr<char[]> gains(new char[count * (wide ? 8 : 4)]);
  std::memset(positions.get(), 0xff, count * 8);
  std::memset(gains.get(), 0xff, count * (wide ? 8 : 4));
  call.results = {positions.get(), gains.get()};
  wide ? choose<double>(call, r) : choose<float>(call, r);
  std::fwrite(positions.get(), 8, count, stdout);
  std::fwrite(gains.get(), wide ? 8 : 4, count, stdout);
}

}  // namespace
}  // namespace saln

int main() {
  saln::GreedyRequest request;
  while (std::fread(&request, sizeof request, 1, stdin) == 1) saln::serve(request);
}
