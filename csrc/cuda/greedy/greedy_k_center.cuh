// csrc/cpu/greedy_k_center.h on a GPU: a warp a distance.
#pragma once
#include "cuda/gram/unit_rows.cuh"
#include "cuda/greedy/greedy_rows.cuh"

namespace saln::device {

template <class T>
class GreedyKCenter {
  using G = GreedyGroup;

 public:
  SALN_HD explicit GreedyKCenter(const GreedyMemory& memory)
      : scratch(memory.shared.take<double>(2 * G::warps)), picks(memory), call_(memory.call) {
    distance_ = memory.vector<T>(call_.problem.size);
    unit_ = memory.vector<UnitRow<T>>(call_.problem.size);
  }

  SALN_DEVICE T nothing() const { return T(0); }

  SALN_DEVICE int solve(G& g, int64_t c) {
    const Problem& problem = call_.problem;
    const int64_t start = call_.task.starts ? call_.task.starts[c] : 0;
    if (start < 0 || start >= problem.size || !read(g)) return -1;
    const int n = picks.rows.n(), size = int(call_.task.size);
    int mine = n;
    for (int i = g.rank; i < n; i += G::threads)
      if (picks.rows.position[i] >= start && i < mine) mine = i;
    const int first = g.min(mine);
    for (int i = g.rank; i < n; i += G::threads) distance_[i] = std::numeric_limits<T>::infinity();
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
  // unit_ [n] of the rows that can be used; false where a value is not finite. Ends with a barrier.
  SALN_DEVICE bool read(G& g) const {
    const View& features = call_.problem.features;
    const bool cosine = call_.problem.similarity == Similarity::cosine;
    do {
      const int n = picks.rows.n();
      bool bad = false;
      for (int i = g.warp; i < n; i += G::warps) {
        const int64_t row = picks.rows.row[i];
        UnitRow<T> unit{T(1), T(1)};
        const T square = row_product<T>(features, row, row);
        if (!is_number(square)) bad = bad || !is_finite_row<T>(features, row);
        if (cosine) unit = unit_row<T>(features, row);
        if (g.lane) continue;
        unit_[i] = unit;
        distance_[i] = cosine ? T(1) : square;
      }
      if (g.max(int(bad))) return false;
      g.sync();
    } while (picks.set_aside(g, [&](int i) {
      return double(distance_[i]) <= largest_usable(picks.rows.n(), double(std::numeric_limits<T>::max()));
    }));
    g.sync();
    return true;
  }

  // Ends with a barrier.
  SALN_DEVICE void take(const G& g, int j) {
    const int64_t row = picks.rows.row[j];
    const UnitRow<T> at = unit_[j];
    for (int i = g.warp; i < picks.rows.n(); i += G::warps) {
      const UnitRow<T> unit = unit_[i];
      const T square = pair_sum<T>(call_.problem.features, picks.rows.row[i], row, [&](T x, T y) {
        const T difference = x * unit.rescaled * unit.inverse - y * at.rescaled * at.inverse;
        return difference * difference;
      });
      if (g.lane == 0) distance_[i] = i == j ? T(-1) : smaller(square, distance_[i]);
    }
    g.sync();
  }

  const GreedyCall& call_;
  UnitRow<T>* unit_;  // [n]; ones unless `cosine`
  T* distance_;       // [n]; chosen rows are at −1, below every distance
};

}  // namespace saln::device
