// Writes one candidate's results: scores from a spectrum, padding, NaN where the input was bad.
#pragma once
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
  Moments moments;
};

// The spectrum that a score is made of.
template <class T>
struct Spectrum {
  const T* values;  // [found], descending; null where none were asked for
  int found, real;
  double scale, trace, square;

  SALN_DEVICE double at(int i) const { return i < found ? double(values[i]) : 0.0; }
};

// f summed over the values found; collective.
template <class T, class G, class F>
SALN_DEVICE double over_values(G& g, const Spectrum<T>& s, const F& f) {
  double total = 0;
  each_row(g, s.found, [&](int i) { total += f(double(s.values[i])); });
  return g.sum(total);
}

// The criteria that need logarithms; collective.
template <class T, class G>
SALN_DEVICE double entropy_score(G& g, Criterion criterion, double q, const Spectrum<T>& s) {
  if (criterion == Criterion::effective_rank) {  // −Σ p log p = log S − Σ λ log λ / S
    const double total = over_values(g, s, [](double x) { return x > 0 ? x : 0; });
    const double weighted = over_values(g, s, [](double x) { return x > 0 ? x * double(log(T(x))) : 0; });
    return total > 0 ? exp(log(total) - weighted / total) : 0;
  }
  const double unit = s.scale / s.real;  // vendi
  if (q == 1) return exp(over_values(g, s, [&](double x) { return x > 0 ? -x * unit * log(x * unit) : 0; }));
  // A power through its logarithm: pow itself needs a stack.
  const double total = over_values(g, s, [&](double x) { return x > 0 ? exp(q * log(x * unit)) : 0; });
  return exp(log(total) / (1 - q));
}

// Collective; every thread gets the score.
template <class T, class G>
SALN_DEVICE double spectral_score(G& g, const Task& task, const Spectrum<T>& s) {
  if (s.square == 0) return 0;
  switch (task.criterion) {
    case Criterion::stable_rank:
      return s.trace / s.at(0);
    case Criterion::spectral_gap:
      return (s.at(0) - s.at(1)) / s.trace;
    case Criterion::energy:
      return over_values(g, s, [](double x) { return x; }) / s.trace;
    case Criterion::nuclear_norm:
      return over_values(g, s, [](double x) { return x > 0 ? sqrt(x) : 0; }) * sqrt(s.scale);
    case Criterion::effective_rank:
      break;
    default: {  // vendi
      const double q = task.parameter, unit = s.scale / s.real;
      if (!s.values) return 1 / (s.square * unit * unit);
      if (!(s.at(0) > 0)) return 0;
      if (q > 1.7e308) return 1 / (s.at(0) * unit);
      const double least = s.real * 2 * Arithmetic<T>::eps * s.at(0);
      if (q == 0) return over_values(g, s, [&](double x) { return x > least ? 1.0 : 0.0; });
    }
  }
  return entropy_score(g, task.criterion, task.parameter, s);
}

template <class T, class G>
SALN_DEVICE double score_of(G& g, const Task& task, const Built<T>& built, const Solution<T>& s) {
  const double scale = built.scale, trace = s.moments.trace, square = s.moments.square;
  switch (task.criterion) {
    case Criterion::participation_ratio:
      return square > 0 ? trace * trace / square : 0;
    case Criterion::eigenvalue_variance:
      return s.moments.variance * scale * scale;
    case Criterion::logdet:
      return s.log_det;
    case Criterion::algebraic_connectivity:
      return built.real < 2 || built.empty ? 0 : -double(s.values[0]) * scale;
    default:
      return spectral_score(g, task, Spectrum<T>{s.values, s.found, built.real, scale, trace, square});
  }
}

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
      const double score = built.bad || built.real == 0 ? 0 : score_of(g, task, built, s);
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
    const double n = built.real, norm = sqrt(s.moments.square);
    double total = built.error + Arithmetic<T>::eps * (16 + 4 * sqrt(n)) * norm;
    if (s.truncation && j < s.found) total += s.truncation[j];
    return T(total * built.scale);
  }

  const Call& call_;
  T *values_, *vectors_, *bounds_;
};

}  // namespace saln::device
