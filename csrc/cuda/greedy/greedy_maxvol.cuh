// csrc/cpu/greedy_maxvol.h on a GPU: the leading columns in shared memory where they fit, one after the other.
#pragma once
#include "cuda/greedy/greedy_rows.cuh"

namespace saln::device {

template <class T>
class GreedyMaxVol {
  using G = GreedyGroup;

 public:
  SALN_HD explicit GreedyMaxVol(const GreedyMemory& memory)
      : scratch(memory.shared.take<double>(2 * G::warps)), picks(memory), call_(memory.call) {
    const int64_t size = call_.task.size;
    lower_ = memory.vector<int32_t>(size);
    before_ = memory.vector<T>(size);
    multiplier_ = memory.vector<T>(size);
    columns_ = memory.matrix<T>(size * call_.problem.size);
  }

  SALN_DEVICE T nothing() const { return -std::numeric_limits<T>::infinity(); }

  SALN_DEVICE int solve(G& g, int64_t) {
    if (!read(g)) return -1;
    if (picks.rows.n() == 0) return 0;
    const int found = eliminate(g);
    if (found > 0) {
      to_coefficients(g, found);
      swap(g, found);
    }
    g.sync();
    return found;
  }

  double* scratch;
  GreedyPicks<T> picks;

 private:
  SALN_DEVICE T* column(int k) const { return columns_ + k * call_.problem.size; }

  // columns_ of the rows that can be used, and before_ [size], their largest magnitudes; false where a value is not
  // finite. Ends with a barrier.
  SALN_DEVICE bool read(G& g) const {
    const int size = int(call_.task.size);
    do {
      if (!read_columns(g)) return false;
    } while (picks.set_aside(g, [&](int i) {
      T top = 0;
      for (int k = 0; k < size; ++k) top = larger(absolute(column(k)[i]), top);
      return double(top) <= largest_usable(picks.rows.n(), double(std::numeric_limits<T>::max()));
    }));
    const int n = picks.rows.n();
    for (int k = g.warp; k < size; k += G::warps) {
      T top = 0;
      for (int i = g.lane; i < n; i += 32) top = larger(absolute(column(k)[i]), top);
      for (int mask = 16; mask > 0; mask /= 2) top = larger(shuffle_xor(top, mask), top);
      if (g.lane == 0) before_[k] = top;
    }
    g.sync();
    return true;
  }

  // Ends with a barrier.
  SALN_DEVICE bool read_columns(G& g) const {
    const View& x = call_.problem.features;
    const int n = picks.rows.n(), size = int(call_.task.size);
    bool bad = false;
    for (int i = g.warp; i < n; i += G::warps)
      for (int k = g.lane; k < size; k += 32) {
        const T value = entry<T>(x, picks.rows.row[i] * x.row_stride + k * x.col_stride);
        column(k)[i] = value;
        bad = bad || !is_number(value);
      }
    const bool good = g.max(int(bad)) == 0;
    g.sync();
    return good;
  }

  // Pivots, one a column, and the multipliers in the columns' place; lower_ [found] says which columns have one.
  SALN_DEVICE int eliminate(G& g) const {
    const int n = picks.rows.n(), size = int(call_.task.size);
    int found = 0;
    for (int k = 0; k < size; ++k) {
      T* const pivots = column(k);
      const Best<T> best = largest<T>(g, n, [&](int i) { return absolute(pivots[i]); });
      if (!(best.value > T(cancellation(n, Arithmetic<T>::eps)) * before_[k])) continue;
      const T value = pivots[best.row];
      for (int later = k + 1 + g.rank; later < size; later += G::threads) multiplier_[later] = column(later)[best.row];
      g.sync();
      for (int i = g.rank; i < n; i += G::threads) {
        const T lower = pivots[i] / value;
        pivots[i] = lower;
        for (int later = k + 1; later < size; ++later) column(later)[i] -= multiplier_[later] * lower;
      }
      if (g.rank == 0) {
        lower_[found] = k;
        picks.chosen[found] = best.row;
        picks.gains[found] = T(log(double(best.value)));
      }
      ++found;
      g.sync();
    }
    return found;
  }

  // L ← L L_S⁻¹, from the last column to the first; L_S is unit lower triangular. Ends with a barrier.
  SALN_DEVICE void to_coefficients(const G& g, int found) const {
    const int n = picks.rows.n();
    for (int l = found - 2; l >= 0; --l) {
      T* const lower = column(lower_[l]);
      for (int later = l + 1 + g.rank; later < found; later += G::threads)
        multiplier_[later] = lower[picks.chosen[later]];
      g.sync();
      for (int i = g.rank; i < n; i += G::threads) {
        T value = lower[i];
        for (int later = l + 1; later < found; ++later) value -= multiplier_[later] * column(lower_[later])[i];
        lower[i] = value;
      }
      g.sync();
    }
  }

  // Row i in the place of slot s multiplies the volume by |C_is|.
  SALN_DEVICE void swap(G& g, int found) const {
    const int n = picks.rows.n();
    for (int64_t done = 0; done < call_.task.max_swaps; ++done) {
      const Best<T> best = largest<T>(g, n, [&](int i) { return absolute(column(lower_[top_slot(i, found)])[i]); });
      if (!(double(best.value) > call_.task.tolerance)) return;
      const int slot = top_slot(best.row, found);
      T* const leaving = column(lower_[slot]);
      const T value = leaving[best.row];
      for (int s = g.rank; s < found; s += G::threads) multiplier_[s] = column(lower_[s])[best.row];
      g.sync();
      for (int i = g.rank; i < n; i += G::threads) {
        const T part = leaving[i] / value;
        for (int s = 0; s < found; ++s)
          if (s != slot) column(lower_[s])[i] -= multiplier_[s] * part;
        leaving[i] = part;
      }
      if (g.rank == 0) {
        picks.chosen[slot] = best.row;
        picks.gains[slot] = T(double(picks.gains[slot]) + log(double(best.value)));
      }
      g.sync();
    }
  }

  // The slot of a row's largest coefficient, the first of equal ones.
  SALN_DEVICE int top_slot(int i, int found) const {
    int slot = 0;
    for (int s = 1; s < found; ++s)
      if (absolute(column(lower_[s])[i]) > absolute(column(lower_[slot])[i])) slot = s;
    return slot;
  }

  const GreedyCall& call_;
  int32_t* lower_;           // [found] the columns of L, then of C
  T *before_, *multiplier_;  // [size]
  T* columns_;               // [size, b]
};

}  // namespace saln::device
