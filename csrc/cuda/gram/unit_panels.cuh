// The Gram matrix of up to 256 rows of half-precision numbers by Hopper's matrix unit, fed from shared memory: all rows
// lie there, 128 bytes of each at a time, and both operands are the same rows. Eight warps hold the lower triangle.
#pragma once
#include "cuda/gram/selection.cuh"
#include "cuda/gram/transform.cuh"
#include "cuda/machine/elements.cuh"

namespace saln::device {

template <class G>
class UnitPanels {
 public:
  static constexpr int kRows = 256;

 private:
  static constexpr int kSlab = 128, kSteps = 4, kPieces = kSlab / 16;
  static constexpr int kSlabBytes = kRows * kSlab, kBoundary = 1024;
  // Slabs whose products the unit sums: it truncates, and ordinary additions do the rest.
  static constexpr int kFlush = 4;
  static constexpr int kCopies = kRows * kPieces / G::threads;

 public:
  static constexpr int64_t kStages = 2 * kSlabBytes + kBoundary;     // bytes
  static constexpr int64_t kTotals = 2 * (28 + 32 + 36 + 40) * 128;  // numbers
  // Rounding of the unit's own sums, relative to the product of norms: each of 16 steps cuts off an ulp at most.
  static constexpr float kTruncation = 1.9e-6f;

  // Whether a view's rows can be multiplied so.
  static SALN_HD bool serves(const View& v) {
    return (v.dtype == DType::bfloat16 || v.dtype == DType::float16) && in_pieces(v);
  }

  // stages: kStages bytes of shared memory; totals: kTotals numbers, 16-byte aligned, which the results may overlap.
  SALN_DEVICE UnitPanels(const G& g, const View& view, const Selection& rows, char* stages, float* totals)
      : g_(g), view_(view), rows_(rows), stage_(align(stages)), totals_(totals) {}

  // Fills a tile of quads. Ends with a barrier.
  SALN_DEVICE void fill(const Tile<float>& tile) const {
    Sums sums;
    const int slabs = int((view_.cols * 2 + kSlab - 1) / kSlab);
    Copies copies(view_, rows_, slabs);
    copies.send(stage_, slabs == 1);
#pragma unroll 1
    for (int slab = 0; slab < slabs; ++slab) {
      wait_copies<0>();
      show_unit();
      g_.sync();
      if (slab + 1 < slabs) copies.send(stage_ + (slab + 1) % 2 * kSlabBytes, slab + 2 == slabs);
      const char* now = stage_ + slab % 2 * kSlabBytes;
      const bool add = slab % kFlush > 0;
      if (view_.dtype == DType::bfloat16)
        multiply<true>(now, add, sums);
      else
        multiply<false>(now, add, sums);
      if (slabs > kFlush && (slab % kFlush == kFlush - 1 || slab + 1 == slabs)) add_totals(slab >= kFlush, sums);
    }
    g_.sync();
    const Place place(thread_rank() / 128);
    store<16>(tile, place.whole, 0, sums.whole);
    store<8>(tile, place.edge, place.edge_column, sums.edge);
    store<0>(tile, place.corner, place.corner, sums.corner);
    g_.sync();
  }

 private:
  // Each group of four warps has three panels of 64 rows: 128 columns under the diagonal, 128 whose last half is on it,
  // and 64 on it. Where they start:
  struct Place {
    int whole, edge, edge_column, corner;
    SALN_DEVICE explicit Place(int group)
        : whole(192 - 64 * group), edge(192 - 128 * group), edge_column(128 - 128 * group), corner(128 * group) {}
  };
  struct Sums {
    float whole[64] = {}, edge[64] = {}, corner[32] = {};
  };

  template <bool kBfloat16>
  SALN_DEVICE void multiply(const char* stage, bool add, Sums& sums) const {
    const Place place(g_.warp / 4);
    begin_rows();
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      const bool plus = add || step > 0;
      multiply_rows<kBfloat16>(sums.whole, stage + place.whole * kSlab, stage, step, plus);
      multiply_rows<kBfloat16>(sums.edge, stage + place.edge * kSlab, stage + place.edge_column * kSlab, step, plus);
      multiply_rows<kBfloat16>(sums.corner, stage + place.corner * kSlab, stage + place.corner * kSlab, step, plus);
    }
    end_rows();
    hold(sums.whole), hold(sums.edge), hold(sums.corner);
  }

  // From eight columns `kDiagonal` on, the diagonal is crossed: an entry right of it has room in a tile of quads.
  template <int kDiagonal, int kSize>
  static SALN_DEVICE void store(const Tile<float>& tile, int row, int column, const float (&sum)[kSize]) {
    const int rank = thread_rank(), lane = rank % 32, first = column + lane % 4 * 2;
#pragma unroll
    for (int e = 0; e < 4; e += 2) {
      const int i = row + rank / 32 % 4 * 16 + lane / 4 + 4 * e;
      if (i >= tile.n) continue;
      float* to = tile.data + quad_row(i) + first;
#pragma unroll
      for (int t = 0; t < kSize / 4; ++t)
        if (t < kDiagonal || first + 8 * t <= i) store_two(to + 8 * t, sum[4 * t + e], sum[4 * t + e + 1]);
    }
  }

  static SALN_DEVICE char* align(char* stages) {
    return stages + (kBoundary - int(shared_address(stages) % kBoundary)) % kBoundary;
  }

  // A thread copies the same piece of the same rows of every slab. Places of rows that there are not hold anything at
  // all, since a row of the products takes nothing from other rows.
  struct Copies {
    static constexpr int kApart = G::threads / kPieces;
    uint32_t mine[kCopies], real = 0, stride;  // numbers of the rows, a bit for each that there is, bytes between rows
    const char* from;                          // this thread's piece of the next slab of row 0
    int bytes;                                 // of the last slab, from this piece on

    SALN_DEVICE Copies(const View& view, const Selection& rows, int slabs) : stride(uint32_t(view.row_stride) * 2) {
      const int rank = thread_rank(), n = rows.n();
      from = static_cast<const char*>(view.data) + rank % kPieces * 16;
      bytes = int(view.cols * 2 - int64_t(slabs - 1) * kSlab) - rank % kPieces * 16;
#pragma unroll
      for (int q = 0; q < kCopies; ++q) {
        const int r = rank / kPieces + q * kApart;
        mine[q] = r < n ? uint32_t(rows.row[r]) : 0;
        real |= uint32_t(r < n) << q;
      }
    }
    // Bits are forgotten so that no address stays in a register from one slab to the next.
    SALN_DEVICE void send(char* stage, bool last) {
      const int rank = thread_rank(), row = rank / kPieces, piece = rank % kPieces;
      char* to = stage + row * kSlab + (piece ^ row % 8) * 16;
      forget(real);
      forget(stride);
#pragma unroll
      for (int q = 0; q < kCopies; ++q) {
        forget(mine[q]);
        const char* start = from + uint64_t(mine[q]) * stride;
        if (!last)
          copy_async_if(real & 1u << q, to + q * kApart * kSlab, start);
        else if (real & 1u << q)
          copy_async(to + q * kApart * kSlab, bytes > 0 ? start : from, bytes > 16 ? 16 : bytes > 0 ? bytes : 0);
      }
      commit_copies();
      from += kSlab;
    }
  };

  // All sums of this warp's that are not above the diagonal become totals, and the totals are kept, `later` than the
  // first time.
  SALN_DEVICE void add_totals(bool later, Sums& sums) const {
    const int w = g_.warp % 4, under = 2 * (w + 1);  // eighths of a block on the diagonal that reach under it
    // Warps before this one have 28 + 4 v blocks of 16 × 8 each.
    float* total = totals_ + ((g_.warp / 4 * 136 + 28 * w + 2 * w * (w - 1)) * 32 + g_.lane) * 4;
    const auto four = [&](float* sum, int at) {
      float before[4] = {};
      if (later) load_four(total + at * 128, before);
#pragma unroll
      for (int e = 0; e < 4; ++e) sum[e] += before[e];
      store_four(total + at * 128, sum[0], sum[1], sum[2], sum[3]);
    };
#pragma unroll
    for (int t = 0; t < 16; ++t) four(sums.whole + 4 * t, t);
#pragma unroll
    for (int t = 0; t < 16; ++t)
      if (t < 8 || t - 8 < under) four(sums.edge + 4 * t, 16 + t);
#pragma unroll
    for (int t = 0; t < 8; ++t)
      if (t < under) four(sums.corner + 4 * t, 24 + under + t);
  }

  const G& g_;
  const View& view_;
  const Selection& rows_;
  char* const stage_;
  float* const totals_;
};

}  // namespace saln::device
