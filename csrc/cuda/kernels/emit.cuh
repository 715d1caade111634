// Writes one candidate's results: scores from a spectrum, padding, NaN where the input was bad.
#pragma once
#include "core/criteria.h"
#include "cuda/gram/build.cuh"

namespace saln::device {

// What the solvers found for one candidate, in units of the tile.
template <class T>
struct Solution {
  const T* values = nullptr;  // [found], descending
  int found = 0;
  const T* vectors = nullptr;     // [found, n]
  const T* truncation = nullptr;  // [found] certificates of an iterative solver
  T log_det = 0;
  T residual = 0;  // Fiedler
  // where they lie in shared memory: read late, they crowd no registers
  const Moments* moments = nullptr;
};

// What core/criteria.h asks of a spectrum; every thread gets the sums.
template <class T, class G>
struct Spectrum {
  using Number = T;
  G& g;
  const T* values;  // [found]
  int found;
  double parameter;
  bool semidefinite, empty;
  int n;
  double scale, trace, square, variance, log_det;

  SALN_DEVICE bool solved() const { return values; }
  SALN_DEVICE double at(int i) const { return i < found ? double(values[i]) : 0; }
  template <class F>
  SALN_DEVICE double sum(const F& f) const {
    double total = 0;
    each_row(g, found, [&](int i) { total += f(double(values[i])); });
    return g.sum(total);
  }
};

template <class T>
class Emitter {
 public:
  SALN_DEVICE explicit Emitter(const Call& call)
      : call_(call),
        values_(static_cast<T*>(call.results.values)),
        vectors_(static_cast<T*>(call.results.vectors)),
        bounds_(static_cast<T*>(call.results.bounds)) {}

  template <class G>
  SALN_DEVICE void gram(const G& g, int64_t c, const Built<T>& built, const Selection& rows,
                        const Tile<T>& tile) const {
    const int64_t b = call_.problem.size;
    T* out = values_ + c * b * b;
    for (int64_t i = g.rank; i < b * b; i += G::threads) out[i] = built.bad ? T(NAN) : T(0);
    g.sync();
    if (built.bad) return;
    each_entry(g, tile, [&](int i, int j, T x) {
      const int64_t p = rows.position[i], q = rows.position[j];
      out[p * b + q] = out[q * b + p] = x;
    });
  }

  template <class G>
  SALN_DEVICE void spectrum(G& g, int64_t c, const Built<T>& built, const int32_t* position,
                            const Solution<T>& s) const {
    const Task& task = call_.task;
    if (task.output == Output::score) {
      double score = 0;
      if (!built.bad && built.real > 0)
        score = score_of(task.criterion,
                         Spectrum<T, G>{g, s.values, s.found, task.parameter, is_semidefinite(call_.problem),
                                        built.empty, built.real, built.scale, s.moments->trace, s.moments->square,
                                        s.moments->variance, s.log_det});
      if (g.rank == 0) values_[c] = built.bad ? T(NAN) : T(score);
      return;
    }
    const bool fiedler = task.output == Output::fiedler;
    const int64_t k = fiedler ? 1 : task.k, b = call_.problem.size;
    const int kept = fiedler && built.real < 2 ? 0 : s.found;
    for (int64_t j = g.rank; j < k; j += G::threads) {
      const T value = j < kept && !built.empty ? s.values[j] * built.scale : T(0);
      values_[c * k + j] = built.bad ? T(NAN) : fiedler ? T(0) - value : value;
      bounds_[c * k + j] = built.bad ? T(NAN)
                           : fiedler ? (kept && !built.empty ? s.residual * built.scale : T(0))
                                     : bound(built, s, int(j));
    }
    if (!vectors_) return;
    T* out = vectors_ + c * b * k;
    for (int64_t i = g.rank; i < b * k; i += G::threads) out[i] = built.bad ? T(NAN) : T(0);
    g.sync();
    if (built.bad) return;
    for (int64_t at = g.rank; at < int64_t(kept) * built.real; at += G::threads) {
      const int64_t j = at % kept, i = at / kept;
      out[position[i] * k + j] = s.vectors[j * built.real + i];
    }
  }

 private:
  // Rounding of the matrix, of its reduction and of the bisection, and what an iterative solver left open.
  SALN_DEVICE T bound(const Built<T>& built, const Solution<T>& s, int j) const {
    if (j >= built.real) return T(0);
    const double n = built.real, norm = sqrt(s.moments->square);
    double total = built.error + Arithmetic<T>::eps * (16 + 4 * sqrt(n)) * norm;
    if (s.truncation && j < s.found) total += s.truncation[j];
    return T(total * built.scale);
  }

  const Call& call_;
  T *values_, *vectors_, *bounds_;
};

}  // namespace saln::device
