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

  // A warp a row of the result, so that neighbours are written together; zeros where there is padding.
  template <class G>
  SALN_DEVICE void gram(const G& g, int64_t c, const Built<T>& built, const Selection& rows,
                        const Tile<T>& tile) const {
    const int b = int(call_.problem.size);
    T* out = values_ + c * b * b;
    if (built.bad || built.real < b) {
      for (int64_t i = g.rank; i < int64_t(b) * b; i += G::threads) out[i] = built.bad ? T(NAN) : T(0);
      g.sync();
      if (built.bad) return;
    }
#pragma unroll 1
    for (int i = g.warp; i < built.real; i += G::warps) {
      T* to = out + int64_t(rows.position[i]) * b;
#pragma unroll 1
      for (int j = g.lane; j < built.real; j += 32) to[rows.position[j]] = j <= i ? tile.at(i, j) : tile.at(j, i);
    }
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
    const int k = fiedler ? 1 : int(task.k);
    const int kept = fiedler && built.real < 2 ? 0 : s.found, nonzero = built.empty ? 0 : kept;
    const T rounding = fiedler || built.bad ? T(0) : rounding_error(built, s);
#pragma unroll 1
    for (int j = g.rank; j < k; j += G::threads) {
      T value = j < nonzero ? s.values[j] * built.scale : T(0), bound = 0;
      if (fiedler) {
        value = T(0) - value;
        bound = nonzero ? s.residual * built.scale : T(0);
      } else if (j < built.real) {
        bound = s.truncation && j < s.found ? rounding + s.truncation[j] : rounding;
        bound *= built.scale;
      }
      values_[c * k + j] = built.bad ? T(NAN) : value;
      bounds_[c * k + j] = built.bad ? T(NAN) : bound;
    }
    if (vectors_) vectors(g, c, built, position, s, k, kept);
  }

 private:
  template <class G>
  SALN_DEVICE void vectors(const G& g, int64_t c, const Built<T>& built, const int32_t* position, const Solution<T>& s,
                           int k, int kept) const {
    const int b = int(call_.problem.size);
    T* out = vectors_ + c * b * k;
    for (int64_t i = g.rank; i < int64_t(b) * k; i += G::threads) out[i] = built.bad ? T(NAN) : T(0);
    g.sync();
    if (built.bad) return;
    for (int j = 0; j < kept; ++j)
      for (int i = g.rank; i < built.real; i += G::threads)
        out[int64_t(position[i]) * k + j] = s.vectors[int64_t(j) * built.real + i];
  }

  // Of the matrix, of its reduction and of the bisection.
  SALN_DEVICE T rounding_error(const Built<T>& built, const Solution<T>& s) const {
    return T(built.error + Arithmetic<T>::eps * (16 + 4 * square_root(T(built.real))) * sqrt(s.moments->square));
  }

  const Call& call_;
  T *values_, *vectors_, *bounds_;
};

}  // namespace saln::device
