// Writes one candidate's results: scores from a spectrum, padding, NaN where the input was bad.
#pragma once
#include <limits>

#include "core/criteria.h"
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

// What core/criteria.h asks of a spectrum.
template <class T>
struct Spectrum {
  using Number = T;
  const Solution<T>& found;
  double parameter;
  bool semidefinite, empty;
  int n;
  double scale;
  double trace = found.moments.trace, square = found.moments.square, variance = found.moments.variance;
  double log_det = found.log_det;

  bool solved() const { return found.values; }
  double at(int i) const { return i < found.found ? double(found.values[i]) : 0; }
  template <class F>
  double sum(const F& f) const {
    double total = 0;
    for (int i = 0; i < found.found; ++i) total += f(double(found.values[i]));
    return total;
  }
};

template <class T>
class Emitter {
 public:
  Emitter(const Problem& problem, const Task& task, const Results& results)
      : b_(problem.size),
        k_(task.k),
        semidefinite_(is_semidefinite(problem)),
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
      const Spectrum<T> spectrum{s, task_.parameter, semidefinite_, built.empty, built.real, built.scale};
      values_[c] = built.bad ? nan() : built.real == 0 ? T(0) : T(score_of(task_.criterion, spectrum));
      return;
    }
    const bool fiedler = task_.output == Output::fiedler;
    const int64_t k = fiedler ? 1 : k_;
    const int kept = fiedler && built.real < 2 ? 0 : s.found;
    const int nonzero = built.empty ? 0 : kept;
    for (int64_t j = 0; j < k; ++j) {
      const T value = j < nonzero ? s.values[j] * built.scale : T(0);
      values_[c * k + j] = built.bad ? nan() : fiedler ? T(0) - value : value;
      bounds_[c * k + j] = built.bad ? nan()
                           : fiedler ? (nonzero ? s.residual * built.scale : T(0))
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
  bool semidefinite_;
  const Task& task_;
  T *values_, *vectors_, *bounds_;
};

}  // namespace SALN_VARIANT
}  // namespace saln
