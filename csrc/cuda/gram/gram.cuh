// Gram matrices of gathered rows: slabs of the rows travel through two stages of shared memory, one in flight while the
// other is multiplied.
#pragma once
#include "cuda/gram/products.cuh"
#include "cuda/gram/selection.cuh"
#include "cuda/machine/elements.cuh"
#include "cuda/machine/group.cuh"

namespace saln::device {

// The lower triangle of R Rᵀ, R [n, width] the rows that `Source` stages: kOrder rows at most, or any number (0), and
// then kPanel rows against as many others at a time.
template <class G, int kOrder, int kPanel = 128>
class Gram {
  static constexpr bool kOneWarp = G::warps == 1;
  static constexpr int kStrips = (kOrder ? kOrder : kPanel) / kStrip;
  static constexpr int kBlocks = (kOrder ? kStrips * (kStrips + 1) / 2 : kStrips * kStrips) / G::warps;
  static_assert(kOneWarp || kBlocks * G::warps >= kStrips * (kStrips + 1) / 2);

 public:
  static constexpr int kStage = (kOrder ? kOrder : 2 * kPanel) * kPitch;  // bytes

  // In shared memory, kStage bytes each: `first` is in use between `prefetch` and the end of `triangle`, `second` only
  // in `triangle`. Without a second one nothing is in flight while products are formed.
  SALN_HD Gram(char* first, char* second) : first_(first), second_(second) {}

  // Sends the first slab on its way.
  template <class Source>
  SALN_DEVICE void prefetch(const G& g, const Source& source, int n) const {
    static_assert(kOrder > 0);
    source.stage(g, 0, 0, pad(n), first_);
    commit_copies();
  }

  // store(i, j, value) for every j ≤ i < n; `ready`: the first slab was sent for. Ends with a barrier.
  template <class Kind, class Source, class Store>
  SALN_DEVICE void triangle(const G& g, const Source& source, int n, bool ready, const Store& store) const {
    const auto keep = [&](int i, int j, auto value) {
      if (i < n && j <= i) store(i, j, value);
    };
    if constexpr (kOneWarp) {
      WarpTriangle<Kind, kStrips> products(n);
      multiply(g, source, 0, 0, n, ready, products);
      products.each(g.lane, keep);
    } else {
#pragma unroll 1
      for (int rows = 0; rows < n; rows += kPanel)
#pragma unroll 1
        for (int columns = 0; columns <= rows; columns += kPanel) {
          const int strips = pad(smaller_of(n - rows)) / kStrip;
          const int across = rows == columns ? 0 : kPanel / kStrip;
          const int blocks = across ? strips * across : strips * (strips + 1) / 2;
          const int each = (blocks + G::warps - 1) / G::warps;
          const int first = g.warp * each, end = first + each < blocks ? first + each : blocks;
          BlockRun<Kind, kBlocks> products(first, end, across);
          multiply(g, source, rows, columns, n, ready, products);
          products.each(g.lane, [&](int i, int j, auto value) { keep(rows + i, columns + j, value); });
        }
    }
    g.sync();
  }

 private:
  static SALN_DEVICE int pad(int n) { return (n + kStrip - 1) / kStrip * kStrip; }
  static SALN_DEVICE int smaller_of(int n) { return n < kPanel ? n : kPanel; }

  template <class Source, class Products>
  SALN_DEVICE void multiply(const G& g, const Source& source, int rows, int columns, int n, bool ready,
                            Products& products) const {
    const int64_t slabs = source.slabs();
    const int tall = kOrder ? pad(n) : pad(smaller_of(n - rows));
    const auto place = [&](int64_t slab) { return second_ && slab % 2 ? second_ : first_; };
#pragma unroll 1
    for (int64_t slab = ready || !second_ ? 0 : -1; slab < slabs; ++slab) {
      const int64_t next = second_ ? slab + 1 : slab;
      if (next < slabs && !(ready && next == 0)) {
        char* to = place(next);
        source.stage(g, next, rows, tall, to);
        if (!kOrder && rows != columns) source.stage(g, next, columns, kPanel, to + kPanel * kPitch);
        commit_copies();
      }
      if (slab < 0) continue;
      if (slab < next && next < slabs)
        wait_copies<1>();
      else
        wait_copies<0>();
      g.sync();
      const char* now = place(slab);
      if constexpr (kOneWarp)
        products.add(now, g.lane);
      else
        products.add(now, !kOrder && rows != columns ? now + kPanel * kPitch : now, g.lane);
      g.sync();
    }
  }

  char *first_, *second_;
};

// Rows of a view of elements E, as they lie there.
template <class E>
struct GatheredRows {
  const View& view;
  const int64_t* row;
  int n;
  bool pieces;  // rows are copied 16 bytes at a time

  static constexpr int kPer = kSlab / sizeof(E);

  SALN_DEVICE GatheredRows(const View& v, const Selection& s) : view(v), row(s.row), n(s.n()), pieces(in_pieces(v)) {}

  SALN_DEVICE int64_t slabs() const { return (view.cols + kPer - 1) / kPer; }

  // Rows first … first + tall − 1 of the selection, those beyond its end zero.
  template <class G>
  SALN_DEVICE void stage(const G& g, int64_t slab, int first, int tall, char* to) const {
    const int64_t left = view.cols - slab * kPer;  // columns, of which this slab takes kPer
    if (pieces) {
      const char* from = static_cast<const char*>(view.data) + slab * kSlab;
      const int64_t stride = view.row_stride * int64_t(sizeof(E));
#pragma unroll 1
      for (int piece = g.rank; piece < tall * 4; piece += G::threads) {
        const int r = piece / 4, part = piece % 4;
        const int64_t bytes = left * int64_t(sizeof(E)) - part * 16;
        const bool inside = first + r < n && bytes > 0;
        copy_async(to + r * kPitch + part * 16, inside ? from + row[first + r] * stride + part * 16 : from,
                   !inside      ? 0
                   : bytes < 16 ? int(bytes)
                                : 16);
      }
      return;
    }
    for (int at = g.rank; at < tall * kPer; at += G::threads) {
      const int r = at / kPer, t = at % kPer;
      const bool inside = first + r < n && t < left;
      const int64_t from = inside ? row[first + r] * view.row_stride + (slab * kPer + t) * view.col_stride : 0;
      reinterpret_cast<E*>(to + r * kPitch)[t] = inside ? static_cast<const E*>(view.data)[from] : E(0);
    }
  }
};

// Calls with(Kind) for the way products of this view's rows are formed.
template <class T, class With>
SALN_DEVICE void with_kind(const View& view, bool allow_tf32, const With& with) {
  if constexpr (sizeof(T) == 8) {
    with(Doubles());
  } else {
    if (view.dtype == DType::bfloat16)
      with(Halves<DType::bfloat16>());
    else if (view.dtype == DType::float16)
      with(Halves<DType::float16>());
    else if (allow_tf32)
      with(RoundedFloats());
    else
      with(Floats());
  }
}

}  // namespace saln::device
