// Lanczos from a random start with full reorthogonalisation, restarted with a fresh vector on breakdown, and the
// certificate of what it leaves open.
#pragma once
#include "tridiagonal.cuh"

namespace saln::device {

template <class T>
struct Lanczos {
  int64_t ld = 0;
  T *d = nullptr, *e = nullptr, *e2 = nullptr;  // [steps] the tridiagonal matrix
  T* values = nullptr;                          // [count + 1]
  T* along = nullptr;                           // [steps + 1]
  T* truncation = nullptr;                      // [count] certificates
  T* basis = nullptr;                           // [steps + 1, ld]
  T* ritz = nullptr;                            // [count + 1, steps] vectors of the tridiagonal matrix
  T* work = nullptr;                            // [count + 1, 5 steps]

  Lanczos() = default;

  // basis: where it lies, or nullptr, for the workspace
  template <class Near>
  SALN_HD Lanczos(int64_t order, int64_t steps, int64_t count, T* basis_, Near& near, Memory& far)
      : ld(leading(order)),
        d(near.template take<T>(steps)),
        e(near.template take<T>(steps)),
        e2(near.template take<T>(steps)),
        values(near.template take<T>(count + 1)),
        along(near.template take<T>(steps + 1)),
        truncation(near.template take<T>(count + 1)),
        basis(basis_) {
    if (!basis) basis = far.take<T>(basis_elements(order, steps));
    ritz = far.take<T>((count + 1) * steps);
    work = far.take<T>((count + 1) * 5 * steps);
  }

  static SALN_HD int64_t leading(int64_t order) { return (order + 3) / 4 * 4; }
  static SALN_HD int64_t basis_elements(int64_t order, int64_t steps) { return (steps + 1) * leading(order); }

  // apply(x, y) is collective: y = K x, ending with a barrier. `square` is ‖K‖_F² where known, else infinite. Returns
  // how many values were found.
  template <class G, class Apply>
  SALN_DEVICE int run(G& g, int n, int steps, int count, uint64_t seed, bool semidefinite, double trace, double square,
                      T norm, const Apply& apply) const {
    const int m = steps < n ? steps : n;
    const T rest = iterate(g, n, m, steps, seed, norm, apply);
    double seen_trace = 0, seen_square = 0;
    each_row(g, m, [&](int s) {
      seen_trace += d[s];
      seen_square += double(d[s]) * d[s];
      if (s + 1 < m) seen_square += 2 * double(e[s]) * e[s];
    });
    seen_trace = g.sum(seen_trace);
    seen_square = g.sum(seen_square);
    g.sync();
    const int found = count < m ? count : m, leading = found < m ? found + 1 : found;
    const T scale = normalize(g, m, d, e, e2);
    leading_values(g, m, leading, d, e2, values);
    tridiagonal_vectors(g, m, found, d, e, values, ritz, work, along);
    each_row(g, leading, [&](int j) { values[j] *= scale; });
    g.sync();
    certify(g, n, m, found, leading, double(rest), semidefinite, trace - seen_trace, square - seen_square);
    return found;
  }

  // vectors [count, n] of K
  template <class G>
  SALN_DEVICE void expand(G& g, int n, int steps, int count, T* vectors) const {
    const int m = steps < n ? steps : n;
    for (int j = 0; j < count; ++j) {
      T* z = vectors + int64_t(j) * n;
      each_row(g, n, [&](int i) {
        T total = 0;
        for (int s = 0; s < m; ++s) total += basis[s * ld + i] * ritz[int64_t(j) * m + s];
        z[i] = total;
      });
      g.sync();
      device::make_unit(g, n, z);
    }
    fix_signs(g, n, count, vectors);
  }

 private:
  // Classical Gram-Schmidt, twice; the second pass also gives the length left: ‖y‖² before it, less what it removes,
  // which is little, so nothing cancels. `coefficient` becomes the first pass's one along vector `count` − 1.
  template <class G>
  SALN_DEVICE T orthogonalize(G& g, int n, int count, T* y, T& coefficient) const {
    T length = 0, removed = 0;
    for (int pass = 0; pass < 2; ++pass) {
      T square = 0;
      if (pass == 1) each_row(g, n, [&](int i) { square += y[i] * y[i]; });
      for (int q = g.warp; q < count; q += G::warps) {
        T dot = 0;
        for (int i = g.lane; i < n; i += 32) dot += basis[q * ld + i] * y[i];
        dot = warp_sum(dot);
        if (g.lane == 0) along[q] = dot;
      }
      if (pass == 1) length = g.sum(square);
      g.sync();
      if (pass == 0 && count) coefficient = along[count - 1];
      if (pass == 1)
        for (int q = 0; q < count; ++q) removed += along[q] * along[q];
      each_row(g, n, [&](int i) {
        T total = 0;
        for (int q = 0; q < count; ++q) total += along[q] * basis[q * ld + i];
        y[i] -= total;
      });
      g.sync();
    }
    return length > removed ? square_root(length - removed) : T(0);
  }

  template <class G>
  SALN_DEVICE void start(G& g, int n, int s, int steps, uint64_t seed, T* y) const {
    for (int attempt = 0; attempt < 3; ++attempt) {
      each_row(g, n, [&](int i) { y[i] = T(philox_uniform(seed, uint32_t(1 + s + attempt * steps), uint64_t(i))); });
      g.sync();
      T unused;
      const T length = orthogonalize(g, n, s, y, unused);
      if (!(length > T(1e-3))) continue;
      each_row(g, n, [&](int i) { y[i] /= length; });
      g.sync();
      return;
    }
  }

  // Fills d and e; returns the length of what the space of m steps leaves over.
  template <class G, class Apply>
  SALN_DEVICE T iterate(G& g, int n, int m, int steps, uint64_t seed, T norm, const Apply& apply) const {
    const T breakdown = norm * T(4) * T(n) * Arithmetic<T>::eps;
    start(g, n, 0, steps, seed, basis);
    T rest = 0;
    for (int s = 0; s < m; ++s) {
      T* y = basis + (s + 1) * ld;
      apply(basis + s * ld, y);
      T alpha = 0;
      const T beta = orthogonalize(g, n, s + 1, y, alpha);
      if (g.rank == 0) {
        d[s] = alpha;
        if (s + 1 < m) e[s] = beta > breakdown ? beta : T(0);
      }
      rest = beta;
      if (s + 1 == m) break;
      if (beta > breakdown) {
        each_row(g, n, [&](int i) { y[i] /= beta; });
        g.sync();
      } else {
        start(g, n, s + 1, steps, seed, y);
      }
    }
    g.sync();
    return m == n ? T(0) : rest;
  }

  // Ritz values θ lie below the eigenvalues (Cauchy). Above: with R the residual of the leading Ritz vectors and τ a
  // bound on every eigenvalue of K away from them, λ_i − θ_i ≤ 2R²/(g + √(g² + 4R²)), g = θ_i − τ > 0 (Li & Li 2005,
  // Theorem 2), and ≤ τ − θ_i + R otherwise.
  template <class G>
  SALN_DEVICE void certify(G& g, int n, int m, int found, int leading, double rest, bool semidefinite,
                           double unseen_trace, double unseen_square) const {
    double residual = 0;
    for (int j = 0; j < found; ++j) {
      const double s = ritz[int64_t(j) * m + m - 1];
      residual += s * s;
    }
    residual = rest * sqrt(residual);
    double unseen = sqrt(larger(0.0, unseen_square - 2 * rest * rest));
    if (semidefinite) unseen = smaller(unseen, larger(0.0, unseen_trace));
    double top = m == n ? -double(INFINITY) : unseen;
    if (leading > found) top = larger(top, double(values[found]));
    if (m < n) top += rest;
    each_row(g, found, [&](int j) {
      const double gap = values[j] - top;
      truncation[j] = T(m == n    ? 0
                        : gap > 0 ? 2 * residual * residual / (gap + sqrt(gap * gap + 4 * residual * residual))
                                  : residual - gap);
    });
    g.sync();
  }
};

}  // namespace saln::device
