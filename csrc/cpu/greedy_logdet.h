// Greedy maximisation of log det(I + K_S/σ²) by an incremental Cholesky factorisation of K + σ²I (Chen, Zhang & Zhou
// 2018, algorithm 1): a pick costs one column of K and its part along the columns before it.
#pragma once
#include <cmath>
#include <limits>

#include "cpu/greedy_similarity.h"

namespace saln {
inline namespace SALN_VARIANT {

template <class T>
class LogDet {
  static constexpr int B = kBlock<T>, W = kWidth<T>;

 public:
  LogDet(const Problem& problem, const GreedyTask& task, GreedySelection& selection, const Team& team, Arena& arena)
      : problem_(problem),
        task_(task),
        selection_(selection),
        team_(team),
        similarities_(problem, task, selection, team, arena),
        largest_(problem.size, arena) {
    ld_ = round_up_block<T>(problem.size);
    left_ = arena.take<T>(ld_);
    floor_ = arena.take<T>(ld_);
    along_ = arena.take<T>(task.size);
    factor_ = arena.take<T>(task.size * ld_);
  }

  // chosen [size] rows and their gains [size]; how many were chosen before nothing was left to gain, or −1 where a
  // value is not finite.
  int run(int* chosen, T* gains) {
    if (!similarities_.read(left_, floor_)) return -1;
    const int64_t n = selection_.n, padded = round_up_block<T>(n);
    if (n == 0) return 0;
    for (int64_t i = 0; i < n; ++i) {
      const double rounding = cancellation(n, Arithmetic<T>::eps) * double(floor_[i]) - task_.noise;
      floor_[i] = rounding > 0 ? T(rounding) : T(0);
    }
    for (int64_t i = n; i < padded; ++i) left_[i] = floor_[i] = 0;
    for (int64_t block = 0; block < padded / B; ++block) look(block);
    const int64_t most = task_.noise > 0 ? n : rank_bound(problem_, n);
    int found = 0;
    while (found < task_.size && found < most) {
      T gain;
      const int next = largest_.best(n, &gain);
      if (!(gain > T(0))) break;
      chosen[found] = next;
      gains[found] = T(task_.noise > 0 ? std::log1p(double(gain) / task_.noise) : std::log(double(gain)));
      if (++found < task_.size) take(next, found - 1, T(1) / T(std::sqrt(double(gain) + task_.noise)));
    }
    return found;
  }

  // What a row is worth once nothing is left to gain.
  T nothing() const { return task_.noise > 0 ? T(0) : -std::numeric_limits<T>::infinity(); }

 private:
  // Row j of the factor's column t, and what it leaves of every row.
  void take(int j, int t, T inverse) {
    for (int l = 0; l < t; ++l) along_[l] = factor_[l * ld_ + j];
    const int64_t blocks = round_up_block<T>(selection_.n) / B;
    team_.run(blocks, kGrain / (similarities_.block_cost() + B * t) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; ++block) {
        subtract(j, t, block, inverse);
        look(block);
      }
    });
    left_[j] = -std::numeric_limits<T>::infinity();
    look(j / B);
  }

  void subtract(int j, int t, int64_t block, T inverse) {
    using V = Vec<T>;
    T values[B];
    similarities_.column(j, block, values);
    T* const column = factor_ + block * B;
    V rest[4];
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) rest[v] = load(values + v * W);
    for (int l = 0; l < t; ++l) {
      const V c = splat<V>(along_[l]);
#pragma GCC unroll 4
      for (int v = 0; v < 4; ++v) rest[v] = rest[v] - c * load(column + l * ld_ + v * W);
    }
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      const V entry = rest[v] * splat<V>(inverse);
      store(column + t * ld_ + v * W, entry);
      T* const left = left_ + block * B + v * W;
      store(left, load(left) - entry * entry);
    }
  }

  // What is within rounding of zero is zero.
  void look(int64_t block) {
    using V = Vec<T>;
    T worth[B];
    for (int i = 0; i < B; i += W) {
      const V left = load(left_ + block * B + i);
      store(worth + i, select(less(load(floor_ + block * B + i), left), left, splat<V>(0)));
    }
    largest_.look(block, worth);
  }

  const Problem& problem_;
  const GreedyTask& task_;
  GreedySelection& selection_;
  const Team& team_;
  Similarities<T> similarities_;
  Largest<T> largest_;
  int64_t ld_;
  T* left_;    // [n] diagonal of the Schur complement of K + σ²I, less σ²; −∞ for chosen rows
  T* floor_;   // [n] what of it may be rounding
  T* along_;   // [size]
  T* factor_;  // [size, n], columns of the Cholesky factor
};

}  // namespace SALN_VARIANT
}  // namespace saln
