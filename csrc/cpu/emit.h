// Writes one candidate's results: scores from a spectrum, padding, NaN where the input was bad.
#pragma once
#include <limits>

#include "cpu/builder.h"

namespace saln {
inline namespace SALN_VARIANT {

// What the solvers found for one candidate, in units of the tile.
template <class T>
struct Solution {
  const T* values = nullptr;  // [found], descending
  int found = 0;
  const T* vectors = nullptr;     // [found, n]
  const T* truncation = nullptr;  // [found] certificates of an iterative solver
  T log_det = 0;
  T residual = 0;  // Fiedler
  Moments moments;
};

template <class T>
double score_of(const Task& task, const Built<T>& built, const Solution<T>& s) {
  const double n = built.real, scale = built.scale, trace = s.moments.trace, square = s.moments.square;
  const auto value = [&](int i) { return i < s.found ? double(s.values[i]) : 0.0; };
  switch (task.criterion) {
    case Criterion::participation_ratio:
      return square > 0 ? trace * trace / square : 0;
    case Criterion::eigenvalue_variance:
      return s.moments.variance * scale * scale;
    case Criterion::logdet:
      return s.log_det;
    case Criterion::algebraic_connectivity:
      return n < 2 || built.empty ? 0 : -value(0) * scale;
    default:
      break;
  }
  if (square == 0) return 0;
  switch (task.criterion) {
    case Criterion::stable_rank:
      return trace / value(0);
    case Criterion::spectral_gap:
      return (value(0) - value(1)) / trace;
    case Criterion::energy: {
      double leading = 0;
      for (int64_t i = 0; i < task.k; ++i) leading += value(int(i));
      return leading / trace;
    }
    case Criterion::nuclear_norm: {
      double total = 0;
      for (int i = 0; i < s.found; ++i) total += std::sqrt(std::fmax(value(i), 0));
      return total * std::sqrt(scale);
    }
    case Criterion::effective_rank: {
      double total = 0, weighted = 0;  // −Σ p log p = log S − Σ λ log λ / S
      for (int i = 0; i < s.found && value(i) > 0; ++i) {
        total += value(i);
        weighted += value(i) * double(std::log(s.values[i]));
      }
      return total > 0 ? std::exp(std::log(total) - weighted / total) : 0;
    }
    default:
      break;
  }
  const double q = task.parameter, unit = scale / n;  // vendi
  if (!s.values) return 1 / (square * unit * unit);
  if (!(value(0) > 0)) return 0;
  if (std::isinf(q)) return 1 / (value(0) * unit);
  double total = 0;
  for (int i = 0; i < s.found && value(i) > 0; ++i) {
    const double p = value(i) * unit;
    if (q == 0)
      total += value(i) > n * 2 * Arithmetic<T>::eps * value(0);
    else
      total += q == 1 ? -p * std::log(p) : std::pow(p, q);
  }
  return q == 0 ? total : q == 1 ? std::exp(total) : std::pow(total, 1 / (1 - q));
}

template <class T>
class Emitter {
 public:
  Emitter(const Problem& problem, const Task& task, const Results& results)
      : b_(problem.size),
        k_(task.k),
        task_(task),
        values_(static_cast<T*>(results.values)),
        vectors_(static_cast<T*>(results.vectors)),
        bounds_(static_cast<T*>(results.bounds)) {}

  void gram(int64_t c, const Built<T>& built, const Selection& rows, const Tile<T>& tile) {
    T* out = values_ + c * b_ * b_;
    for (int64_t i = 0; i < b_ * b_; ++i) out[i] = built.bad ? nan() : T(0);
    if (built.bad) return;
    for (int i = 0; i < tile.n; ++i)
      for (int j = 0; j <= i; ++j) {
        const int64_t p = rows.position[i], q = rows.position[j];
        out[p * b_ + q] = out[q * b_ + p] = tile.row(i)[j];
      }
  }

  void spectrum(int64_t c, const Built<T>& built, const int32_t* position, const Solution<T>& s) {
    if (task_.output == Output::score) {
      values_[c] = built.bad ? nan() : built.real == 0 ? T(0) : T(score_of(task_, built, s));
      return;
    }
    const bool fiedler = task_.output == Output::fiedler;
    const int64_t k = fiedler ? 1 : k_;
    const int kept = fiedler && built.real < 2 ? 0 : s.found;
    for (int64_t j = 0; j < k; ++j) {
      const T value = j < kept && !built.empty ? s.values[j] * built.scale : T(0);
      values_[c * k + j] = built.bad ? nan() : fiedler ? T(0) - value : value;
      bounds_[c * k + j] = built.bad ? nan()
                           : fiedler ? (kept ? s.residual * built.scale : T(0))
                                     : bound(built, s, int(j));
    }
    if (!vectors_) return;
    T* out = vectors_ + c * b_ * k;
    for (int64_t i = 0; i < b_ * k; ++i) out[i] = built.bad ? nan() : T(0);
    if (built.bad) return;
    for (int j = 0; j < kept; ++j)
      for (int i = 0; i < built.real; ++i) out[position[i] * k + j] = s.vectors[int64_t(j) * built.real + i];
  }

 private:
  static T nan() { return std::numeric_limits<T>::quiet_NaN(); }

  // Rounding of the matrix, of its reduction and of the bisection, and what an iterative solver left open.
  T bound(const Built<T>& built, const Solution<T>& s, int j) const {
    if (j >= built.real) return T(0);
    const double n = built.real, norm = std::sqrt(s.moments.square);
    double total = built.error + Arithmetic<T>::eps * (16 + 4 * std::sqrt(n)) * norm;
    if (s.truncation && j < s.found) total += s.truncation[j];
    return T(total * built.scale);
  }

  int64_t b_, k_;
  const Task& task_;
  T *values_, *vectors_, *bounds_;
};

}  // namespace SALN_VARIANT
}  // namespace saln
