// Lanczos from a random start with full reorthogonalisation, restarted with a fresh vector on breakdown, and the
// certificate of what it leaves open.
#pragma once
#include "cuda/gram/build.cuh"
#include "cuda/solve/last_component.cuh"
#include "cuda/solve/multisection.cuh"
#include "cuda/solve/tridiagonal.cuh"

namespace saln::device {

template <class T>
struct Lanczos {
  int ld = 0;
  T *d = nullptr, *e = nullptr, *squares = nullptr;  // [steps] the tridiagonal matrix; d and squares in whole blocks
  T* values = nullptr;                               // [count + 1]
  T* along = nullptr;                                // [steps + 1]
  T* truncation = nullptr;                           // [count] certificates
  T* basis = nullptr;                                // [steps + 1, ld]
  T* ritz = nullptr;                                 // [count + 1, steps] vectors of the tridiagonal matrix
  T* work = nullptr;                                 // [count + 1, 5 steps]

  Lanczos() = default;

  // basis, and vectors of the tridiagonal matrix with what finds them: where they lie, or nullptr, for the workspace
  template <class Near>
  SALN_HD Lanczos(int64_t order, int64_t steps, int64_t count, T* basis_, T* vectors, Near& near, Memory& far)
      : ld(int(leading(order))),
        d(near.template take<T>(whole_blocks(steps))),
        e(near.template take<T>(steps)),
        squares(near.template take<T>(whole_blocks(steps))),
        values(near.template take<T>(count + 1)),
        along(near.template take<T>(steps + 1)),
        truncation(near.template take<T>(count + 1)),
        basis(basis_) {
    if (!basis) basis = far.take<T>(basis_elements(order, steps));
    ritz = vectors ? vectors : far.take<T>(vector_elements(steps, count));
    work = ritz + (count + 1) * steps;
  }

  static SALN_HD int64_t leading(int64_t order) { return (order + 3) / 4 * 4; }
  static SALN_HD int64_t basis_elements(int64_t order, int64_t steps) { return (steps + 1) * leading(order); }

  static SALN_HD int64_t vector_elements(int64_t steps, int64_t count) { return (count + 1) * 6 * steps; }

  // Fills basis, d and e, whose last entry, which couples nothing, is the sum of squares of what breakdown dropped;
  // returns the length of what the space of m steps leaves over. apply(x, y) is collective: y = K x, each entry by its
  // row's thread, and returns x·y. `norm`: any number of the size of ‖K‖, to tell breakdown. In exact arithmetic K q_s
  // has parts along q_s and q_{s−1} alone; without those, one more pass along all is the second of the two that are
  // enough. kOnce: a thread has one row at most. Ends with a barrier.
  template <bool kOnce, class G, class Apply>
  SALN_DEVICE T iterate(G& g, int n, int steps, const uint64_t& seed, T norm, const Apply& apply) const {
    const int m = steps < n ? steps : n;
    const T breakdown = norm * T(4) * T(n) * Arithmetic<T>::eps;
    start<kOnce>(g, n, 0, steps, seed);
    if (g.rank == 0) e[m - 1] = 0;
    T rest = 0;
    for (int s = 0; s < m; ++s) {
      const T *before = basis + (s - 1) * ld, *q = basis + s * ld;
      T* y = basis + (s + 1) * ld;
      const T alpha = apply(q, y), beta = rest > breakdown ? rest : T(0);
      rows<kOnce>(g, leading(n), [&](int i) {
        const T x = i < n ? y[i] - alpha * q[i] : T(0);
        y[i] = s > 0 ? x - beta * before[i] : x;
      });
      g.sync();
      rest = project<kOnce>(g, n, s + 1, breakdown);
      if (g.rank == 0) {
        d[s] = alpha;
        if (s + 1 < m) {
          e[s] = rest > breakdown ? rest : T(0);
          if (!(rest > breakdown)) e[m - 1] += rest * rest;
        }
      }
      if (s + 1 < m && !(rest > breakdown)) start<kOnce>(g, n, s + 1, steps, seed);
    }
    g.sync();
    return m == n ? T(0) : rest;
  }

  // From d and e to values, `vectors` of the tridiagonal matrix, certificates. `square` is ‖K‖_F² where known, else
  // infinite. Returns how many values were found.
  template <class G>
  SALN_DEVICE int finish(G& g, int n, int steps, int count, bool vectors, T rest, bool semidefinite, double trace,
                         double square) const {
    const int m = steps < n ? steps : n;
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
    const Normalized<T> matrix = normalize(g, m, d, e, squares);
    leading_values(g, m, leading, d, squares, matrix.norm, values);
    // Only vectors tell what values close together have in common.
    if (vectors || !are_apart(leading, T(kClose)))
      tridiagonal_vectors(g, m, found, d, e, values, ritz, work, along);
    else
      last_components(g, m, found, leading);
    each_row(g, leading, [&](int j) { values[j] *= matrix.scale; });
    g.sync();
    const double rounding = sum_error<T>(n);  // of T's entries, relative to K
    certify(g, n, m, found, leading, double(rest), 2 * sqrt(double(e[m - 1])), semidefinite,
            trace - seen_trace + rounding * trace, square - seen_square + 2 * rounding * square);
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
  template <bool kOnce, class G, class F>
  static SALN_DEVICE void rows(const G& g, int n, const F& f) {
    if constexpr (kOnce) {
      if (g.rank < n) f(g.rank);
    } else {
      each_row(g, n, f);
    }
  }

  // along[q] = basis_q · y for q < count and along[count] = ‖y‖², y = basis_count, rows zero from n to the next quad.
  // A warp takes four vectors at a time. Ends with a barrier.
  template <class G>
  SALN_DEVICE void measure(const G& g, int n, int count) const {
    constexpr int kTogether = 4;
    const T* y = basis + count * ld;
#pragma unroll 1
    for (int first = g.warp; first <= count; first += kTogether * G::warps) {
      T dot[kTogether] = {};
#pragma unroll 1
      for (int i = 4 * g.lane; i < n; i += 128) {
        T of_y[4], of_q[4];
        load_quad(y + i, of_y);
#pragma unroll
        for (int u = 0; u < kTogether; ++u) {
          if (first + u * G::warps > count) break;
          load_quad(basis + (first + u * G::warps) * ld + i, of_q);
#pragma unroll
          for (int e = 0; e < 4; ++e) dot[u] += of_q[e] * of_y[e];
        }
      }
      fold<2, 16>(dot, g.lane);
      fold<1, 8>(dot, g.lane);
      for (int mask = 4; mask > 0; mask /= 2) dot[0] += shuffle_xor(dot[0], mask);
      const int q = first + (g.lane / 16 * 2 + g.lane / 8 % 2) * G::warps;
      if (g.lane % 8 == 0 && q <= count) along[q] = dot[0];
    }
    g.sync();
  }

  // basis_count loses its parts along the vectors before it, and becomes a unit vector if more than `least` is left.
  // Returns the length left: ‖y‖² less what is removed, so where much is, a second pass tells. Ends with a barrier.
  template <bool kOnce, class G>
  SALN_DEVICE T project(const G& g, int n, int count, T least) const {
    measure(g, n, count);
    T removed = 0;
#pragma unroll 1
    for (int q = g.lane; q < count; q += 32) removed += along[q] * along[q];
    removed = warp_sum(removed);
    const T square = along[count] - removed, length = square > T(0) ? square_root(square) : T(0);
    const T scale = length > least ? T(1) / length : T(1);
    rows<kOnce>(g, n, [&](int i) {
      const T* from = basis + i;
      T total = 0;
      int q = 0;
      for (; q + 4 <= count; q += 4) {
        T part[4];
        load_quad(along + q, part);
#pragma unroll
        for (int e = 0; e < 4; ++e, from += ld) total += part[e] * *from;
      }
      for (; q < count; ++q, from += ld) total += along[q] * *from;
      T& y = basis[count * ld + i];
      y = (y - total) * scale;
    });
    g.sync();
    return length;
  }

  // basis_s: a random unit vector orthogonal to those before it. The seed is read here and now, lest what is computed
  // from it be kept in registers.
  template <bool kOnce, class G>
  SALN_DEVICE void start(const G& g, int n, int s, int steps, const uint64_t& seed) const {
    for (int attempt = 0; attempt < 3; ++attempt) {
      rows<kOnce>(g, leading(n), [&](int i) {
        basis[s * ld + i] = i < n ? T(philox_uniform(seed, uint32_t(1 + s + attempt * steps), uint64_t(i))) : T(0);
      });
      g.sync();
      project<kOnce>(g, n, s, T(INFINITY));
      if (project<kOnce>(g, n, s, T(1e-3)) > T(1e-3)) return;
    }
  }

  SALN_DEVICE bool are_apart(int count, T gap) const {
    for (int j = 1; j < count; ++j)
      if (values[j - 1] - values[j] < gap) return false;
    return true;
  }

  // Of the Ritz vectors the last components alone, and by how much the error of a value moves them. Ends with a
  // barrier.
  template <class G>
  SALN_DEVICE void last_components(const G& g, int m, int found, int leading) const {
    each_row(g, found, [&](int j) {
      T gap = T(2);
      if (j > 0) gap = smaller(gap, values[j - 1] - values[j]);
      if (j + 1 < leading) gap = smaller(gap, values[j] - values[j + 1]);
      const T part = last_component_squared(m, d, squares, values[j], work + int64_t(j) * 5 * m);
      ritz[int64_t(j) * m + m - 1] = square_root(part) + 4 * Arithmetic<T>::eps / gap;
    });
    g.sync();
  }

  // Ritz values θ lie below the eigenvalues (Cauchy). Above: with R the residual of the leading Ritz vectors and τ a
  // bound on every eigenvalue of K away from them, λ_i − θ_i ≤ 2R²/(g + √(g² + 4R²)), g = θ_i − τ > 0 (Li & Li 2005,
  // Theorem 2), and ≤ τ − θ_i + R otherwise. What is unseen is a difference, to which the caller has added its rounding
  // error: a root makes much of little. What was `dropped` moves every value by its norm at most.
  template <class G>
  SALN_DEVICE void certify(G& g, int n, int m, int found, int leading, double rest, double dropped, bool semidefinite,
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
      const double above =
          gap > 0 ? 2 * residual * residual / (gap + sqrt(gap * gap + 4 * residual * residual)) : residual - gap;
      truncation[j] = T(dropped + (m == n ? 0 : above));
    });
    g.sync();
  }
};

}  // namespace saln::device
