// csrc/cpu/greedy_logdet.h on a GPU: the columns of K that belong to chosen rows, a warp an entry, and the Cholesky
// factor in shared memory where it fits.
#pragma once
#include "cuda/gram/unit_rows.cuh"
#include "cuda/greedy/greedy_rows.cuh"

namespace saln::device {

// Entries of a super-batch's matrix K from its rows.
template <class T>
class GreedySimilarities {
  using G = GreedyGroup;

 public:
  SALN_HD GreedySimilarities(const GreedyMemory& memory, const GreedyPicks<T>& picks)
      : problem_(memory.call.problem), picks_(picks), rows_(picks.rows) {
    const int64_t b = problem_.size;
    unit_ = memory.vector<UnitRow<T>>(b);
    mean_ = memory.vector<T>(b);
    quality_ = memory.vector<T>(b);
    if (by_mean_row()) mean_row_ = memory.global.take<T>(problem_.features.cols);
  }

  // Sets aside the rows that cannot be used. diagonal [n], and its magnitude before centering and quality cancelled any
  // of it, before [n]; false where a value is not finite. Ends with a barrier.
  SALN_DEVICE bool read(G& g, T* diagonal, T* before) {
    do {
      if (!read_rows(g, diagonal, before)) return false;
    } while (set_aside(g, diagonal, before));
    g.sync();
    const int n = rows_.n();
    for (int i = g.rank; i < n; i += G::threads) before[i] = absolute(diagonal[i]);
    if (n == 0) return true;
    if (problem_.center) mean_columns(g);
    if (problem_.center) center(g, diagonal, before);
    bool bad = false;
    for (int i = g.rank; i < n; i += G::threads) {
      const T square = quality_[i] * quality_[i];
      diagonal[i] *= square;
      before[i] *= square;
      bad = bad || !is_number(diagonal[i]) || !is_number(before[i]);
    }
    const bool good = g.max(int(bad)) == 0;
    g.sync();
    return good;
  }

  // column [n] = K_ij for all rows i. Ends with a barrier.
  SALN_DEVICE void column(const G& g, int j, T* column) const {
    const int n = rows_.n();
    // An entry that only has to be fetched takes a thread, a sum over a row a warp.
    const bool alone = entries();
    for (int i = alone ? g.rank : g.warp; i < n; i += alone ? G::threads : G::warps) {
      T value = similarity(i, j);
      if (problem_.center) value -= mean_[i] + (mean_[j] - total_);
      if (alone || g.lane == 0) column[i] = value * (quality_[i] * quality_[j]);
    }
    g.sync();
  }

 private:
  // diagonal [n], and the largest square that an entry of it is made of, largest [n]; unit_ and quality_ [n]. False
  // where a value is not finite. Ends with a barrier.
  SALN_DEVICE bool read_rows(G& g, T* diagonal, T* largest) const {
    const int n = rows_.n();
    const View &features = problem_.features, &residuals = problem_.residuals;
    bool bad = false;
    for (int i = g.warp; i < n; i += G::warps) {
      const int64_t row = rows_.row[i];
      UnitRow<T> unit{T(1), T(1)};
      T square = 0, other = 0;
      if (!entries()) {
        square = row_product<T>(features, row, row);
        if (!is_number(square)) bad = bad || !is_finite_row<T>(features, row);
      }
      if (problem_.similarity == Similarity::cosine) {
        unit = unit_row<T>(features, row);
        square = T(unit.inverse > T(0));  // to the bit: the first choice is a tie
      }
      if (problem_.similarity == Similarity::rbf) square = 1;
      if (problem_.similarity == Similarity::gradient) {
        other = row_product<T>(residuals, row, row);
        if (!is_number(other)) bad = bad || !is_finite_row<T>(residuals, row);
      }
      if (entries()) {
        T poison = 0;
        for (int j = g.lane; j < n; j += 32) poison += similarity(j, i) * T(0);
        square = similarity(i, i);
        bad = bad || warp_sum(poison) != T(0);
      }
      const T quality = problem_.quality.data ? entry<T>(problem_.quality, row * problem_.quality.row_stride) : T(1);
      bad = bad || !is_number(quality);
      if (g.lane) continue;
      unit_[i] = unit;
      quality_[i] = quality;
      diagonal[i] = problem_.similarity == Similarity::gradient ? square * other : square;
      largest[i] = larger(absolute(square), other);
    }
    const bool good = g.max(int(bad)) == 0;
    g.sync();
    return good;
  }

  // Begins and ends with a barrier.
  SALN_DEVICE bool set_aside(G& g, const T* diagonal, const T* largest) const {
    const double limit = largest_usable(rows_.n(), double(std::numeric_limits<T>::max()));
    const auto own = [&](int i) { return double(absolute(diagonal[i])); };
    double top = 0;
    for (int i = g.rank; i < rows_.n(); i += G::threads)
      if (own(i) <= limit && own(i) > top) top = own(i);
    if (problem_.center) top = g.max(top);
    return picks_.set_aside(g, [&](int i) {
      if (!(own(i) <= limit && double(largest[i]) <= limit)) return false;
      // Centering gives a row some of the others' similarity.
      const double q = problem_.quality.data ? double(quality_[i]) : 0;
      return q * q * (problem_.center ? top : own(i)) <= limit;
    });
  }

  SALN_HD bool entries() const { return problem_.similarity == Similarity::precomputed; }
  SALN_HD bool by_mean_row() const {
    return problem_.center && (problem_.similarity == Similarity::linear || problem_.similarity == Similarity::cosine);
  }

  // By a warp, in every lane; an entry of a matrix by each thread for itself.
  SALN_DEVICE T similarity(int i, int j) const {
    const View& x = problem_.features;
    const int64_t a = rows_.row[i], b = rows_.row[j];
    switch (problem_.similarity) {
      case Similarity::precomputed:
        return entry<T>(x, b * x.row_stride + a * x.col_stride);
      case Similarity::cosine: {
        const UnitRow<T> first = unit_[i], second = unit_[j];
        const T product = pair_sum<T>(x, a, b, [&](T s, T t) { return (s * first.rescaled) * (t * second.rescaled); });
        return product * (first.inverse * second.inverse);
      }
      case Similarity::rbf: {
        const T square = pair_sum<T>(x, a, b, [](T s, T t) { return (s - t) * (s - t); });
        return exp(-T(problem_.gamma) * square);
      }
      case Similarity::gradient:
        return row_product<T>(x, a, b) * row_product<T>(problem_.residuals, a, b);
      case Similarity::linear:
      case Similarity::given:
        return row_product<T>(x, a, b);
    }
    __builtin_unreachable();
  }

  // mean_ [n] = the mean of every column, from the mean row where that serves. Ends with a barrier.
  SALN_DEVICE void mean_columns(const G& g) {
    const int n = rows_.n();
    const View& x = problem_.features;
    if (by_mean_row()) {
      for (int64_t t = g.rank; t < x.cols; t += G::threads) {
        T total = 0;
        for (int i = 0; i < n; ++i)
          total += entry<T>(x, rows_.row[i] * x.row_stride + t * x.col_stride) * unit_[i].rescaled * unit_[i].inverse;
        mean_row_[t] = total / T(n);
      }
      g.sync();
    }
    for (int j = g.warp; j < n; j += G::warps) {
      T total = 0;
      if (by_mean_row()) {
        for (int64_t t = g.lane; t < x.cols; t += 32)
          total += entry<T>(x, rows_.row[j] * x.row_stride + t * x.col_stride) * unit_[j].rescaled * mean_row_[t];
        total = warp_sum(total) * unit_[j].inverse;
      } else if (entries()) {
        for (int i = g.lane; i < n; i += 32) total += similarity(i, j);
        total = warp_sum(total) / T(n);
      } else {
        for (int i = 0; i < n; ++i) total += similarity(i, j);
        total /= T(n);
      }
      if (g.lane == 0) mean_[j] = total;
    }
    g.sync();
  }

  // Ends without a barrier: each thread goes on with the rows it wrote.
  SALN_DEVICE void center(G& g, T* diagonal, T* before) {
    const int n = rows_.n();
    T mine = 0, usual = 0;
    for (int i = g.rank; i < n; i += G::threads) {
      mine += mean_[i];
      usual += before[i];
    }
    total_ = g.sum(mine) / T(n);
    usual = g.sum(usual) / T(n);
    for (int i = g.rank; i < n; i += G::threads) {
      diagonal[i] -= mean_[i] + (mean_[i] - total_);
      before[i] += usual;
    }
  }

  const Problem& problem_;
  const GreedyPicks<T> picks_;
  const Selection rows_;
  T total_ = 0;       // the mean of all similarities
  UnitRow<T>* unit_;  // [n]; ones unless `cosine`
  T *mean_, *quality_, *mean_row_ = nullptr;
};

template <class T>
class GreedyLogDet {
  using G = GreedyGroup;

 public:
  SALN_HD explicit GreedyLogDet(const GreedyMemory& memory)
      : scratch(memory.shared.take<double>(2 * G::warps)),
        picks(memory),
        call_(memory.call),
        similarities_(memory, picks) {
    const int64_t b = call_.problem.size, size = call_.task.size;
    left_ = memory.vector<T>(b);
    floor_ = memory.vector<T>(b);
    column_ = memory.vector<T>(b);
    along_ = memory.vector<T>(size);
    factor_ = memory.matrix<T>(size * b);
  }

  SALN_DEVICE T nothing() const { return call_.task.noise > 0 ? T(0) : -std::numeric_limits<T>::infinity(); }

  SALN_DEVICE int solve(G& g, int64_t) {
    if (!similarities_.read(g, left_, floor_)) return -1;
    const int n = picks.rows.n(), size = int(call_.task.size);
    if (n == 0) return 0;
    const double noise = call_.task.noise;
    for (int i = g.rank; i < n; i += G::threads) {
      const double rounding = cancellation(n, Arithmetic<T>::eps) * double(floor_[i]) - noise;
      floor_[i] = rounding > 0 ? T(rounding) : T(0);
    }
    const int64_t most = noise > 0 ? n : rank_bound(call_.problem, n);
    int found = 0;
    while (found < size && found < most) {
      // Each thread has looked at the rows it wrote. What is within rounding of zero is zero.
      const Best<T> best = largest<T>(g, n, [&](int i) { return left_[i] > floor_[i] ? left_[i] : T(0); });
      if (!(best.value > T(0))) break;
      if (g.rank == 0) {
        picks.chosen[found] = best.row;
        picks.gains[found] = T(noise > 0 ? log1p(double(best.value) / noise) : log(double(best.value)));
      }
      if (++found < size) take(g, best.row, found - 1, T(1) / T(sqrt(double(best.value) + noise)));
    }
    g.sync();
    return found;
  }

  double* scratch;
  GreedyPicks<T> picks;

 private:
  // The factor's column t, of row j, and what it leaves of every row.
  SALN_DEVICE void take(const G& g, int j, int t, T inverse) {
    const int n = picks.rows.n();
    const int64_t b = call_.problem.size;
    for (int l = g.rank; l < t; l += G::threads) along_[l] = factor_[l * b + j];
    similarities_.column(g, j, column_);
    for (int i = g.rank; i < n; i += G::threads) {
      T rest = column_[i];
      for (int l = 0; l < t; ++l) rest -= along_[l] * factor_[l * b + i];
      const T value = rest * inverse;
      factor_[t * b + i] = value;
      left_[i] = i == j ? -std::numeric_limits<T>::infinity() : left_[i] - value * value;
    }
    g.sync();
  }

  const GreedyCall& call_;
  GreedySimilarities<T> similarities_;
  T* left_;    // [n] diagonal of the Schur complement of K + σ²I, less σ²; −∞ for chosen rows
  T* floor_;   // [n] what of it may be rounding
  T* column_;  // [n] of K
  T* along_;   // [size]
  T* factor_;  // [size, b], columns of the Cholesky factor
};

}  // namespace saln::device
