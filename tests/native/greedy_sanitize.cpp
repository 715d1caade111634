// Runs the greedy CPU kernels of two instruction sets over many shapes, with every input and output allocated to the
// byte, so that a sanitizer sees any access beyond them, and compares their picks.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "cpu/greedy.h"

using namespace saln;

namespace saln::FIRST {
extern const GreedyKernels greedy_variant;
}
namespace saln::SECOND {
extern const GreedyKernels greedy_variant;
}

namespace {

template <class T>
std::unique_ptr<char[]> exactly(const std::vector<T>& v) {
  std::unique_ptr<char[]> bytes(new char[v.size() * sizeof(T)]);
  std::memcpy(bytes.get(), v.data(), v.size() * sizeof(T));
  return bytes;
}

// Two ranges, each by a thread.
void halves(int64_t count, int64_t, void (*body)(void*, int64_t, int64_t), void* context) {
  std::thread other(body, context, count / 2, count);
  body(context, 0, count / 2);
  other.join();
}

struct Picks {
  std::vector<int64_t> positions;
  std::vector<double> gains;
};

Picks run(const GreedyKernels& k, const Problem& problem, const GreedyTask& task, bool wide) {
  const size_t count = size_t(problem.n_candidates * task.size), bytes = k.workspace(problem, task);
  const std::unique_ptr<int64_t[]> positions(new int64_t[count]);
  const std::unique_ptr<char[]> gains(new char[count * (wide ? 8 : 4)]);
  const std::unique_ptr<char, decltype(&std::free)> scratch(
      static_cast<char*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64 + 64)), &std::free);
  std::memset(scratch.get(), 0xff, bytes);
  for (int64_t c = 0; c < problem.n_candidates; ++c)
    k.run(problem, task, {positions.get(), gains.get()}, Team{c % 2 ? halves : nullptr}, c, scratch.get());
  Picks picks;
  for (size_t i = 0; i < count; ++i) {
    picks.positions.push_back(positions[i]);
    picks.gains.push_back(wide ? reinterpret_cast<double*>(gains.get())[i] : reinterpret_cast<float*>(gains.get())[i]);
  }
  return picks;
}

}  // namespace

int main() {
  std::mt19937 generator(0);
  std::normal_distribution<double> normal;
  int cases = 0, failures = 0;
  for (const bool wide : {false, true})
    for (const int64_t b : {1, 2, 5, 16, 33, 64, 71})
      for (const int64_t d : {1, 3, 16, 37})
        for (const Greedy method : {Greedy::logdet, Greedy::maxvol, Greedy::k_center})
          for (const Similarity similarity :
               {Similarity::linear, Similarity::cosine, Similarity::rbf, Similarity::precomputed, Similarity::gradient})
            for (const int64_t part : {1, 2, 9}) {
              if (method == Greedy::k_center && similarity > Similarity::cosine) continue;
              if (method == Greedy::maxvol && similarity != Similarity::linear) continue;
              const int64_t rows = 2 * b, C = 3, c = 3;
              const int64_t width = similarity == Similarity::precomputed ? rows : d;
              // A sum of squares is positive definite, as a precomputed matrix has to be.
              std::vector<double> x(size_t(rows * width)), r(size_t(rows * c)), q(size_t(rows), 0);
              for (double& v : x) v = normal(generator);
              for (double& v : r) v = normal(generator);
              for (double& v : q) v = 1 + std::fabs(normal(generator));
              if (similarity == Similarity::precomputed) {
                const std::vector<double> half = x;
                for (int64_t i = 0; i < rows; ++i)
                  for (int64_t j = 0; j < rows; ++j) {
                    double total = 0;
                    for (int64_t t = 0; t < rows; ++t) total += half[size_t(i * rows + t)] * half[size_t(j * rows + t)];
                    x[size_t(i * rows + j)] = total;
                  }
              }
              std::vector<int64_t> candidates(size_t(C * b));
              for (int64_t i = 0; i < C * b; ++i) candidates[size_t(i)] = i % 7 == 3 ? -1 : (i * 5 + i / b) % rows;
              const auto stored = [&](const std::vector<double>& v) {
                return wide ? exactly(v) : exactly(std::vector<float>(v.begin(), v.end()));
              };
              const auto features = stored(x), residuals = stored(r), quality = stored(q);
              const auto numbers = exactly(candidates);
              const DType dtype = wide ? DType::float64 : DType::float32;
              Problem p;
              p.features = {features.get(), dtype, rows, width, width, 1};
              p.candidates = numbers.get();
              p.candidate_stride = b;
              p.position_stride = 1;
              p.n_candidates = C;
              p.size = b;
              p.similarity = similarity;
              p.gamma = 1.0 / double(d);
              if (similarity == Similarity::gradient) p.residuals = {residuals.get(), dtype, rows, c, c, 1};
              if (method == Greedy::logdet && part != 1) {
                p.center = part == 2;
                p.quality = {quality.get(), dtype, rows, 1, 1, 1};
              }
              GreedyTask task;
              task.method = method;
              task.size = (b + part - 1) / part;
              if (method == Greedy::maxvol && task.size > d) task.size = d;
              task.tolerance = 1.05;
              task.max_swaps = 20;
              const Picks first = run(FIRST::greedy_variant, p, task, wide);
              const Picks second = run(SECOND::greedy_variant, p, task, wide);
              ++cases;
              // Rounding may order near ties differently; the sum of gains hardly changes.
              double one = 0, other = 0;
              for (size_t i = 0; i < first.gains.size(); ++i) {
                if (first.positions[i] < -1 || first.positions[i] >= b) ++failures;
                if (std::isfinite(first.gains[i])) one += first.gains[i];
                if (std::isfinite(second.gains[i])) other += second.gains[i];
              }
              if (std::fabs(one - other) > (wide ? 1e-9 : 2e-3) * (1 + std::fabs(one))) {
                std::printf("method %d similarity %d b %d d %d part %d: %g and %g\n", int(method), int(similarity),
                            int(b), int(d), int(part), one, other);
                ++failures;
              }
            }
  std::printf("%d cases, %d failures\n", cases, failures);
  return failures != 0;
}
