// Runs the CPU kernels of two instruction sets over many shapes, with every input and output allocated to the byte, so
// that a sanitizer sees any access beyond them, and compares their results: those of three threads that take candidates
// off one counter, and those of three that share every candidate's loops.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "cpu/kernels.h"

using namespace saln;

namespace saln::FIRST {
extern const Kernels variant;
}
namespace saln::SECOND {
extern const Kernels variant;
}

namespace {

#ifdef __SANITIZE_THREAD__
constexpr bool kFewer = true;  // dtypes and criteria: threads do not know them apart
#else
constexpr bool kFewer = false;
#endif

int failures = 0;

struct Case {
  Problem problem;
  Task task;
  std::string name;
};

// Bytes on the heap, exactly as many as asked for.
struct Block {
  std::unique_ptr<char[]> bytes;
  template <class T>
  explicit Block(const std::vector<T>& v) : bytes(new char[v.size() * sizeof(T)]) {
    std::memcpy(bytes.get(), v.data(), v.size() * sizeof(T));
  }
  explicit Block(size_t n) : bytes(new char[n]) { std::memset(bytes.get(), 0xff, n); }  // NaN
};

template <class Body>
void three_threads(const Body& body) {
  std::thread threads[3];
  for (int part = 0; part < 3; ++part) threads[part] = std::thread(body, part);
  for (std::thread& each : threads) each.join();
}

// Ranges as three threads take them, down to single ones.
void in_three(int64_t count, int64_t, void (*body)(void*, int64_t, int64_t), void* context) {
  three_threads([=](int64_t part) { body(context, part * count / 3, (part + 1) * count / 3); });
}

std::vector<double> run(const Kernels& k, const Case& c, bool wide, const Team& team) {
  const size_t C = size_t(c.problem.n_candidates), b = size_t(c.problem.size), e = wide ? 8 : 4;
  const size_t top = c.task.output == Output::gram                                        ? b * b
                     : c.task.output == Output::score || c.task.output == Output::fiedler ? 1
                                                                                          : size_t(c.task.k);
  Block values(C * top * e), vectors(C * b * top * e), bounds(C * top * e);
  const Plan plan = make_plan(shape_of(c.problem, c.task, k.vector_bytes, 1));
  const size_t bytes = k.workspace(c.problem, c.task, plan);
  const bool pair = c.task.output == Output::eigh || c.task.output == Output::fiedler;
  std::atomic<int64_t> next{0};
  const auto work = [&](int) {
    const std::unique_ptr<char, decltype(&std::free)> scratch(
        static_cast<char*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64 + 64)), &std::free);
    k.run(c.problem, c.task, plan, {values.bytes.get(), pair ? vectors.bytes.get() : nullptr, bounds.bytes.get()}, team,
          next, scratch.get());
  };
  team.share ? work(0) : three_threads(work);
  std::vector<double> out(C * top);
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = wide ? reinterpret_cast<double*>(values.bytes.get())[i] : reinterpret_cast<float*>(values.bytes.get())[i];
  return out;
}

void compare(const Kernels& one, const Kernels& two, const Case& c, bool wide) {
  const std::vector<double> x = run(one, c, wide, Team{}), y = run(two, c, wide, Team{in_three});
  double top = 0, gap = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    top = std::fmax(top, std::fabs(y[i]));
    if (!(std::fabs(x[i] - y[i]) <= INFINITY)) gap = INFINITY;
    gap = std::fmax(gap, std::fabs(x[i] - y[i]));
  }
  if (c.task.output == Output::fiedler) top = std::fmax(top, 0.01 * double(c.problem.size));  // of a split graph: 0
  // Square roots of eigenvalues that are zero but for rounding are half as accurate.
  const bool roots = c.task.output == Output::score && c.task.criterion == Criterion::nuclear_norm;
  const double limit = (roots ? (wide ? 1e-6 : 3e-3) : (wide ? 1e-12 : 1e-4)) * top;
  if (gap <= limit) return;
  ++failures;
  std::printf("%s: %s and %s differ by %g of %g\n", c.name.c_str(), one.name, two.name, gap, top);
}

}  // namespace

// The largest batch may be given, where all of them take too long.
int main(int argc, char** argv) {
  const int largest = argc > 1 ? std::atoi(argv[1]) : 1000;
  const Kernels &best = saln::FIRST::variant, &plain = saln::SECOND::variant;
  std::mt19937 random(7);
  std::normal_distribution<double> normal;
  int cases = 0;
  for (const int b : {1, 8, 17, 101, 130})
    for (const int d : {1, 16, 67, 4137}) {
      const bool sliced = in_slices(b, d);  // of long rows the products alone: what follows is the same for all
      if (b > largest || (b == 130 ? d != 4137 : d == 4137 || (b == 101 && d != 67))) continue;
      if (sliced != (b == 130)) return 2;
      const int N = b + 3, width = 3, count = sliced ? 1 : b > 50 ? 2 : 19;
      std::vector<double> x(size_t(N) * d), r(size_t(N) * width), q(N), m(size_t(N) * N);
      for (auto* v : {&x, &r, &q, &m})
        for (double& e : *v) e = normal(random);
      for (double& e : q) e = std::fabs(e) + 0.1;
      for (int i = 0; i < N; ++i)
        for (int j = 0; j < i; ++j) m[size_t(i) * N + j] = m[size_t(j) * N + i];
      std::vector<int32_t> rows(size_t(count) * b);
      for (int32_t& e : rows) e = int32_t(random() % (N + 1)) - 1;
      const Block candidates(rows);
      for (const DType type : {DType::float32, DType::float64, DType::bfloat16, DType::float16}) {
        const bool wide = type == DType::float64, half = type == DType::bfloat16 || type == DType::float16;
        if (kFewer && type != DType::float32 && type != DType::bfloat16) continue;
        const auto bytes_of = [&](const std::vector<double>& v) {
          if (wide) return Block(v);
          const std::vector<float> f(v.begin(), v.end());
          if (!half) return Block(f);
          std::vector<uint16_t> h(v.size());
          for (size_t i = 0; i < h.size(); ++i) {
            uint32_t u;
            std::memcpy(&u, &f[i], 4);
            h[i] =
                type == DType::bfloat16 ? uint16_t(u >> 16) : uint16_t((u >> 16 & 0x8000) | 0x3800 | (u >> 13 & 0x3ff));
          }
          return Block(h);
        };
        const Block fx = bytes_of(x), fr = bytes_of(r), fq = bytes_of(q), fm = bytes_of(m);
        for (const Similarity s :
             {Similarity::linear, Similarity::cosine, Similarity::rbf, Similarity::precomputed, Similarity::gradient})
          for (const Output output : {Output::gram, Output::eigvals, Output::eigh, Output::fiedler, Output::score})
            for (int option = 0; option < 4; ++option) {
              if (half && option) continue;
              if (sliced && (option || output != Output::gram)) continue;
              Case c;
              Problem& p = c.problem;
              const bool square = s == Similarity::precomputed;
              p.features = {square ? fm.bytes.get() : fx.bytes.get(), type, N, square ? N : d, square ? N : d, 1};
              p.candidates = candidates.bytes.get();
              p.candidates_int64 = false;
              p.candidate_stride = b;
              p.position_stride = 1;
              p.n_candidates = count;
              p.size = b;
              p.similarity = s;
              p.gamma = 1.0 / d;
              if (s == Similarity::gradient) p.residuals = {fr.bytes.get(), type, N, width, width, 1};
              if (option & 1) p.quality = {fq.bytes.get(), type, N, 1, 1, 1};
              p.center = option & 2;
              if (output == Output::fiedler) p.laplacian = option ? Laplacian::symmetric : Laplacian::unnormalized;
              c.task.output = output;
              c.task.k = output == Output::score ? 1 : (b + 1) / 2;
              if (option == 3 && output != Output::score) c.task.solver = Solver::randomized;
              if (option == 3) c.task.n_iter = b;
              c.name = "b " + std::to_string(b) + " d " + std::to_string(d) + " type " + std::to_string(int(type)) +
                       " similarity " + std::to_string(int(s)) + " output " + std::to_string(int(output)) + " option " +
                       std::to_string(option);
              const bool every = output == Output::score && !half && !kFewer && option % 3 == 0;
              const int criteria = every ? 9 : 1;
              for (int criterion = 0; criterion < criteria; ++criterion) {
                c.task.criterion = Criterion(criterion);
                // An indefinite matrix has no logdet, and ratios of its trace are of no size that can be foretold.
                if (square && output == Output::score && c.task.criterion != Criterion::eigenvalue_variance) continue;
                compare(best, plain, c, wide);
                ++cases;
              }
            }
      }
    }
  std::printf("%d cases, %s against %s, %d failures\n", cases, best.name, plain.name, failures);
  return failures ? 1 : 0;
}
