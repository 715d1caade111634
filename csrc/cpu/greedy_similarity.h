// Columns of a super-batch's matrix K, one at a time: from the rows, or from all similarities computed beforehand
// (caches_pairs says when). Centering and quality are applied to a column as it is read.
#pragma once
#include <cmath>
#include <initializer_list>
#include <limits>

#include "cpu/greedy_rows.h"
#include "cpu/transform.h"

namespace saln {
inline namespace SALN_VARIANT {

template <class T>
class Similarities {
  static constexpr int B = kBlock<T>;

 public:
  Similarities(const Problem& problem, const GreedyTask& task, GreedySelection& selection, const Team& team,
               Arena& arena)
      : problem_(problem),
        selection_(selection),
        team_(team),
        cached_(caches_pairs(problem, task)),
        features_(problem.features, entries() ? 0 : problem.size, problem.similarity == Similarity::cosine, arena),
        residuals_(problem.residuals, gradient() ? problem.size : 0, false, arena) {
    const int64_t padded = round_up_block<T>(problem.size);
    for (T** array : {&square_, &scale_, &residual_square_, &mean_, &quality_}) *array = arena.take<T>(padded);
    mean_row_ = arena.take<T>(round_up<T>(problem.features.cols));
    ld_ = padded;
    if (cached_) pairs_ = arena.take<T>(padded * ld_);
  }

  // Reads the selected rows and sets those aside that cannot be used. diagonal [n] and its magnitude before centering
  // and quality cancelled any of it, before [n]; false where a value is not finite.
  bool read(T* diagonal, T* before) {
    do {
      n_ = selection_.n;
      if (n_ == 0) return true;
      read_rows();
      if (!all_finite()) return false;
    } while (set_aside());
    for (int i = 0; i < n_; ++i) {
      scale_[i] =
          problem_.similarity == Similarity::cosine && square_[i] > T(0) ? T(1) / square_root(square_[i]) : T(0);
      diagonal[i] = before[i] = similarity_to_itself(i);
    }
    for (int64_t i = n_; i < round_up_block<T>(n_); ++i) scale_[i] = 0;
    if (cached_) compute_all();
    if (problem_.center) center(diagonal, before);
    weigh(diagonal, before);
    for (int i = 0; i < n_; ++i)
      if (!is_finite(diagonal[i]) || !is_finite(before[i])) return false;
    return true;
  }

  // out [kBlock] = K_ij of a block of rows i.
  SALN_INLINE void column(int j, int64_t block, T* out) const {
    const int64_t first = block * B;
    if (cached_)
      __builtin_memcpy(out, pairs_ + j * ld_ + first, B * sizeof(T));
    else
      similarities(j, first, out);
    if (problem_.center)
      for (int i = 0; i < B; ++i) out[i] -= mean_[first + i] + (mean_[j] - total_);
    if (problem_.quality.data)
      for (int i = 0; i < B; ++i) out[i] *= quality_[first + i] * quality_[j];
  }

  // Products that a block of a column costs.
  int64_t block_cost() const {
    return cached_ || entries() ? B : B * (problem_.features.cols + problem_.residuals.cols);
  }

 private:
  bool entries() const { return problem_.similarity == Similarity::precomputed; }
  bool gradient() const { return problem_.similarity == Similarity::gradient; }

  void read_rows() {
    if (!entries()) {
      features_.fetch(selection_, team_);
      norms(features_, square_);
      if (problem_.similarity == Similarity::cosine && features_.rescale(selection_, square_))
        norms(features_, square_);
    }
    if (gradient()) {
      residuals_.fetch(selection_, team_);
      norms(residuals_, residual_square_);
    }
    const View& m = problem_.quality;
    if (!m.data) return;
    visit<T>(m, [&](const auto* data, auto convert) {
      for (int i = 0; i < n_; ++i) quality_[i] = convert(data[selection_.row[i] * m.row_stride]);
    });
  }

  bool all_finite() {
    for (int i = 0; i < n_; ++i) {
      if (!entries() && !is_finite(square_[i]) && !features_.is_finite(i)) return false;
      if (gradient() && !is_finite(residual_square_[i]) && !residuals_.is_finite(i)) return false;
      if (problem_.quality.data && !is_finite(quality_[i])) return false;
    }
    return !entries() || each_column([](Vec<T> x) { return x * splat<Vec<T>>(0); });
  }

  bool set_aside() {
    const double limit = largest_usable(n_, std::numeric_limits<T>::max());
    const auto own = [&](int i) { return std::fabs(double(similarity_to_itself(i))); };
    double top = 0;
    for (int i = 0; i < n_; ++i)
      if (own(i) <= limit) top = std::fmax(top, own(i));
    return selection_.set_aside([&](int i) {
      if (!(own(i) <= limit)) return false;
      if (gradient() && !(double(square_[i]) <= limit && double(residual_square_[i]) <= limit)) return false;
      // Centering gives a row some of the others' similarity.
      const double q = problem_.quality.data ? double(quality_[i]) : 0;
      return q * q * (problem_.center ? top : own(i)) <= limit;
    });
  }

  // Summed as the similarities are, so that of equal rows nothing is left once one of them is chosen.
  void norms(const BlockRows<T>& rows, T* square) const {
    if (cached_ && problem_.similarity != Similarity::rbf)
      squared_norms_of_tiles(rows, n_, team_, square);
    else
      squared_norms(rows, n_, team_, square);
  }

  T entry(int i, int j) const {
    const View& m = problem_.features;
    T value = 0;
    visit<T>(m, [&](const auto* data, auto convert) {
      value = convert(data[selection_.row[j] * m.row_stride + selection_.row[i] * m.col_stride]);
    });
    return value;
  }

  T similarity_to_itself(int i) const {
    switch (problem_.similarity) {
      case Similarity::precomputed:
        return entry(i, i);
      case Similarity::cosine:
        return T(square_[i] > T(0));  // to the bit: the first choice is a tie
      case Similarity::rbf:
        return T(1);
      case Similarity::gradient:
        return square_[i] * residual_square_[i];
      case Similarity::linear:
      case Similarity::given:
        return square_[i];
    }
    __builtin_unreachable();
  }

  // out [kBlock] = similarities of rows first … with row j, zero beyond the last row.
  void similarities(int j, int64_t first, T* out) const {
    const int64_t d = problem_.features.cols;
    switch (problem_.similarity) {
      case Similarity::precomputed:
        visit<T>(problem_.features, [&](const auto* data, auto convert) {
          const auto* row = data + selection_.row[j] * problem_.features.row_stride;
          for (int64_t i = first; i < first + B && i < n_; ++i)
            out[i - first] = convert(row[selection_.row[i] * problem_.features.col_stride]);
        });
        break;
      case Similarity::rbf: {
        T ones[B];
        for (int i = 0; i < B; ++i) ones[i] = 1;
        block_distances(features_.at(first), ones, features_[j], d, out);
        for (int i = 0; i < B; ++i) out[i] = std::exp(-T(problem_.gamma) * out[i]);
        break;
      }
      case Similarity::gradient: {
        T products[B];
        block_products(features_.at(first), features_[j], d, out);
        block_products(residuals_.at(first), residuals_[j], problem_.residuals.cols, products);
        for (int i = 0; i < B; ++i) out[i] *= products[i];
        break;
      }
      case Similarity::cosine:
        block_products(features_.at(first), features_[j], d, out);
        for (int i = 0; i < B; ++i) out[i] *= scale_[first + i] * scale_[j];
        break;
      case Similarity::linear:
      case Similarity::given:
        block_products(features_.at(first), features_[j], d, out);
        break;
    }
    for (int64_t i = n_ > first ? n_ - first : 0; i < B; ++i) out[i] = 0;
  }

  // Every pair once, written to both of its places; a task takes two strips of rows whose lengths add up to the same.
  void compute_all() {
    const int64_t padded = round_up_block<T>(n_);
    for (int64_t i = 0; i < padded; ++i)
      for (int64_t j = i < n_ ? n_ : 0; j < padded; ++j) pairs_[i * ld_ + j] = 0;
    const int height = problem_.similarity == Similarity::rbf ? 1 : kTileRows;
    const int64_t strips = (n_ + height - 1) / height;
    const int64_t task = height * n_ * (problem_.features.cols + problem_.residuals.cols);
    team_.run((strips + 1) / 2, kGrain / task + 1, [&](int64_t begin, int64_t end) {
      for (int64_t s = begin; s < end; ++s) {
        strip(s * height, height);
        if (strips - 1 - s != s) strip((strips - 1 - s) * height, height);
      }
    });
  }

  void strip(int64_t top, int height) {
    if (problem_.similarity == Similarity::rbf) {
      T values[B];
      for (int64_t first = 0; first <= top; first += B) {
        similarities(int(top), first, values);
        for (int64_t j = first; j <= top && j < first + B; ++j) put(top, j, values[j - first]);
      }
      return;
    }
    for (int64_t left = 0; left < top + height && left < n_; left += kTileCols) {
      T values[kTileRows * kTileCols];
      gram_tile<kTileRows, Direct<T>>(features_.at(top), features_.at(left), int(features_.width()),
                                      reinterpret_cast<const char*>(features_[top]), values, kTileCols);
      if (gradient()) {
        T products[kTileRows * kTileCols];
        gram_tile<kTileRows, Direct<T>>(residuals_.at(top), residuals_.at(left), int(residuals_.width()),
                                        reinterpret_cast<const char*>(residuals_[top]), products, kTileCols);
        for (int l = 0; l < kTileRows * kTileCols; ++l) values[l] *= products[l];
      }
      for (int64_t i = top; i < top + kTileRows && i < n_; ++i)
        for (int64_t j = left; j < left + kTileCols && j <= i; ++j) {
          const T value = values[(i - top) * kTileCols + j - left];
          put(i, j, problem_.similarity == Similarity::cosine ? value * (scale_[i] * scale_[j]) : value);
        }
    }
  }

  SALN_INLINE void put(int64_t i, int64_t j, T value) {
    pairs_[i * ld_ + j] = value;
    pairs_[j * ld_ + i] = value;
  }

  // mean_ [n] = the mean of term(entry) over every column; false where one is not finite.
  template <class Term>
  bool each_column(const Term& term) {
    const int64_t padded = round_up_block<T>(n_);
    team_.run(n_, kGrain / (padded / B * block_cost()) + 1, [&](int64_t begin, int64_t end) {
      T values[B];
      for (int64_t j = begin; j < end; ++j) {
        Vec<T> sums = splat<Vec<T>>(0);
        for (int64_t first = 0; first < padded; first += B) {
          if (cached_)
            __builtin_memcpy(values, pairs_ + j * ld_ + first, sizeof values);
          else
            similarities(int(j), first, values);
          for (int i = 0; i < B; i += kWidth<T>) sums = sums + term(load(values + i));
        }
        mean_[j] = sum(sums) / T(n_);
      }
    });
    for (int i = 0; i < n_; ++i)
      if (!is_finite(mean_[i])) return false;
    return true;
  }

  // mean_ by the mean row: x_i · x̄ with rows of unit norm for `cosine`.
  void multiply_mean_row() {
    const int64_t d = problem_.features.cols;
    const bool cosine = problem_.similarity == Similarity::cosine;
    for (int64_t t = 0; t < d; ++t) mean_row_[t] = 0;
    for (int i = 0; i < n_; ++i) add_scaled((cosine ? scale_[i] : T(1)) / T(n_), features_[i], mean_row_, d);
    const int64_t blocks = round_up_block<T>(n_) / B;
    team_.run(blocks, kGrain / block_cost() + 1, [&](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; ++block) {
        T* out = mean_ + block * B;
        block_products(features_.at(block * B), mean_row_, d, out);
        if (cosine)
          for (int i = 0; i < B; ++i) out[i] *= scale_[block * B + i];
      }
    });
  }

  void center(T* diagonal, T* before) {
    const bool by_row = problem_.similarity == Similarity::linear || problem_.similarity == Similarity::cosine;
    if (by_row && !cached_)
      multiply_mean_row();
    else
      each_column([](Vec<T> x) { return x; });
    T usual = 0;
    total_ = 0;
    for (int i = 0; i < n_; ++i) {
      total_ += mean_[i];
      usual += absolute(before[i]);
    }
    total_ /= T(n_);
    usual /= T(n_);
    for (int i = 0; i < n_; ++i) {
      diagonal[i] -= mean_[i] + (mean_[i] - total_);
      before[i] = absolute(before[i]) + usual;
    }
  }

  void weigh(T* diagonal, T* before) const {
    for (int i = 0; i < n_; ++i) before[i] = absolute(before[i]);
    if (!problem_.quality.data) return;
    for (int i = 0; i < n_; ++i) {
      diagonal[i] *= quality_[i] * quality_[i];
      before[i] *= quality_[i] * quality_[i];
    }
  }

  const Problem& problem_;
  GreedySelection& selection_;
  const Team& team_;
  const bool cached_;
  BlockRows<T> features_, residuals_;
  int64_t n_ = 0, ld_ = 0;
  T total_ = 0;  // the mean of all similarities
  T *square_, *scale_, *residual_square_, *mean_, *quality_, *mean_row_, *pairs_ = nullptr;
};

}  // namespace SALN_VARIANT
}  // namespace saln
