// csrc/cpu/greedy_k_center.h on a GPU: a warp a distance.
#pragma once
#include "cuda/greedy/greedy_rows.cuh"

namespace saln::device {

template <class T>
class GreedyKCenter {
  using G = GreedyGroup;

 public:
  SALN_HD explicit GreedyKCenter(const GreedyMemory& memory)
      : scratch(memory.shared.take<double>(2 * G::warps)), picks(memory), call_(memory.call) {
    distance_ = memory.vector<T>(call_.problem.size);
    scale_ = memory.vector<T>(call_.problem.size);
  }

  SALN_DEVICE T nothing() const { return T(0); }

  SALN_DEVICE int solve(G& g, int64_t c) {
    const Problem& problem = call_.problem;
    const int n = picks.rows.n(), size = int(call_.task.size);
    const int64_t start = call_.task.starts ? call_.task.starts[c] : 0;
    if (start < 0 || start >= problem.size) return -1;
    bool bad = false;
    for (int i = g.warp; i < n; i += G::warps) {
      const T square = row_product<T>(problem.features, picks.rows.row[i], picks.rows.row[i]);
      bad = bad || !is_number(square);
      if (g.lane) continue;
      const T inverse = square > T(0) ? T(1) / square_root(square) : T(0);
      scale_[i] = problem.similarity == Similarity::linear ? T(1) : inverse;
      distance_[i] = std::numeric_limits<T>::infinity();
    }
    int mine = n;
    for (int i = g.rank; i < n; i += G::threads)
      if (picks.rows.position[i] >= start && i < mine) mine = i;
    const int first = g.min(mine);
    if (g.max(int(bad))) return -1;
    g.sync();
    Best<T> best{std::numeric_limits<T>::infinity(), first < n ? first : 0};
    int found = 0;
    while (found < size && found < n) {
      if (g.rank == 0) {
        picks.chosen[found] = best.row;
        picks.gains[found] = best.value;
      }
      if (++found == size) break;
      take(g, best.row);
      best = largest<T>(g, n, [&](int i) { return distance_[i]; });
    }
    g.sync();
    return found;
  }

  double* scratch;
  GreedyPicks<T> picks;

 private:
  // Ends with a barrier.
  SALN_DEVICE void take(const G& g, int j) {
    const int64_t row = picks.rows.row[j];
    const T at = scale_[j];
    for (int i = g.warp; i < picks.rows.n(); i += G::warps) {
      const T scale = scale_[i];
      const T square = pair_sum<T>(call_.problem.features, picks.rows.row[i], row, [&](T x, T y) {
        const T difference = x * scale - y * at;
        return difference * difference;
      });
      if (g.lane == 0) distance_[i] = i == j ? T(-1) : smaller(square, distance_[i]);
    }
    g.sync();
  }

  const GreedyCall& call_;
  T *distance_, *scale_;  // [n]; chosen rows are at −1, below every distance
};

}  // namespace saln::device
