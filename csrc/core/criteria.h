// The criteria's formulas, once for every backend in C++.
//
// A formula takes a spectrum S of one candidate, everything in units of the tile:
//   int n                           real rows
//   double trace, square, variance  moments: tr K, ‖K‖_F², ‖K − (tr/n) I‖_F²/n
//   double scale                    the tile holds K/scale
//   double log_det                  of a criterion that needs pivots
//   double parameter                q of vendi, sigma of logdet
//   bool empty                      a graph without edges
//   bool semidefinite               no eigenvalue is negative but by rounding
//   bool solved() const             whether there are eigenvalues
//   double at(int i) const          the i-th, descending; 0 beyond those found
//   double sum(f) const             Σ f(λ) over those found; on a GPU all threads of a block take part
//   using Number                    the type eigenvalues were computed in
#pragma once
#include <cmath>

#include "core/problem.h"
#include "linalg/element.h"

namespace saln {

// What a criterion needs of a matrix.
enum class Needs { all, top_k, top_1, top_2, moments, pivots, fiedler };

SALN_HD constexpr Needs needs_of(Criterion criterion) {
  switch (criterion) {
#define SALN_CRITERION(name, needs, parameter) \
  case Criterion::name:                        \
    return Needs::needs;
#include "core/criteria.def"
  }
  __builtin_unreachable();
}

// In units of the largest eigenvalue, what cannot be told from zero: what forming a matrix of n rows and reducing it
// leaves of a zero eigenvalue grows as √n (Higham & Mary 2019), and stayed below this in every rank-deficient matrix
// of up to 3000 rows that was tried.
SALN_HD inline double negligible(double n, double unit_roundoff) { return (16 + 8 * std::sqrt(n)) * unit_roundoff; }

namespace criteria {

// λ where it is positive beyond rounding, else 0.
template <class S>
class Positive {
 public:
  explicit SALN_HD Positive(const S& s) : floor_(std::fmax(0.0, s.at(0)) * negligible(s.n, kUnit)) {}
  // f(λ) summed over the positive ones
  template <class F>
  SALN_HD double sum(const S& s, const F& f) const {
    const double floor = floor_;
    return s.sum([floor, &f](double x) { return x > floor ? f(x) : 0.0; });
  }

 private:
  using Number = typename S::Number;
  static constexpr double kUnit = Arithmetic<Number>::eps;
  double floor_;
};

template <class S>
SALN_HD double effective_rank(const S& s) {
  // −Σ p log p = log Σλ − Σ λ log λ / Σλ
  const Positive<S> positive(s);
  const double total = positive.sum(s, [](double x) { return x; });
  const double weighted = positive.sum(s, [](double x) { return x * double(std::log(typename S::Number(x))); });
  return total > 0 ? std::exp(std::log(total) - weighted / total) : 0;
}

template <class S>
SALN_HD double energy(const S& s) {
  return s.sum([](double x) { return x; }) / s.trace;
}

// (Σ p^q)^(1/(1 − q)), p = λ⁺/Σλ⁺.
template <class S>
SALN_HD double vendi(const S& s) {
  const double q = s.parameter;
  if (!s.solved()) return s.trace * s.trace / s.square;  // q = 2 of a semidefinite matrix
  const double top = s.at(0);
  if (!(top > 0)) return 0;
  // Of q = ∞ the largest alone was asked for; the others are what it leaves of the trace, semidefinite or not.
  if (std::isinf(q) && s.semidefinite) return s.trace / top;
  if (q == 1) return effective_rank(s);
  const Positive<S> positive(s);
  if (q == 0) return positive.sum(s, [](double) { return 1.0; });
  const double total = positive.sum(s, [](double x) { return x; });
  if (std::isinf(q)) return total / top;
  const double t = q - 1;
  if (std::fabs(t) < 0.5) {
    // Σ p^q = 1 + Σ p (p^t − 1): near q = 1 the sum itself would lose what 1/(1 − q) then magnifies.
    const double rest = positive.sum(s, [=](double x) { return x / total * std::expm1(t * std::log(x / total)); });
    return std::exp(std::log1p(rest) / -t);
  }
  // In units of the largest no power vanishes altogether, and as logarithms none overflows.
  const double powers = positive.sum(s, [=](double x) { return std::exp(q * std::log(x / top)); });
  return std::exp((q / -t) * std::log(top / total) + std::log(powers) / -t);
}

template <class S>
SALN_HD double participation_ratio(const S& s) {
  return s.trace * s.trace / s.square;
}

template <class S>
SALN_HD double eigenvalue_variance(const S& s) {
  return s.variance * s.scale * s.scale;
}

template <class S>
SALN_HD double stable_rank(const S& s) {
  return s.trace / s.at(0);
}

template <class S>
SALN_HD double spectral_gap(const S& s) {
  return (s.at(0) - s.at(1)) / s.trace;
}

template <class S>
SALN_HD double nuclear_norm(const S& s) {
  return Positive<S>(s).sum(s, [](double x) { return std::sqrt(x); }) * std::sqrt(s.scale);
}

template <class S>
SALN_HD double logdet(const S& s) {
  return s.log_det;
}

template <class S>
SALN_HD double algebraic_connectivity(const S& s) {
  return s.n < 2 || s.empty ? 0 : -s.at(0) * s.scale;
}

}  // namespace criteria

// 0 for a matrix that is zero. A criterion of the table without a formula does not compile.
template <class S>
SALN_HD double score_of(Criterion criterion, const S& s) {
  if (needs_of(criterion) != Needs::pivots && s.square == 0) return 0;
  switch (criterion) {
#define SALN_CRITERION(name, needs, parameter) \
  case Criterion::name:                        \
    return criteria::name(s);
#include "core/criteria.def"
  }
  __builtin_unreachable();
}

}  // namespace saln
