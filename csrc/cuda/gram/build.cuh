// Builds one candidate's matrix on chip: gather, Gram, transform. Keeps an a-priori bound on the rounding error of what
// it built, for the certificates.
#pragma once
#include "cuda/gram/columns.cuh"
#include "cuda/gram/gram.cuh"
#include "cuda/gram/transform.cuh"
#include "cuda/gram/unit_panels.cuh"
#include "cuda/gram/unit_rows.cuh"
#include "cuda/kernels/call.cuh"

namespace saln::device {

// What is known of a built matrix beside its entries.
template <class T>
struct Built {
  int real = 0;        // n: rows that are not padding
  bool empty = false;  // a graph without edges
  bool bad = false;    // a non-finite value or a row number out of range: every result is NaN
  T scale = 1;         // the tile holds the matrix divided by this power of two
  T error = 0;         // bound on the Frobenius norm of its rounding error, in units of the tile
};

// Rounding of a sum of `terms` products relative to the product of norms: probable growth is the square root
// (Higham & Mary 2019, "A new approach to probabilistic rounding error analysis").
template <class T>
SALN_DEVICE T sum_error(double terms) {
  return Arithmetic<T>::eps * (4 + 2 * square_root(T(terms)));
}
// The same of a view's inner products, whose operands tf32 rounds to 11 bits, and split float32 leaves 2⁻²² of.
template <class T>
SALN_DEVICE T product_error(const View& v, bool allow_tf32) {
  const T products = sum_error<T>(double(v.cols));
  if (sizeof(T) == 8 || v.dtype == DType::bfloat16 || v.dtype == DType::float16) return products;
  return products + (allow_tf32 ? T(9.8e-4) : T(4.8e-7));
}

// How the products of a candidate's rows come into the tile: by its block from the rows, in that of gram/gram.cuh or of
// gram/unit_panels.cuh, or from the parts that gram/split_gram.cuh formed.
enum class Way { rows, panels, parts };

template <class T, class G, int kOrder>
class Builder {
 public:
  using Products = Gram<T, G, kOrder>;

  // `count` stages as Products takes them, of which all but the first may be the tile's, or, if products of two views
  // are not asked for or have a stage `apart`, all; the rest is taken from `near`.
  // Sizes are constants where kOrder is.
  template <class Near>
  SALN_HD Builder(const Call& call, char* stages, int count, Near& near)
      : call_(call),
        stages_(stages),
        apart_(stages),
        count_(count),
        now_(near, kOrder ? kOrder : call.problem.size),
        next_(near, kOrder),
        quality_(near.template take<T>(kOrder ? kOrder : call.problem.size)),
        work_(near.template take<T>(kOrder ? kOrder : call.problem.size)),
        ahead_(near.template take<int32_t>(1)) {
    const bool columns = kOrder == 0 && call.choice.side == Side::covariance;
    unit_ = near.template take<UnitRow<T>>(columns ? call.problem.size : 0);
    mean_ = near.template take<T>(columns ? call.problem.features.cols : 0);
    live_ = near.template take<T>(columns ? call.problem.features.cols : 0);
  }

  SALN_DEVICE const Selection& selection() const { return now_; }
  // [n], free between calls; and once the matrix is scaled by what was in it
  SALN_HD T* work() const { return work_; }
  SALN_HD T* quality() const { return quality_; }

  // The one stage of the second view's products, which the tile's entries are multiplied by.
  SALN_HD void set_apart(char* stage) { apart_ = stage; }

  // Before the first candidate. Ends with a barrier.
  SALN_DEVICE void begin(const G& g) const {
    if (g.rank == 0) *ahead_ = 0;
    g.sync();
  }

  // Reads candidate c and sends its first rows on their way, where that can be; the stages are then taken until it is
  // built. Ends with a barrier.
  SALN_DEVICE void look_ahead(const G& g, int64_t c) const {
    const Problem& p = call_.problem;
    if (kOrder == 0 || p.similarity == Similarity::precomputed || p.similarity == Similarity::given ||
        c >= p.n_candidates)
      return;
    next_.read(g, p, c);
    const bool send = next_.valid() && next_.n() > 0;
    if constexpr (Products::kSendsAhead)
      if (send)
        Products(stages_, count_)
            .prefetch(g, typename Products::Rows(p.features, next_.row, Panels{0, next_.n(), -1}, 0));
    if (g.rank == 0) *ahead_ = send && Products::kSendsAhead ? 2 : 1;
    g.sync();
  }

  // Reads candidate c and, on the Gram side, puts the products of its rows into the tile. Ends with a barrier.
  template <Way kWay>
  SALN_DEVICE void gather(const G& g, int64_t c, Tile<T>& tile) const {
    const Problem& p = call_.problem;
    const int ahead = *ahead_;
    if (ahead)
      now_.copy(g, next_);
    else
      now_.read(g, p, c);
    if (g.rank == 0) *ahead_ = 0;
    tile.n = now_.n();
    if (!now_.valid() || tile.n == 0 || (kOrder == 0 && call_.choice.side == Side::covariance)) return;
    if constexpr (kWay == Way::parts)
      sum_parts(g, c, tile);
    else if (p.similarity == Similarity::precomputed || p.similarity == Similarity::given)
      read_entries(g, tile);
    else if constexpr (kWay == Way::panels)
      products_in_panels(g, tile);
    else
      products(g, tile, ahead == 2);
  }

  // Of the entries as gathered, relative to the products of norms.
  SALN_DEVICE T products_error() const {
    const Problem& p = call_.problem;
    T error = product_error<T>(p.features, p.allow_tf32);
    if (p.similarity == Similarity::gradient) error += product_error<T>(p.residuals, p.allow_tf32);
    return call_.choice.in_panels ? error + UnitPanels<G>::kTruncation : error;
  }

  // Of the tile as it was gathered: products of rows, or entries.
  SALN_DEVICE Built<T> plain(G& g, Tile<T>& tile) const {
    const Problem& p = call_.problem;
    Built<T> built;
    built.real = tile.n = now_.n();
    built.bad = !now_.valid();
    if (built.bad || built.real == 0) return built;
    clear_gaps(g, tile);
    if (p.similarity != Similarity::linear && p.similarity != Similarity::gradient) return built;
    built.error = products_error() * diagonal_sum(g, tile);
    return built;
  }

  // Brings the magnitude of a matrix that is to be solved near 1, if it is far from it. Returns Σ x² over the numbers
  // of the triangle that are this thread's.
  SALN_DEVICE T scale(G& g, Tile<T>& tile, Built<T>& built) const {
    T square = 0;
    if (built.bad || built.real == 0) return square;
    const T top = magnitude(g, tile, square);
    if (!is_finite(top)) built.bad = true;
    if (built.bad || call_.choice.need == Need::nothing || top == T(0) || (top > T(1.5e-5) && top < T(65536)))
      return square;
    built.scale = power_of_two(top);
    if (built.scale == T(0)) built.scale = Arithmetic<T>::smallest_normal;
    tile.sigma /= built.scale;
    built.error /= built.scale;
    return multiply(g, tile, T(1) / built.scale);
  }

  SALN_DEVICE const T* read_quality(const G& g) const {
    const View& q = call_.problem.quality;
    if (!q.data) return nullptr;
    each_row(g, now_.n(), [&](int i) { quality_[i] = entry<T>(q, now_.row[i] * q.row_stride); });
    g.sync();
    return quality_;
  }

  // unit_ [n] of `cosine`, else ones. Ends with a barrier.
  SALN_DEVICE void find_units(const G& g) const {
    const Problem& p = call_.problem;
    for (int i = g.warp; i < now_.n(); i += G::warps) {
      UnitRow<T> unit{T(1), T(1)};
      if (p.similarity == Similarity::cosine) unit = unit_row<T>(p.features, now_.row[i]);
      if (g.lane == 0) unit_[i] = unit;
    }
    g.sync();
  }

 private:
  // X Xᵀ, times R Rᵀ entry by entry for `gradient`
  SALN_DEVICE void products(const G& g, const Tile<T>& tile, bool ready) const {
    const Problem& p = call_.problem;
#pragma unroll 1
    for (int factor = 0; factor < (p.similarity == Similarity::gradient ? 2 : 1); ++factor) {
      const View& view = factor ? p.residuals : p.features;
      // What lies in the tile is gone once there are products of the features in it.
      const Products gram(factor ? apart_ : stages_, factor && kOrder > 0 ? 1 : count_);
      gram.triangle(
          g, [&](const Panels& panels, int slab) { return typename Products::Rows(view, now_.row, panels, slab); },
          [&](const auto& with) { with_kind<T>(view.dtype, p.allow_tf32, with); }, tile, factor > 0,
          ready && factor == 0);
    }
  }

  SALN_DEVICE void products_in_panels(const G& g, const Tile<T>& tile) const {
    UnitPanels<G>(g, call_.problem.features, now_, stages_, tile.data).fill(tile);
  }

  // What gram/split_gram.cuh left of candidate c.
  SALN_DEVICE void sum_parts(const G& g, int64_t c, const Tile<T>& tile) const {
    const int64_t apart = tile_elements(call_.problem.size, true);
    const int parts = call_.choice.parts, end = tile.extent();
    const T* const first = call_.parts + (c - call_.first) * parts * apart;
#pragma unroll 1
    for (int at = 4 * g.rank; at < end; at += 4 * G::threads) {
      T sum[4] = {};
#pragma unroll 4
      for (int part = 0; part < parts; ++part) {
        T x[4];
        load_quad(first + part * apart + at, x);
#pragma unroll
        for (int e = 0; e < 4; ++e) sum[e] += x[e];
      }
      store_quad(tile.data + at, sum);
    }
    g.sync();
  }

  SALN_DEVICE void read_entries(const G& g, const Tile<T>& tile) const {
    const bool given = call_.problem.similarity == Similarity::given;
    const View& m = given ? call_.problem.matrices : call_.problem.features;
    each_entry(g, tile, [&](int i, int j, T& x) {
      const int64_t start = given ? now_.row[i] + i * m.row_stride : now_.row[i] * m.row_stride;
      x = entry<T>(m, start + (given ? j : now_.row[j]) * m.col_stride);
    });
    g.sync();
  }

  // For `cosine`, which does not see a row's length: products of rows whose squares are not plain, formed again from
  // rows times a power of two. Ends with a barrier.
  SALN_DEVICE void rescale_rows(G& g, const Tile<T>& tile) const {
    const View& f = call_.problem.features;
    bool plain = true;
    each_row(g, tile.n, [&](int i) { plain = plain && is_plain_square(tile.at(i, i)); });
    if (g.min(int(plain))) return g.sync();
    for (int i = g.warp; i < tile.n; i += G::warps) {
      const T factor = is_plain_square(tile.at(i, i)) ? T(1) : row_rescaling<T>(f, now_.row[i]);
      if (g.lane == 0) work_[i] = factor;
    }
    g.sync();
    for (int i = g.warp; i < tile.n; i += G::warps)
      for (int j = 0; j <= i; ++j) {
        if (work_[i] == T(1) && work_[j] == T(1)) continue;
        const T product = rescaled_product<T>(f, now_.row[i], work_[i], now_.row[j], work_[j]);
        if (g.lane == 0) tile.at(i, j) = product;
      }
    g.sync();
  }

 public:
  // Of the tile once it is the candidate's matrix, which it becomes. Ends with a barrier.
  SALN_DEVICE Built<T> transform(G& g, Tile<T>& tile) const {
    const Problem& p = call_.problem;
    Built<T> built = plain(g, tile);
    if (built.bad || built.real == 0) return built;
    const T eps = Arithmetic<T>::eps, n = T(tile.n), rounding = products_error();
    read_quality(g);
    // A NaN would not survive these two; all else hands it on.
    T raw = 0;
    if (p.similarity == Similarity::rbf || p.laplacian != Laplacian::none) {
      raw = magnitude(g, tile);
      built.bad = !is_finite(raw);
      if (built.bad) return built;
      g.sync();
    }
    if (p.similarity == Similarity::cosine) {
      rescale_rows(g, tile);
      to_cosine(g, tile, work_);
      built.error = (rounding + 4 * eps) * n;
    } else if (p.similarity == Similarity::rbf) {
      to_rbf(g, tile, T(p.gamma), work_);
      built.error = n * (2 * eps + 4 * T(p.gamma) * rounding * raw);
    }
    if (p.center) {
      const T before = magnitude(g, tile);
      g.sync();
      built.error += 8 * eps * n * before;
      double_center(g, tile, before, work_);
    }
    if (p.quality.data) {
      T top = 0;
      each_row(g, tile.n, [&](int i) { top = larger(top, absolute(quality_[i])); });
      top = g.max(top);
      g.sync();
      scale_both_sides(g, tile, quality_);
      const T after = magnitude(g, tile);
      built.error = built.error * top * top + 3 * eps * n * after;
      built.bad = !is_finite(after);
      if (built.bad) return built;
      g.sync();
    }
    if (p.laplacian != Laplacian::none) {
      const T weakest = to_laplacian(g, tile, p.laplacian, p.negative, work_);
      const T top = magnitude(g, tile);
      built.error = (1 + 4 * square_root(n)) * built.error / weakest + 4 * eps * n * top;
      if (call_.choice.fiedler) {
        g.sync();
        built.empty = top == T(0);
        deflate_and_negate(g, tile, top);
      }
    }
    return built;
  }

  // X̃ᵀX̃ of the transformed rows.
  SALN_DEVICE Built<T> covariance(G& g, Tile<T>& tile) const {
    const Problem& p = call_.problem;
    const int n = now_.n(), d = int(p.features.cols);
    Built<T> built;
    built.real = tile.n = n;
    built.bad = !now_.valid();
    if (built.bad || n == 0) return built;
    read_quality(g);
    find_units(g);
    const ScaledColumns<T> plain{p.features, now_.row, n, unit_, nullptr, nullptr, nullptr};
    T uncentered = 0;
    each_row(g, d, [&](int t) {
      T mean = 0, before = 0, after = 0;
      for (int i = 0; i < n; ++i) {
        const T x = plain.value(i, t);
        uncentered += x * x;
        mean += x;
        before = larger(absolute(x), before);
      }
      mean /= T(n);
      mean_[t] = mean;
      live_[t] = 1;
      if (!p.center) return;
      for (int i = 0; i < n; ++i) after = larger(absolute(plain.value(i, t) - mean), after);
      if (after <= cancelled(before, n)) live_[t] = 0;
    });
    uncentered = g.sum(uncentered);
    g.sync();
    tile.n = d;
    clear_gaps(g, tile);
    const ScaledColumns<T> columns{
        p.features, now_.row, n, unit_, p.quality.data ? quality_ : nullptr, p.center ? mean_ : nullptr, live_};
    Products(stages_, count_)
        .triangle(
            g,
            [&](const Panels& panels, int) {
              return StagedColumns<T, Products::kRows, Products::kSlab>{columns, panels};
            },
            [&](const auto& with) {
              if constexpr (sizeof(T) == 8)
                with(Doubles());
              else if (p.allow_tf32)
                with(RoundedFloats());
              else
                with(Floats());
            },
            tile, false, false);
    T products = sum_error<T>(double(n));
    if (sizeof(T) == 4) products += p.allow_tf32 ? T(9.8e-4) : T(4.8e-7);
    T top = 1;
    if (p.quality.data) each_row(g, n, [&](int i) { top = larger(top, absolute(quality_[i])); });
    top = g.max(top);
    built.error = products * diagonal_sum(g, tile) + sum_error<T>(double(d)) * uncentered * top * top;
    return built;
  }

 private:
  const Call& call_;
  char *stages_, *apart_;
  int count_;
  Selection now_, next_;
  T *quality_, *work_, *mean_, *live_;
  UnitRow<T>* unit_;
  int32_t* ahead_;  // 1: the next candidate is read; 2: its first rows are under way
};

}  // namespace saln::device
