// Symmetric Gram matrices of rows read where they lie. Tiles of dot products, whose partial sums stay in vector
// registers over the whole row and are then folded to scalars together; only tiles that meet the lower triangle run.
#pragma once
#include "cpu/simd.h"
#include "cpu/team.h"

namespace saln {
inline namespace SALN_VARIANT {

#if SALN_VECTOR_BYTES == 64
constexpr int kTileRows = 4, kTileCols = 4;
#elif SALN_VECTOR_BYTES == 32
constexpr int kTileRows = 3, kTileCols = 4;
#else
constexpr int kTileRows = 2, kTileCols = 4;
#endif
// A tile may reach this far past the last row: row pointers and the result need that much room.
constexpr int kTileSlack = 4;

// Rows that will be needed next, handed out evenly over the tiles computed now: a tile fetches one of them line by line
// while it multiplies, so that memory and arithmetic keep busy together.
class Prefetcher {
 public:
  Prefetcher() = default;
  Prefetcher(const char* const* rows, int n) : rows_(rows), n_(n) {}

  // The row for tile number `tile` of `tiles`, or `none` where it has none. Further ones are touched at their start.
  SALN_INLINE const char* row(int64_t tile, int64_t tiles, const void* none) const {
    const int first = int(tile * n_ / tiles), last = int((tile + 1) * n_ / tiles);
    for (int r = first + 1; r < last; ++r)
      for (int line = 0; line < 8; ++line) __builtin_prefetch(rows_[r] + line * 64, 0, 2);
    return first < last ? rows_[first] : static_cast<const char*>(none);
  }

 private:
  const char* const* rows_ = nullptr;
  int n_ = 0;
};

// A matrix of fewer products is one thread's; others are cut into parts, of which a thread may take several.
constexpr int64_t kSharedProducts = 1 << 21;
constexpr int kParts = 64;

// How a row's elements enter the products: `chunk` elements a step, `step` accumulates one product of chunks.
template <class T>
struct Direct {
  using Element = T;
  using Sum = T;
  using Chunk = Vec<T>;
  static constexpr int chunk = kWidth<T>;
  static SALN_INLINE Chunk get(const T* p) { return load(p); }
  static SALN_INLINE Chunk get_first(const T* p, int n) { return load_first(p, n); }
  static SALN_INLINE void step(Vec<T>& sum, Chunk a, Chunk b) { sum = sum + a * b; }
};

#if defined(__AVX512BF16__)
// Pairs of bfloat16 products added into float32 (VDPBF16PS).
struct BFloat16Pairs {
  using Element = uint16_t;
  using Sum = float;
  using Chunk = __m512bh;
  static constexpr int chunk = 32;
  static SALN_INLINE Chunk get(const uint16_t* p) { return (Chunk)_mm512_loadu_si512(p); }
  static SALN_INLINE Chunk get_first(const uint16_t* p, int n) {
    return (Chunk)_mm512_maskz_loadu_epi16(__mmask32((1ull << n) - 1), p);
  }
  static SALN_INLINE void step(Vec<float>& sum, Chunk a, Chunk b) {
    sum.v = (Vec<float>::raw)_mm512_dpbf16_ps((__m512)sum.v, a, b);
  }
};
#endif

// out [R, ld] = the products of rows a[0 … R) with rows b[0 … kTileCols). `ahead` is a row to fetch meanwhile.
template <int R, class P>
SALN_INLINE void gram_tile(const typename P::Element* const* a, const typename P::Element* const* b, int d,
                           const char* ahead, typename P::Sum* out, int64_t ld) {
  using S = typename P::Sum;
  constexpr int W = kWidth<S>, J = kTileCols, groups = (R * J + W - 1) / W;
  Vec<S> acc[groups * W];
#pragma GCC unroll 16
  for (int i = 0; i < groups * W; ++i) acc[i] = splat<Vec<S>>(0);
  const typename P::Element *pa[R], *pb[J];
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) pa[r] = a[r];
#pragma GCC unroll 4
  for (int j = 0; j < J; ++j) pb[j] = b[j];
  int t = 0;
  for (; t + P::chunk <= d; t += P::chunk) {
    __builtin_prefetch(ahead + int64_t(t) * sizeof(typename P::Element), 0, 2);
    typename P::Chunk y[J];
#pragma GCC unroll 4
    for (int j = 0; j < J; ++j) y[j] = P::get(pb[j] + t);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const auto x = P::get(pa[r] + t);
#pragma GCC unroll 4
      for (int j = 0; j < J; ++j) P::step(acc[r * J + j], x, y[j]);
    }
  }
  if (t < d) {
    typename P::Chunk y[J];
#pragma GCC unroll 4
    for (int j = 0; j < J; ++j) y[j] = P::get_first(pb[j] + t, d - t);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const auto x = P::get_first(pa[r] + t, d - t);
#pragma GCC unroll 4
      for (int j = 0; j < J; ++j) P::step(acc[r * J + j], x, y[j]);
    }
  }
  S products[groups * W];
#pragma GCC unroll 4
  for (int g = 0; g < groups; ++g) store(products + g * W, sums_of<W>(acc + g * W));
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) __builtin_memcpy(out + r * ld, products + r * J, J * sizeof(S));
}

// Lower triangle of K [n, ld] from n rows of d elements. rows holds kTileSlack further valid pointers, K kTileSlack
// further rows; what lands there, and above the diagonal, is of no meaning. An entry's bits depend on its two rows
// alone.
template <class P>
void gram_lower(const typename P::Element* const* rows, int n, int d, typename P::Sum* K, int64_t ld, Prefetcher next,
                const Team& team) {
  int64_t tiles = 0;
  for (int i = 0; i < n; i += kTileRows) tiles += ((i + kTileRows < n ? i + kTileRows : n) + kTileCols - 1) / kTileCols;
  // Strips first, first + step, … below `end`.
  const auto strips = [&](int first, int end, int step) {
    int64_t tile = 0;
    for (int i = first * kTileRows; i < end * kTileRows; i += step * kTileRows)
      for (int j = 0; j < i + kTileRows && j < n; j += kTileCols, ++tile)
        gram_tile<kTileRows, P>(rows + i, rows + j, d, next.row(tile, tiles, rows[i]), K + i * ld + j, ld);
  };
  const int count = (n + kTileRows - 1) / kTileRows;
  const int parts = tiles * kTileRows * kTileCols * d < kSharedProducts ? 1 : kParts;
  // A part takes every parts-th strip, so that all are as long.
  team.run(parts, 1, [&](int64_t begin, int64_t end) {
    if (end - begin == parts) return strips(0, count, 1);
    for (int64_t part = begin; part < end; ++part) strips(int(part), count, parts);
  });
}

}  // namespace SALN_VARIANT
}  // namespace saln
