// Greedy choice of rows: what a call asks for, and the rules of how it runs. No torch header.
#pragma once
#include "core/problem.h"

namespace saln {

enum class Greedy { logdet, maxvol, k_center };

struct GreedyTask {
  Greedy method = Greedy::logdet;
  int64_t size = 0;                 // rows chosen of each candidate
  double noise = 1;                 // sigma² of log det(I + K/sigma²); 0: log det K
  double tolerance = 1;             // of maxvol: a swap must multiply the volume by more
  int64_t max_swaps = 0;            // of maxvol
  const int64_t* starts = nullptr;  // [C] of k-center, contiguous; 0 for all if null
};

// Where results go, contiguous; gains are NaN for rows set aside, and are float64 for float64 features, else float32.
struct GreedyResults {
  int64_t* positions;  // [C, size]
  void* gains;         // [C, size]
};

// Log-det needs `size` columns of K, and a column reads all rows once more, at the rate of the cache that holds them.
// All pairs at once are half as many products as b columns, in tiles, at twice that rate, and threads divide them
// without waiting for each other at every pick. So all pairs cost one thread less from size > b/4 on, and two from
// size > b/8 on: b/6 it is, whatever the threads, for they must not change a result. All pairs are needed in any case
// where centering takes more than a mean row: for products of two inner products, and for distances, whose tiles gain
// nothing over columns.
inline bool caches_pairs(const Problem& problem, const GreedyTask& task) {
  constexpr int64_t kPairs = 2048 * 2048;  // 16 MiB of float32
  if (task.method != Greedy::logdet || problem.size * problem.size > kPairs) return false;
  switch (problem.similarity) {
    case Similarity::linear:
    case Similarity::cosine:
      return 6 * task.size > problem.size;
    case Similarity::gradient:
      return problem.center || 6 * task.size > problem.size;
    case Similarity::rbf:
      return problem.center || 2 * task.size > problem.size;
    case Similarity::precomputed:  // they are there already
    case Similarity::given:
      return false;
  }
  __builtin_unreachable();
}

// No matrix of n rows has a larger rank: of rows of d numbers, of their products with residuals, centered.
constexpr int64_t rank_bound(const Problem& problem, int64_t n) {
  int64_t bound = n;
  if (problem.similarity == Similarity::linear || problem.similarity == Similarity::cosine)
    bound = problem.features.cols;
  else if (problem.similarity == Similarity::gradient)
    bound = problem.features.cols * problem.residuals.cols;
  const int64_t most = problem.center ? n - 1 : n;
  return bound < most ? bound : most;
}

// A row is chosen by its similarities only while its own, and the squares it comes of, are no larger than this: then no
// distance, sum or mean over n such rows overflows. Rows beyond are set aside and come last. `largest` is the largest
// number of the type.
constexpr double largest_usable(int64_t n, double largest) { return largest / (4 * double(n)); }

// What cancellation may leave of sums of n terms, in units of what there was; it counts as 0.
constexpr double cancellation(int64_t n, double unit_roundoff) { return double(16 + n) * unit_roundoff; }

}  // namespace saln
