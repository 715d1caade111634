// MaxVol: pivots of A = P L U, one a column, then swaps on C = A A_S⁻¹ = L L_S⁻¹ (Goreinov et al. 2010). Columns lie
// one after the other, so that elimination and swaps run along the rows.
#pragma once
#include <cmath>
#include <limits>

#include "cpu/greedy_rows.h"
#include "cpu/transform.h"

namespace saln {
inline namespace SALN_VARIANT {

template <class T>
class MaxVol {
  static constexpr int B = kBlock<T>, W = kWidth<T>;

 public:
  MaxVol(const Problem& problem, const GreedyTask& task, GreedySelection& selection, Arena& arena)
      : task_(task), selection_(selection), view_(problem.features), largest_(problem.size, arena) {
    view_.cols = task.size;
    ld_ = round_up_block<T>(problem.size);
    row_ = arena.take<T>(task.size);
    columns_ = arena.take<T>(task.size * ld_);
    lower_ = arena.take<T*>(task.size);
  }

  // As LogDet::run.
  int run(int* chosen, T* gains) {
    do {
      n_ = selection_.n;
      padded_ = round_up_block<T>(n_);
      if (n_ == 0) return 0;
      if (!read()) return -1;
    } while (set_aside());
    const int found = eliminate(chosen, gains);
    if (found > 0) {
      to_coefficients(found, chosen);
      swap(found, chosen, gains);
    }
    return found;
  }

  T nothing() const { return -std::numeric_limits<T>::infinity(); }

 private:
  bool read() {
    T poison = 0;
    for (int64_t i = 0; i < n_; ++i) {
      copy_row(view_, selection_.row[i], row_);
      for (int64_t k = 0; k < task_.size; ++k) {
        columns_[k * ld_ + i] = row_[k];
        poison += row_[k] * T(0);
      }
    }
    for (int64_t k = 0; k < task_.size; ++k)
      for (int64_t i = n_; i < padded_; ++i) columns_[k * ld_ + i] = 0;
    return is_finite(poison);
  }

  bool set_aside() {
    const double limit = largest_usable(n_, std::numeric_limits<T>::max());
    return selection_.set_aside([&](int i) {
      T top = 0;
      for (int64_t k = 0; k < task_.size; ++k) top = larger(absolute(columns_[k * ld_ + i]), top);
      return double(top) <= limit;
    });
  }

  // Rows of the largest magnitude in what each column adds to those before, and the multipliers: column l of L is 1 at
  // its pivot and 0 at the pivots before. A column that adds nothing has none.
  int eliminate(int* chosen, T* gains) {
    int found = 0;
    for (int64_t k = 0; k < task_.size; ++k) {
      T* column = columns_ + k * ld_;
      T before, pivot;
      largest_magnitude(column, &before);
      for (int l = 0; l < found; ++l) subtract(column[chosen[l]], lower_[l], column);
      const int row = largest_magnitude(column, &pivot);
      if (!(pivot > T(cancellation(n_, Arithmetic<T>::eps)) * before)) continue;
      const T value = column[row];
      for (int64_t i = 0; i < padded_; ++i) column[i] /= value;
      chosen[found] = row;
      gains[found] = T(std::log(double(pivot)));
      lower_[found++] = column;
    }
    return found;
  }

  // L ← L L_S⁻¹, from the last column to the first; L_S is unit lower triangular.
  void to_coefficients(int found, const int* chosen) {
    for (int l = found - 2; l >= 0; --l) {
      for (int later = l + 1; later < found; ++later) row_[later] = lower_[l][chosen[later]];
      for (int later = l + 1; later < found; ++later) subtract(row_[later], lower_[later], lower_[l]);
    }
  }

  // Row i in the place of slot s multiplies the volume by |C_is|.
  void swap(int found, int* chosen, T* gains) {
    for (int64_t done = 0; done < task_.max_swaps; ++done) {
      T factor = 0;
      int row = 0, slot = 0;
      for (int s = 0; s < found; ++s) {
        T top;
        const int at = largest_magnitude(lower_[s], &top);
        if (top > factor || (top == factor && at < row)) {
          factor = top;
          row = at;
          slot = s;
        }
      }
      if (!(double(factor) > task_.tolerance)) return;
      T* column = lower_[slot];
      const T value = column[row];
      for (int64_t i = 0; i < padded_; ++i) column[i] /= value;
      for (int s = 0; s < found; ++s)
        if (s != slot) subtract(lower_[s][row], column, lower_[s]);
      chosen[slot] = row;
      gains[slot] = T(double(gains[slot]) + std::log(double(factor)));
    }
  }

  // y −= factor x, along the rows
  SALN_INLINE void subtract(T factor, const T* x, T* y) const {
    const Vec<T> f = splat<Vec<T>>(factor);
    for (int64_t i = 0; i < padded_; i += W) store(y + i, load(y + i) - f * load(x + i));
  }

  int largest_magnitude(const T* column, T* top) {
    T magnitude[B];
    for (int64_t block = 0; block < padded_ / B; ++block) {
      for (int i = 0; i < B; i += W) store(magnitude + i, absolute(load(column + block * B + i)));
      largest_.look(block, magnitude);
    }
    return largest_.best(n_, top);
  }

  const GreedyTask& task_;
  GreedySelection& selection_;
  View view_;  // of the leading `size` columns
  Largest<T> largest_;
  int64_t n_ = 0, padded_ = 0, ld_;
  T *row_, *columns_;  // columns_ [size, n]
  T** lower_;          // [found] the columns of L, then of C
};

}  // namespace SALN_VARIANT
}  // namespace saln
