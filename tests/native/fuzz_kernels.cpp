// For libFuzzer: bytes become a problem, any shape, strides and numbers that the ops let through, every array allocated
// to the byte. The CPU kernels must keep inside, give each candidate the bits that it has alone, and NaN where a row is
// named that is not there.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "cpu/greedy.h"
#include "cpu/kernels.h"

using namespace saln;

namespace saln::FIRST {
extern const Kernels variant;
extern const GreedyKernels greedy_variant;
}  // namespace saln::FIRST

namespace {

using Bytes = std::unique_ptr<char[]>;

// What is left of the input; zeros after its end.
struct Input {
  const uint8_t* at;
  size_t left;
  void take(void* to, size_t n) {
    const size_t there = n < left ? n : left;
    std::memcpy(to, at, there);
    std::memset(static_cast<char*>(to) + there, 0, n - there);
    at += there;
    left -= there;
  }
  int64_t below(int64_t n) {
    uint16_t x;
    take(&x, sizeof x);
    return x % n;
  }
};

int64_t bytes_of(DType type) { return type == DType::float64 ? 8 : type == DType::float32 ? 4 : 2; }

// A view of rows and columns that lie in any order, one after the other or not, or all in the same place.
View view(Input& in, DType type, int64_t rows, int64_t cols, std::vector<Bytes>& kept) {
  const int64_t gap = in.below(3), how = in.below(8);
  View v{nullptr, type, rows, cols, cols + gap, 1};
  if (how == 1) v.row_stride = 1, v.col_stride = rows + gap;
  if (how == 2) v.col_stride = 2, v.row_stride = 2 * cols + gap;
  if (how == 3) v.row_stride = 0;
  if (how & 4) v.row_stride = -v.row_stride;
  const int64_t last = (rows > 0 ? rows - 1 : 0) * v.row_stride, first = last < 0 ? last : 0;
  const int64_t n = rows == 0 ? 0 : (last < 0 ? 0 : last) + (cols - 1) * v.col_stride + 1 - first;
  kept.emplace_back(new char[size_t(n * bytes_of(type))]);
  in.take(kept.back().get(), size_t(n * bytes_of(type)));
  v.data = kept.back().get() - first * bytes_of(type);
  return v;
}

Problem problem(Input& in, std::vector<Bytes>& kept, bool may_be_given) {
  Problem p;
  const auto type = DType(in.below(4)), real = type == DType::float64 ? type : DType::float32;
  p.similarity = Similarity(in.below(may_be_given ? 6 : 5));
  const int64_t rows = in.below(40), cols = 1 + in.below(40), width = 1 + in.below(4);
  p.size = 1 + in.below(in.below(4) ? 20 : 70);
  p.n_candidates = 1 + in.below(p.size > 20 ? 3 : 18);
  p.center = in.below(2);
  p.gamma = double(in.below(100)) / 50;
  p.laplacian = Laplacian(in.below(3));
  p.negative = Negative(in.below(3));
  if (p.laplacian == Laplacian::symmetric && p.negative == Negative::keep) p.negative = Negative::clamp;
  if (p.similarity == Similarity::given) {
    p.matrices = view(in, real, p.n_candidates * p.size, p.size, kept);
    p.matrix_stride = p.matrices.row_stride * p.size;
    return p;
  }
  const int64_t d = p.similarity == Similarity::precomputed ? rows : cols;
  if (d == 0) p.similarity = Similarity::linear;
  p.features = view(in, type, rows, d == 0 ? cols : d, kept);
  if (p.similarity == Similarity::gradient) p.residuals = view(in, real, rows, width, kept);
  if (in.below(2)) p.quality = view(in, real, rows, 1, kept);
  p.candidates_int64 = in.below(2);
  p.candidate_stride = p.size;
  p.position_stride = 1;
  const bool wild = in.below(4) == 0;  // any number, or most often a row
  std::vector<int64_t> numbers(size_t(p.n_candidates * p.size));
  for (int64_t& each : numbers) {
    if (wild) in.take(&each, p.candidates_int64 ? 8 : 4);
    if (wild && !p.candidates_int64) each = int32_t(each);
    if (!wild) each = in.below(rows + 1) - 1;
  }
  const size_t n = numbers.size();
  kept.emplace_back(new char[n * (p.candidates_int64 ? 8 : 4)]);
  for (size_t i = 0; i < n; ++i)
    if (p.candidates_int64)
      reinterpret_cast<int64_t*>(kept.back().get())[i] = numbers[i];
    else
      reinterpret_cast<int32_t*>(kept.back().get())[i] = int32_t(numbers[i]);
  p.candidates = kept.back().get();
  return p;
}

int64_t named(const Problem& p, int64_t candidate, int64_t position) {
  const int64_t i = candidate * p.candidate_stride + position;
  return p.candidates_int64 ? static_cast<const int64_t*>(p.candidates)[i]
                            : static_cast<const int32_t*>(p.candidates)[i];
}

bool is_bad(const Problem& p, int64_t candidate) {
  if (p.similarity == Similarity::given) return false;
  for (int64_t i = 0; i < p.size; ++i)
    if (named(p, candidate, i) < -1 || named(p, candidate, i) >= p.features.rows) return true;
  return false;
}

Problem alone(Problem p, int64_t candidate) {
  const int64_t wide = p.candidates_int64 ? 8 : 4;
  p.n_candidates = 1;
  if (p.similarity == Similarity::given) {
    const char* from = static_cast<const char*>(p.matrices.data);
    p.matrices.data = from + candidate * p.matrix_stride * bytes_of(p.matrices.dtype);
    p.matrices.rows = p.size;
  } else {
    p.candidates = static_cast<const char*>(p.candidates) + candidate * p.candidate_stride * wide;
  }
  return p;
}

[[noreturn]] void wrong(const char* what, int64_t candidate) {
  std::fprintf(stderr, "candidate %d %s\n", int(candidate), what);
  std::abort();
}

// Memory for kernels, as it is found: full of NaN.
struct Scratch {
  std::unique_ptr<char, decltype(&std::free)> bytes;
  explicit Scratch(size_t n) : bytes(static_cast<char*>(std::aligned_alloc(64, (n + 63) / 64 * 64 + 64)), &std::free) {
    std::memset(bytes.get(), 0xff, n);
  }
};

struct Found {
  size_t size[3];  // bytes of a candidate: values, vectors, bounds
  Bytes part[3];
};

Found run(const Kernels& k, const Problem& p, const Task& task) {
  const size_t e = is_wide(p) ? 8 : 4, b = size_t(p.size), top = size_t(task.k);
  const bool one = task.output == Output::score || task.output == Output::fiedler;
  const bool pair = task.output == Output::eigh || task.output == Output::fiedler;
  Found found;
  found.size[0] = e * (task.output == Output::gram ? b * b : one ? 1 : top);
  found.size[1] = pair ? e * b * (one ? 1 : top) : 0;
  found.size[2] = task.output == Output::gram || task.output == Output::score ? 0 : e * (one ? 1 : top);
  for (int i = 0; i < 3; ++i) found.part[i].reset(new char[found.size[i] * size_t(p.n_candidates)]);
  const auto at = [&](int i) { return found.size[i] ? found.part[i].get() : nullptr; };
  const Plan plan = make_plan(shape_of(p, task, k.vector_bytes, 1));
  Scratch scratch(k.workspace(p, task, plan));
  std::atomic<int64_t> next{0};
  k.run(p, task, plan, {at(0), at(1), at(2)}, Team{}, next, scratch.bytes.get());
  return found;
}

void spectra(Input& in) {
  std::vector<Bytes> kept;
  const Problem p = problem(in, kept, true);
  Task task;
  task.output = Output(in.below(5));
  task.k = task.output == Output::score || task.output == Output::fiedler ? 1 : 1 + in.below(p.size);
  task.solver = Solver(in.below(3));
  task.n_iter = in.below(2) ? 0 : 1 + in.below(p.size);
  task.seed = uint64_t(in.below(1000));
  task.criterion = Criterion(in.below(10));
  task.parameter = 1 + double(in.below(30)) / 10;
  const bool graph = task.output == Output::fiedler ||
                     (task.output == Output::score && task.criterion == Criterion::algebraic_connectivity);
  if (graph && p.laplacian == Laplacian::none) return;
  const Found all = run(FIRST::variant, p, task);
  for (int64_t c = 0; c < p.n_candidates; ++c) {
    const Found one = run(FIRST::variant, alone(p, c), task);
    for (int i = 0; i < 3; ++i)
      if (std::memcmp(one.part[i].get(), all.part[i].get() + size_t(c) * all.size[i], all.size[i]) != 0)
        wrong("has other bits alone", c);
    if (!is_bad(p, c)) continue;
    const char* value = all.part[0].get() + size_t(c) * all.size[0];
    const double first = is_wide(p) ? *reinterpret_cast<const double*>(value) : *reinterpret_cast<const float*>(value);
    if (first == first) wrong("names a row that is not there and has a number", c);
  }
}

void choices(Input& in) {
  std::vector<Bytes> kept;
  Problem p = problem(in, kept, false);
  GreedyTask task;
  task.method = Greedy(in.below(3));
  if (task.method == Greedy::maxvol) p.similarity = Similarity::linear;
  if (task.method == Greedy::k_center && p.similarity > Similarity::cosine) p.similarity = Similarity::cosine;
  if (task.method != Greedy::logdet) p.center = false, p.quality = {};
  if (p.similarity != Similarity::gradient) p.residuals = {};
  p.laplacian = Laplacian::none;
  task.size = 1 + in.below(p.size);
  if (task.method == Greedy::maxvol && task.size > p.features.cols) task.size = p.features.cols;
  task.noise = double(in.below(4)) / 4;
  task.tolerance = 1 + double(in.below(10)) / 10;
  task.max_swaps = in.below(20);
  const size_t e = is_wide(p) ? 8 : 4, size = size_t(task.size);
  const std::unique_ptr<int64_t[]> picks(new int64_t[size * size_t(p.n_candidates)]);
  const Bytes gains(new char[e * size * size_t(p.n_candidates)]);
  Scratch scratch(FIRST::greedy_variant.workspace(p, task));
  for (int64_t c = 0; c < p.n_candidates; ++c)
    FIRST::greedy_variant.run(p, task, {picks.get(), gains.get()}, Team{}, c, scratch.bytes.get());
  for (int64_t c = 0; c < p.n_candidates; ++c) {
    std::vector<bool> there(size_t(p.size), false);
    for (size_t i = 0; i < size; ++i) {
      const int64_t pick = picks[size_t(c) * size + i];
      if (pick < -1 || pick >= p.size) wrong("has a pick out of range", c);
      if (pick >= 0 && there[size_t(pick)]) wrong("has a row picked twice", c);
      if (pick >= 0) there[size_t(pick)] = true;
    }
    const Problem own = alone(p, c);
    const std::unique_ptr<int64_t[]> again(new int64_t[size]);
    const Bytes gain(new char[e * size]);
    Scratch other(FIRST::greedy_variant.workspace(own, task));
    FIRST::greedy_variant.run(own, task, {again.get(), gain.get()}, Team{}, 0, other.bytes.get());
    if (std::memcmp(again.get(), picks.get() + size_t(c) * size, 8 * size) != 0 ||
        std::memcmp(gain.get(), gains.get() + e * size * size_t(c), e * size) != 0)
      wrong("has other bits alone", c);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input in{data, size};
  in.below(2) ? spectra(in) : choices(in);
  return 0;
}
