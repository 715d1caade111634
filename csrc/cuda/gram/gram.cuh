// Gram matrices of gathered rows: slabs of the rows travel through stages of shared memory, some in flight while one is
// multiplied.
#pragma once
#include "cuda/gram/products.cuh"
#include "cuda/gram/rows.cuh"
#include "cuda/gram/transform.cuh"
#include "cuda/machine/group.cuh"

namespace saln::device {

// The lower triangle of R Rᵀ, R the rows that a source stages: of up to kRows rows at once, and of more (where kOrder
// is 0) kRows / 2 rows against as many others at a time.
template <class T, class G, int kOrder>
class Gram {
 public:
  static constexpr int kRows = kOrder ? kOrder : sizeof(T) == 8 ? 128 : 256;  // of a stage
  // Bytes of each row in a stage. Of 64 rows in one warp sixteen blocks are to be resident: there is room for no more,
  // nor for a stage that is not the tile's.
  static constexpr bool kCrowded = kOrder == 64 && G::warps == 1, kSendsAhead = kOrder > 0 && !kCrowded;
  static constexpr int kSlab = kCrowded ? 64 : 128;
  static constexpr int kStages = kOrder > 64 ? 3 : 2;
  static constexpr int kStage = kRows * kSlab;  // bytes

  using Rows = GatheredRows<G::threads, kRows, kSlab>;

  // `stages`, kStage bytes each, in shared memory: the first is in use between `prefetch` and the end of `triangle`,
  // the others only in `triangle`. With one stage in place of kStages nothing is in flight while products are formed.
  SALN_HD Gram(char* stages, int count) : stages_(stages), count_(count) {}

  // Sends the first slab on its way.
  template <class Source>
  SALN_DEVICE void prefetch(const G& g, Source&& source) const {
    static_assert(kSendsAhead);
    source.stage(g, 0, stages_);
    commit_copies();
  }

  // The products become the tile's entries, or its entries are multiplied by them. open(panels, slab) is a source of
  // the slabs from number `slab` on, pick(with) calls with(Kind()); `ready`: the first slab was sent for. Ends with a
  // barrier.
  template <class Open, class Pick>
  SALN_DEVICE void triangle(const G& g, const Open& open, const Pick& pick, const Tile<T>& tile, bool multiply,
                            bool ready) const {
    const int n = tile.n;
    if constexpr (G::warps == 1) {
      WarpTriangle<T, kRows, kSlab> products(n);
      each_slab(g, open(Panels{0, n, -1}, int(ready)), ready, [&](const char* stage) {
        pick([&](auto kind) { products.template add<decltype(kind)>(stage, g.lane); });
      });
      put(products, multiply, [&](int i) { return tile.row(i); });
    } else {
      const int panel = kOrder || n <= kRows ? kRows : kRows / 2;
#pragma unroll 1
      for (int rows = 0; rows < n; rows += panel)
#pragma unroll 1
        for (int columns = 0; columns <= rows; columns += panel) {
          const bool square = columns < rows;
          const int tall = n - rows < panel ? n - rows : panel;
          WarpStrips<T, kRows, kSlab, G::warps> products(g.warp, (tall + kStrip - 1) / kStrip, square);
          each_slab(g, open(Panels{rows, tall, square ? columns : -1}, int(ready)), ready, [&](const char* stage) {
            pick([&](auto kind) {
              products.template add<decltype(kind)>(stage, stage + (square ? kRows / 2 * kSheet : 0), g.lane);
            });
          });
          put(products, multiply, tall, [&](int i) { return tile.row(rows + i) + columns; });
        }
    }
    g.sync();
  }

 private:
  template <class Products, class... Where>
  static SALN_DEVICE void put(const Products& products, bool multiply, const Where&... where) {
    if (multiply)
      products.put(where..., [](T& entry, T x) { entry *= x; });
    else
      products.put(where..., [](T& entry, T x) { entry = x; });
  }

  // add(stage) for every slab in turn. Ends with a barrier.
  template <class Source, class Add>
  SALN_DEVICE void each_slab(const G& g, Source&& source, bool ready, const Add& add) const {
    const int slabs = source.slabs(), ahead = count_ - 1, end = count_ * kStage;
    // The stage of number `slab`. Number `slab` + `ahead` is sent for, to the stage of the one before, which is done.
    int now = ahead ? (int(ready) + 1) % kStages * kStage : 0;
#pragma unroll 1
    for (int slab = int(ready) - ahead; slab < slabs; ++slab) {
      if (slab >= 0) {
        wait_copies<kStages - 2>();
        g.sync();
      }
      if (slab + ahead < slabs) source.stage(g, slab + ahead, stages_ + (now > 0 ? now : end) - kStage);
      commit_copies();
      if (ahead == 0) {
        wait_copies<0>();
        g.sync();
      }
      if (slab >= 0) add(stages_ + now);
      now = now + kStage < end ? now + kStage : 0;
    }
    g.sync();
  }

  char* stages_;
  int count_;
};

// with(Kind()) for the way products of a view's rows are formed.
template <class T, class With>
SALN_DEVICE void with_kind(DType type, bool allow_tf32, const With& with) {
  if constexpr (sizeof(T) == 8) {
    with(Doubles());
  } else {
    if (type == DType::bfloat16)
      with(Halves<DType::bfloat16>());
    else if (type == DType::float16)
      with(Halves<DType::float16>());
    else if (allow_tf32)
      with(RoundedFloats());
    else
      with(Floats());
  }
}

}  // namespace saln::device
