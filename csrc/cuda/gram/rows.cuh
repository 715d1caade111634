// Rows on their way into a stage, a slab at a time.
#pragma once
#include "cuda/gram/products.cuh"
#include "cuda/gram/selection.cuh"
#include "cuda/machine/elements.cuh"

namespace saln::device {

// Which rows a stage of kRows holds: `count` of them, number `first` and following, and if `second` is one, from the
// middle of the stage on kRows / 2 more, number `second` and following.
struct Panels {
  int first, count, second;

  // The number of the row at a place of the stage, −1 where there is none.
  template <int kRows>
  SALN_DEVICE int row(int at) const {
    if (second >= 0 && at >= kRows / 2) return second + at - kRows / 2;
    return at < count ? first + at : -1;
  }
};

// Rows of a view, as they lie there. A thread copies the same pieces of the same rows of every slab. Places of rows
// that there are not hold anything at all, since a row of the products takes nothing from other rows.
template <int kThreads, int kRows, int kSlab>
class GatheredRows {
  static constexpr int kApart = kThreads / 4, kEach = kRows / kApart, kSheets = kSlab / kSheet;
  static_assert(kApart % 8 == 0 && kRows % kApart == 0 && kEach <= 32);

 public:
  // Of rows number row[…] the slabs from number `slab` on, to be staged one after the other.
  SALN_DEVICE GatheredRows(const View& view, const int64_t* row, const Panels& panels, int slab)
      : view_(view), row_(row), panels_(panels), whole_(in_pieces(view) ? int(bytes() / kSlab) : -1) {
    const int rank = thread_rank(), size = size_of(view.dtype);
    stride_ = uint32_t(view.row_stride) * uint32_t(size);
    from_ = static_cast<const char*>(view.data) + slab * kSlab + rank % 4 * kPiece;
#pragma unroll
    for (int k = 0; k < kEach; ++k) {
      const int r = panels.row<kRows>(rank / 4 + k * kApart);
      mine_[k] = r < 0 ? 0 : uint32_t(row[r]);
      real_ |= uint32_t(r >= 0) << k;
    }
  }

  SALN_DEVICE int slabs() const { return int((bytes() + kSlab - 1) / kSlab); }

  // What is asynchronous about it is not committed.
  template <class G>
  SALN_DEVICE void stage(const G& g, int slab, char* to) {
    const uint32_t rank = thread_rank();
    char* mine = to + place(int(rank / 4), int(rank % 4));
    if (slab < whole_)
      copy_whole(mine);
    else if (!in_pieces(view_))
      copy_elements(g, slab, to);
    else
      copy_rest(mine, int(bytes() % kSlab) - int(rank % 4) * kPiece);
    from_ += kSlab;
  }

 private:
  // Where the slab of one of this thread's rows starts. Rows and bits are forgotten so that no address stays in a
  // register from one slab to the next.
  SALN_DEVICE const char* row_start(int k) {
    forget(mine_[k]);
    forget(stride_);
    return from_ + uint64_t(mine_[k]) * stride_;
  }
  SALN_DEVICE void copy_whole(char* to) {
    forget(real_);
#pragma unroll
    for (int k = 0; k < kEach; ++k) {
      const char* from = row_start(k);
#pragma unroll
      for (int sheet = 0; sheet < kSheets; ++sheet)
        copy_async_if(real_ & 1u << k, to + (sheet * kRows + k * kApart) * kSheet, from + sheet * kSheet);
    }
  }
  // `bytes` of each row, counted from this thread's piece, and zeros behind them.
  SALN_DEVICE void copy_rest(char* to, int bytes) {
    forget(real_);
#pragma unroll
    for (int k = 0; k < kEach; ++k) {
      if (!(real_ & 1u << k)) continue;
      const char* from = row_start(k);
#pragma unroll
      for (int sheet = 0; sheet < kSheets; ++sheet) {
        const int left = bytes - sheet * kSheet;
        copy_async(to + (sheet * kRows + k * kApart) * kSheet, from + sheet * kSheet,
                   left > kPiece ? kPiece
                   : left > 0    ? left
                                 : 0);
      }
    }
  }

  // Where pieces of rows are not aligned, or their elements do not follow one another.
  template <class G>
  SALN_DEVICE void copy_elements(const G& g, int slab, char* to) const {
    const int size = size_of(view_.dtype), shift = size == 2 ? 1 : size == 4 ? 2 : 3;
#pragma unroll 1
    for (int at = g.rank; at < kRows * kSlab >> shift; at += kThreads) {
      const int line = (at << shift) / kSlab, byte = (at << shift) % kSlab, r = panels_.row<kRows>(line);
      if (r < 0) continue;
      const int64_t column = (slab * int64_t(kSlab) + byte) >> shift;
      const int64_t from = column < view_.cols ? row_[r] * view_.row_stride + column * view_.col_stride : -1;
      copy_element(to + byte / kSheet * (kRows * kSheet) + place(line, byte / kPiece % 4) + byte % kPiece, from, shift);
    }
  }

  // An element of 1 << shift bytes; zero from beyond the view.
  SALN_DEVICE void copy_element(char* to, int64_t from, int shift) const {
    const bool inside = from != -1;
    if (shift == 1)
      *reinterpret_cast<uint16_t*>(to) = inside ? static_cast<const uint16_t*>(view_.data)[from] : uint16_t(0);
    else if (shift == 2)
      *reinterpret_cast<float*>(to) = inside ? static_cast<const float*>(view_.data)[from] : 0.0f;
    else
      *reinterpret_cast<double*>(to) = inside ? static_cast<const double*>(view_.data)[from] : 0.0;
  }

  SALN_DEVICE int64_t bytes() const { return view_.cols * size_of(view_.dtype); }

  const View& view_;
  const int64_t* row_;
  const Panels panels_;
  const int whole_;  // slabs that are full; −1 where rows do not lie in pieces
  // A thread's rows: their numbers, a bit for each that there is, bytes from one row of the view to the next, and this
  // thread's first piece of the next slab of row 0.
  uint32_t mine_[kEach], real_ = 0, stride_;
  const char* from_;
};

}  // namespace saln::device
