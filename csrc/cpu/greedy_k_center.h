// Farthest-first traversal (Gonzalez 1985): distances to the row just chosen, from differences, so that equal rows are
// at distance 0; nothing of size b × b or size × b.
#pragma once
#include <limits>

#include "cpu/greedy_rows.h"
#include "cpu/transform.h"

namespace saln {
inline namespace SALN_VARIANT {

template <class T>
class KCenter {
  static constexpr int B = kBlock<T>;

 public:
  KCenter(const Problem& problem, const GreedyTask& task, GreedySelection& selection, const Team& team, Arena& arena)
      : problem_(problem),
        task_(task),
        selection_(selection),
        team_(team),
        rows_(problem.features, problem.size, problem.similarity == Similarity::cosine, arena),
        largest_(problem.size, arena) {
    const int64_t padded = round_up_block<T>(problem.size);
    distance_ = arena.take<T>(padded);
    scale_ = arena.take<T>(padded);
    scaled_ = arena.take<T>(round_up<T>(problem.features.cols));
  }

  // As LogDet::run; `start` is a position of the candidate.
  int run(int64_t start, int* chosen, T* gains) {
    const T farthest = std::numeric_limits<T>::infinity();
    if (start < 0 || start >= problem_.size || !read()) return -1;
    const int64_t n = selection_.n, padded = round_up_block<T>(n);
    for (int64_t i = 0; i < padded; ++i) {
      if (problem_.similarity == Similarity::linear)
        scale_[i] = 1;
      else
        scale_[i] = i < n && scale_[i] > T(0) ? T(1) / square_root(scale_[i]) : T(0);
      distance_[i] = i < n ? farthest : T(-1);
    }
    int next = 0;
    while (next < n && selection_.position[next] < start) ++next;
    if (next == n) next = 0;
    T gain = farthest;
    int found = 0;
    while (found < task_.size && found < n) {
      chosen[found] = next;
      gains[found] = gain;
      if (++found == task_.size) break;
      take(next);
      next = largest_.best(n, &gain);
    }
    return found;
  }

  T nothing() const { return 0; }

 private:
  // scale_ [n] = ‖row_i‖² of the rows that can be used; false where a value is not finite.
  bool read() {
    const bool cosine = problem_.similarity == Similarity::cosine;
    for (;;) {
      const int n = selection_.n;
      if (n == 0) return true;
      rows_.fetch(selection_, team_);
      squared_norms(rows_, n, team_, scale_);
      if (cosine && rows_.rescale(selection_, scale_)) squared_norms(rows_, n, team_, scale_);
      for (int i = 0; i < n; ++i)
        if (!is_finite(scale_[i]) && !rows_.is_finite(i)) return false;
      const double limit = largest_usable(n, std::numeric_limits<T>::max());
      if (!selection_.set_aside([&](int i) { return cosine || double(scale_[i]) <= limit; })) return true;
    }
  }

  void take(int j) {
    const int64_t d = problem_.features.cols;
    for (int64_t t = 0; t < d; ++t) scaled_[t] = rows_[j][t] * scale_[j];
    team_.run(round_up_block<T>(selection_.n) / B, kGrain / (B * d) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; ++block) {
        T found[B];
        T* const distance = distance_ + block * B;
        block_distances(rows_.at(block * B), scale_ + block * B, scaled_, d, found);
        for (int i = 0; i < B; ++i) distance[i] = smaller(found[i], distance[i]);
        largest_.look(block, distance);
      }
    });
    distance_[j] = -1;  // chosen, below every distance
    largest_.look(j / B, distance_ + j / B * B);
  }

  const Problem& problem_;
  const GreedyTask& task_;
  GreedySelection& selection_;
  const Team& team_;
  BlockRows<T> rows_;
  Largest<T> largest_;
  T *distance_, *scale_, *scaled_;
};

}  // namespace SALN_VARIANT
}  // namespace saln
