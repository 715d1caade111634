// Builds one candidate's matrix in scratch memory: gather, Gram, transform. Keeps an a-priori bound on the rounding
// error of what it built, for the certificates.
#pragma once
#include "core/plan.h"
#include "cpu/arena.h"
#include "cpu/dense.h"
#include "cpu/gram_slices.h"
#include "cpu/rows.h"
#include "cpu/team.h"
#include "cpu/transform.h"

namespace saln {
inline namespace SALN_VARIANT {

// What is known of a built matrix beside its entries.
template <class T>
struct Built {
  int real = 0;        // n: rows that are not padding
  bool empty = false;  // a graph without edges
  bool bad = false;    // a non-finite value or a row number out of range: every result is NaN
  T scale = 1;         // the tile holds the matrix divided by this power of two
  T error = 0;         // bound on the Frobenius norm of its rounding error, in units of the tile
};

// Rows of the next candidate are fetched ahead while they and the present one's fit a second-level cache together.
constexpr int64_t kAheadBytes = 384 << 10;

template <class T>
class Builder {
 public:
  Builder(const Problem& problem, const Plan& plan, const Team& team, Arena& arena)
      : problem_(problem), plan_(plan), team_(team) {
    const int64_t b = problem.size, slots = b + kTileSlack;
    const View& f = problem.features;
    direct_ = f.col_stride == 1 && f.dtype == (sizeof(T) == 8 ? DType::float64 : DType::float32);
#if defined(__AVX512BF16__)
    pairs_ = sizeof(T) == 4 && f.col_stride == 1 && f.dtype == DType::bfloat16 && plan.side == Side::gram;
#endif
    gathers_ = problem.similarity != Similarity::precomputed && problem.similarity != Similarity::given;
    for (Selection* s : {&now_, &next_}) {
      s->row = arena.take<int64_t>(b);
      s->position = arena.take<int32_t>(b);
    }
    next_rows_ = arena.take<const char*>(b);
    quality_ = arena.take<T>(b);
    row_scale_ = arena.take<T>(b);
    work_ = arena.take<T>(round_up<T>(b));
    if (!gathers_) return;
    rows_ = arena.take<const void*>(slots);
    ld_ = round_up<T>(f.cols);
    cosine_ = problem.similarity == Similarity::cosine;
    sliced_ = plan.side == Side::gram && in_slices(b, f.cols);
    residuals_sliced_ = problem.similarity == Similarity::gradient && in_slices(b, problem.residuals.cols);
    if (sliced_ || residuals_sliced_) packed_ = arena.take<T>(SlicedGram<T>::packed_elements(b));
    if (!sliced_ && ((!direct_ && !pairs_) || cosine_))
      copies_ = arena.take<T>((plan.side == Side::covariance ? 1 : b) * ld_);
    if (plan.side == Side::covariance) {
      ld_transposed_ = round_up<T>(b);
      transposed_ = arena.take<T>(f.cols * ld_transposed_);
      columns_ = arena.take<const T*>(f.cols + kTileSlack);
    }
    if (problem.similarity == Similarity::gradient) {
      residual_ld_ = round_up<T>(problem.residuals.cols);
      residual_rows_ = arena.take<T>(residuals_sliced_ ? 0 : b * residual_ld_);
      residual_pointers_ = arena.take<const T*>(slots);
      second_ = arena.take<T>((b + kTileSlack) * leading(b));
    }
  }

  // Elements from one row of a tile to the next: whole vectors, with room for a Gram tile's overhang.
  static int64_t leading(int64_t order) { return round_up<T>(order + kTileSlack); }
  static int64_t tile_elements(int64_t order) { return (order + kTileSlack) * leading(order); }

  // Reads candidate c into `now`, and the one after it so that its rows can be fetched ahead.
  void select(int64_t c) {
    if (ready_ == c) {
      const Selection swap = now_;
      now_ = next_;
      next_ = swap;
    } else {
      now_.read(problem_, c);
    }
    ready_ = c + 1;
    next_.n = 0;
    if (ready_ < problem_.n_candidates) next_.read(problem_, ready_);
  }
  const Selection& selection() const { return now_; }

  // The matrix of the selected candidate, lower triangle at least.
  Built<T> build(Tile<T>& tile) {
    Built<T> built;
    built.real = tile.n = now_.n;
    built.bad = !now_.valid;
    tile.full = false;
    if (built.bad || now_.n == 0) return built;
    read_quality();
    if (plan_.side == Side::covariance)
      covariance(tile, built);
    else
      candidate_matrix(tile, built);
    const bool keep_scale = plan_.need == Need::nothing;
    const T top = magnitude(tile);
    if (!is_finite(top)) built.bad = true;
    if (built.bad || keep_scale || top == T(0) || (top > T(1.5e-5) && top < T(65536))) return built;
    built.scale = power_of_two(top);
    if (built.scale == T(0)) built.scale = std::numeric_limits<T>::min();
    multiply(tile, T(1) / built.scale);
    tile.sigma /= built.scale;
    built.error /= built.scale;
    return built;
  }

  // Rows in place or converted, and the factor of each that `cosine` asks for.
  const T* const* plain_rows(T** scales) {
    fetch_rows();
    const T* const* rows = reinterpret_cast<const T* const*>(rows_);
    *scales = row_scale_;
    const auto square = [&](int i) { return dot(rows[i], rows[i], problem_.features.cols); };
    for (int i = 0; i < now_.n; ++i) row_scale_[i] = cosine_ ? square(i) : T(1);
    if (!cosine_) return rows;
    if (rescale_rows([&](int i) { return row_scale_[i]; }))
      for (int i = 0; i < now_.n; ++i) row_scale_[i] = square(i);
    for (int i = 0; i < now_.n; ++i) row_scale_[i] = inverse_root(row_scale_[i]);
    return rows;
  }
  const T* read_quality() {
    if (!problem_.quality.data) return nullptr;
    const View& m = problem_.quality;
    visit<T>(m, [&](const auto* data, auto convert) {
      for (int i = 0; i < now_.n; ++i) quality_[i] = convert(data[now_.row[i] * m.row_stride]);
    });
    return quality_;
  }

  // Rounding of a sum of `terms` products relative to the product of norms: probable growth is the square root
  // (Higham & Mary 2019, "A new approach to probabilistic rounding error analysis").
  static T sum_error(double terms) { return T(Arithmetic<T>::eps * (4 + 2 * std::sqrt(terms))); }

 private:
  void fetch_rows() {
    const View& f = problem_.features;
    for (int i = 0; i < now_.n; ++i) {
      if (direct_ || pairs_) {
        rows_[i] = static_cast<const char*>(f.data) + now_.row[i] * f.row_stride * size_of(f.dtype);
      } else {
        copy_row(f, now_.row[i], copies_ + i * ld_);
        rows_[i] = copies_ + i * ld_;
      }
    }
    for (int i = 0; i < kTileSlack; ++i) rows_[now_.n + i] = rows_[now_.n - 1];
  }

  // 1/√square; 0 for 0, NaN for what is not finite.
  static T inverse_root(T square) { return square > T(0) ? T(1) / square_root(square) : T(0) * square; }

  // For `cosine`, which does not see a row's length: where a row's square is not plain, rows_ become copies,
  // multiplied. False where nothing had to be.
  template <class Square>
  bool rescale_rows(const Square& square) {
    bool any = false;
    for (int i = 0; i < now_.n; ++i) {
      if (is_plain_square(square(i))) continue;
      copy_row(problem_.features, now_.row[i], copies_ + i * ld_);
      any = rescale_row(copies_ + i * ld_, problem_.features.cols) || any;
    }
    for (int i = 0; any && i < now_.n; ++i) {
      if (is_plain_square(square(i))) copy_row(problem_.features, now_.row[i], copies_ + i * ld_);
      rows_[i] = copies_ + i * ld_;
    }
    for (int i = 0; any && i < kTileSlack; ++i) rows_[now_.n + i] = rows_[now_.n - 1];
    return any;
  }

  Prefetcher prefetch_next() {
    const View& f = problem_.features;
    const int64_t bytes = f.cols * size_of(f.dtype) * next_.n;
    if (f.col_stride != 1 || bytes > kAheadBytes) return Prefetcher();
    for (int i = 0; i < next_.n; ++i)
      next_rows_[i] = static_cast<const char*>(f.data) + next_.row[i] * f.row_stride * size_of(f.dtype);
    return Prefetcher(next_rows_, next_.n);
  }

  // The products of the rows; of `cosine` up to factors of the rows.
  void raw_gram(Tile<T>& tile) {
    if (sliced_) return sliced_gram(tile);
    fetch_rows();
    products(tile);
    if (cosine_ && rescale_rows([&](int i) { return tile.row(i)[i]; }))
      gram_lower<Direct<T>>(reinterpret_cast<const T* const*>(rows_), tile.n, int(problem_.features.cols), tile.data,
                            tile.ld, Prefetcher(), team_);
  }

  void sliced_gram(Tile<T>& tile) {
    const auto multiply = [&](const T* factor) {
      SlicedGram<T>(problem_.features, now_.row, tile.n, factor, packed_, tile.data, tile.ld, team_).run();
    };
    multiply(nullptr);
    if (!cosine_) return;
    bool any = false;
    for (int i = 0; i < tile.n; ++i) {
      row_scale_[i] = is_plain_square(tile.row(i)[i]) ? T(1) : rescaling_of(now_.row[i]);
      any = any || row_scale_[i] != T(1);
    }
    if (any) multiply(row_scale_);
  }

  // The power of two that makes a row's square plain; 1 for one that is zero or not finite.
  T rescaling_of(int64_t row) {
    View part = problem_.features;
    T values[kSlice], top = 0;
    for (int64_t t = 0; t < problem_.features.cols; t += kSlice) {
      part.data = static_cast<const char*>(problem_.features.data) + t * part.col_stride * size_of(part.dtype);
      part.cols = problem_.features.cols - t < kSlice ? problem_.features.cols - t : kSlice;
      copy_row(part, row, values);
      if (!is_finite_row(values, part.cols)) return T(1);
      for (int64_t l = 0; l < part.cols; ++l) top = larger(absolute(values[l]), top);
    }
    return top == T(0) ? T(1) : rescaling(top);
  }

  void products(Tile<T>& tile) {
    const int d = int(problem_.features.cols);
#if defined(__AVX512BF16__)
    if constexpr (sizeof(T) == 4)
      if (pairs_) {
        gram_lower<BFloat16Pairs>(reinterpret_cast<const uint16_t* const*>(rows_), tile.n, d, tile.data, tile.ld,
                                  prefetch_next(), team_);
        return;
      }
#endif
    gram_lower<Direct<T>>(reinterpret_cast<const T* const*>(rows_), tile.n, d, tile.data, tile.ld, prefetch_next(),
                          team_);
  }

  void multiply_by_residuals(Tile<T>& tile) {
    const int n = tile.n;
    if (residuals_sliced_) {
      SlicedGram<T>(problem_.residuals, now_.row, n, nullptr, packed_, second_, tile.ld, team_).run();
    } else {
      for (int i = 0; i < n; ++i) {
        copy_row(problem_.residuals, now_.row[i], residual_rows_ + i * residual_ld_);
        residual_pointers_[i] = residual_rows_ + i * residual_ld_;
      }
      for (int i = 0; i < kTileSlack; ++i) residual_pointers_[n + i] = residual_pointers_[n - 1];
      gram_lower<Direct<T>>(residual_pointers_, n, int(problem_.residuals.cols), second_, tile.ld, Prefetcher(), team_);
    }
    for (int i = 0; i < n; ++i)
      for (int j = 0; j <= i; ++j) tile.row(i)[j] *= second_[i * tile.ld + j];
  }

  void read_entries(Tile<T>& tile) {
    const bool given = problem_.similarity == Similarity::given;
    const View& m = given ? problem_.matrices : problem_.features;
    visit<T>(m, [&](const auto* data, auto convert) {
      for (int i = 0; i < tile.n; ++i) {
        const auto* row = data + (given ? now_.row[i] + i * m.row_stride : now_.row[i] * m.row_stride);
        T* out = tile.row(i);
        for (int j = 0; j <= i; ++j) out[j] = convert(row[(given ? j : now_.row[j]) * m.col_stride]);
      }
    });
  }

  static T diagonal_sum(const Tile<T>& tile) {
    T total = 0;
    for (int i = 0; i < tile.n; ++i) total += absolute(tile.row(i)[i]);
    return total;
  }

  void candidate_matrix(Tile<T>& tile, Built<T>& built) {
    const T eps = Arithmetic<T>::eps, n = T(tile.n);
    if (!gathers_) {
      read_entries(tile);
    } else {
      raw_gram(tile);
      built.error = sum_error(double(problem_.features.cols)) * diagonal_sum(tile);
    }
    if (!is_finite(magnitude(tile))) built.bad = true;
    if (problem_.similarity == Similarity::gradient) {
      const T rows = diagonal_sum(tile);
      multiply_by_residuals(tile);
      if (rows > T(0))
        built.error = (sum_error(double(problem_.features.cols)) + sum_error(double(problem_.residuals.cols))) *
                      diagonal_sum(tile);
      if (!is_finite(magnitude(tile))) built.bad = true;
    }
    if (built.bad) return;
    if (problem_.similarity == Similarity::cosine) {
      to_cosine(tile, work_);
      built.error = (sum_error(double(problem_.features.cols)) + 4 * eps) * n;
    } else if (problem_.similarity == Similarity::rbf) {
      T top = 0;
      for (int i = 0; i < tile.n; ++i) top = larger(top, tile.row(i)[i]);
      to_rbf(tile, T(problem_.gamma), work_);
      built.error = n * (2 * eps + 4 * T(problem_.gamma) * sum_error(double(problem_.features.cols)) * top);
    }
    if (problem_.center) {
      const T before = magnitude(tile);
      built.error += 8 * eps * n * before;
      double_center(tile, before, work_);
    }
    if (problem_.quality.data) {
      T top = 0;
      for (int i = 0; i < tile.n; ++i) top = larger(top, absolute(quality_[i]));
      scale_both_sides(tile, quality_);
      const T after = magnitude(tile);
      built.error = built.error * top * top + 3 * eps * n * after;
      built.bad = !is_finite(after);
      if (built.bad) return;
    }
    if (problem_.laplacian != Laplacian::none) {
      const T weakest = to_laplacian(tile, problem_.laplacian, problem_.negative, work_);
      built.error = (1 + 4 * square_root(n)) * built.error / weakest + 4 * eps * n * magnitude(tile);
    }
    if (plan_.fiedler) {
      built.empty = magnitude(tile) == T(0);
      deflate_and_negate(tile);
    }
  }

  // X̃ᵀX̃ of the transformed rows x̃_i = q_i (x_i/‖x_i‖ − mean).
  void covariance(Tile<T>& tile, Built<T>& built) {
    const int n = now_.n, d = int(problem_.features.cols);
    const View& f = problem_.features;
    for (int i = 0; i < n; ++i) {
      const T* row = copies_;
      if (direct_)
        row = static_cast<const T*>(f.data) + now_.row[i] * f.row_stride;
      else
        copy_row(f, now_.row[i], copies_);
      T factor = 1;
      if (cosine_) {
        T square = dot(row, row, d);
        if (!is_plain_square(square)) {
          copy_row(f, now_.row[i], copies_);
          if (rescale_row(copies_, d)) square = dot(copies_, copies_, d);
          row = copies_;
        }
        factor = inverse_root(square);
      }
      for (int t = 0; t < d; ++t) transposed_[t * ld_transposed_ + i] = row[t] * factor;
    }
    T uncentered = 0;
    for (int t = 0; t < d; ++t) {
      T* column = transposed_ + t * ld_transposed_;
      uncentered += dot(column, column, n);
      if (problem_.center) {
        T mean = 0, before = 0, after = 0;
        for (int i = 0; i < n; ++i) {
          mean += column[i];
          before = larger(absolute(column[i]), before);
        }
        mean /= T(n);
        for (int i = 0; i < n; ++i) {
          column[i] -= mean;
          after = larger(absolute(column[i]), after);
        }
        if (after <= cancelled(before, n))
          for (int i = 0; i < n; ++i) column[i] *= T(0);
      }
      if (problem_.quality.data)
        for (int i = 0; i < n; ++i) column[i] *= quality_[i];
      columns_[t] = column;
    }
    for (int i = 0; i < kTileSlack; ++i) columns_[d + i] = columns_[d - 1];
    tile.n = d;
    gram_lower<Direct<T>>(columns_, d, n, tile.data, tile.ld, prefetch_next(), team_);
    T top = 1;
    for (int i = 0; problem_.quality.data && i < n; ++i) top = larger(top, absolute(quality_[i]));
    built.error = sum_error(double(n)) * diagonal_sum(tile) + sum_error(double(d)) * uncentered * top * top;
  }

  const Problem& problem_;
  const Plan& plan_;
  const Team team_;
  bool direct_ = false, pairs_ = false, gathers_ = true, cosine_ = false, sliced_ = false, residuals_sliced_ = false;
  Selection now_, next_;
  int64_t ready_ = -1, ld_ = 0, ld_transposed_ = 0, residual_ld_ = 0;
  const char** next_rows_ = nullptr;
  const void** rows_ = nullptr;
  const T **columns_ = nullptr, **residual_pointers_ = nullptr;
  T *quality_ = nullptr, *row_scale_ = nullptr, *work_ = nullptr, *copies_ = nullptr, *packed_ = nullptr;
  T *transposed_ = nullptr, *residual_rows_ = nullptr, *second_ = nullptr;
};

}  // namespace SALN_VARIANT
}  // namespace saln
