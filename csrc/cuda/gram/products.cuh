// Inner products of rows staged in shared memory, in blocks of 16×16, one warp a block. A stage holds a slab of every
// row, in sheets of 64 bytes a row. Lane l of a warp holds, of a block, entries [half][e]: row l / 4 + 8 (e / 2),
// column 8 half + 2 (l % 4) + e % 2.
#pragma once
#include "core/problem.h"
#include "cuda/machine/device.cuh"
#include "linalg/element.h"

namespace saln::device {

constexpr int kStrip = 16;               // rows of a block
constexpr int kSheet = 64, kPiece = 16;  // bytes of a row in a sheet, and of one copy
constexpr int kStep = 32;                // bytes of a row that a matrix unit takes at once

// Where a sheet holds a piece, 0 to 3, of a row: eight rows' pieces of one number, and eight consecutive pieces, lie in
// eight different groups of banks.
SALN_HD inline int place(int row, int piece) { return row * kSheet + (piece ^ row / 2 % 4) * kPiece; }

// What lane l names of an even or odd step of a strip for load_blocks: as rows, 16 × 16 bytes one after the other; as
// columns, the two halves of eight rows together, since both are what a product takes of columns.
SALN_DEVICE const char* row_piece(const char* strip, int odd, int lane) {
  return strip + (place(lane % 16, lane / 16) ^ kStep * odd);
}
SALN_DEVICE const char* column_piece(const char* strip, int odd, int lane) {
  return strip + (place(lane / 16 * 8 + lane % 8, lane / 8 % 2) ^ kStep * odd);
}

// How the products of one element type are formed. A fragment is what a lane holds of a step of a strip, taken as rows
// or as columns. Of kTogether steps the fragments are held, and a matrix unit sums the products: it cuts sums off
// where ordinary additions round, an error that grows with their number, so that the rest is added up outside.
template <DType kType>
struct Halves {
  static constexpr int kTogether = 4;
  struct Fragment {
    uint32_t part[4];
  };
  static SALN_DEVICE void load_rows(const char* stage, int offset, int odd, int lane, Fragment& f) {
    load_blocks(row_piece(stage, odd, lane) + offset, f.part);
  }
  static SALN_DEVICE void load_columns(const char* stage, int offset, int odd, int lane, Fragment& f) {
    load_blocks(column_piece(stage, odd, lane) + offset, f.part);
  }
  static SALN_DEVICE void multiply(float (&c)[2][4], const Fragment& a, const Fragment& b) {
#pragma unroll
    for (int half = 0; half < 2; ++half)
      if constexpr (kType == DType::bfloat16)
        multiply_bfloat16(c[half], a.part, b.part[2 * half], b.part[2 * half + 1]);
      else
        multiply_float16(c[half], a.part, b.part[2 * half], b.part[2 * half + 1]);
  }
};

// float32 on the tf32 units: each number is the sum of two of 11 bits, and only the product of the two small parts is
// left out, so that an error of 2⁻²² a product remains (Markidis et al. 2018; Ootomo & Yokota 2022).
struct Floats {
  static constexpr int kTogether = 1;
  struct Fragment {
    uint32_t large[4], small[4];
  };
  static SALN_DEVICE void load_rows(const char* stage, int offset, int odd, int lane, Fragment& f) {
    load(row_piece(stage, odd, lane) + offset, f);
  }
  static SALN_DEVICE void load_columns(const char* stage, int offset, int odd, int lane, Fragment& f) {
    load(column_piece(stage, odd, lane) + offset, f);
  }
  static SALN_DEVICE void multiply(float (&c)[2][4], const Fragment& a, const Fragment& b) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      multiply_tf32(c[half], a.small, b.large[2 * half], b.large[2 * half + 1]);
      multiply_tf32(c[half], a.large, b.small[2 * half], b.small[2 * half + 1]);
      multiply_tf32(c[half], a.large, b.large[2 * half], b.large[2 * half + 1]);
    }
  }

 private:
  static SALN_DEVICE void load(const char* piece, Fragment& f) {
    uint32_t bits[4];
    load_blocks(piece, bits);
#pragma unroll
    for (int q = 0; q < 4; ++q) {
      const float x = from_bits(bits[q]);
      f.large[q] = to_tf32(x);
      f.small[q] = to_tf32(x - from_bits(f.large[q]));
    }
  }
};

// float32 rounded to tf32, where PyTorch's switch allows it.
struct RoundedFloats {
  static constexpr int kTogether = 2;
  struct Fragment {
    uint32_t part[4];
  };
  static SALN_DEVICE void load_rows(const char* stage, int offset, int odd, int lane, Fragment& f) {
    load(row_piece(stage, odd, lane) + offset, f);
  }
  static SALN_DEVICE void load_columns(const char* stage, int offset, int odd, int lane, Fragment& f) {
    load(column_piece(stage, odd, lane) + offset, f);
  }
  static SALN_DEVICE void multiply(float (&c)[2][4], const Fragment& a, const Fragment& b) {
#pragma unroll
    for (int half = 0; half < 2; ++half) multiply_tf32(c[half], a.part, b.part[2 * half], b.part[2 * half + 1]);
  }

 private:
  static SALN_DEVICE void load(const char* piece, Fragment& f) {
    load_blocks(piece, f.part);
#pragma unroll
    for (int q = 0; q < 4; ++q) f.part[q] = to_tf32(from_bits(f.part[q]));
  }
};

struct Doubles {
  static constexpr int kTogether = 1;
  struct Fragment {
    const char* strip;
    int odd;
  };
  static SALN_DEVICE void load_rows(const char* stage, int offset, int odd, int, Fragment& f) {
    f = {stage + offset, odd};
  }
  static SALN_DEVICE void load_columns(const char* stage, int offset, int odd, int, Fragment& f) {
    f = {stage + offset, odd};
  }
  static SALN_DEVICE void multiply(double (&c)[2][4], const Fragment& a, const Fragment& b) {
    const int lane = thread_rank() % 32, i = lane / 4, j = lane % 4 * 2;
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const double first = value(a, i, k), second = value(a, i + 8, k);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const double x = value(b, 8 * half + j, k), y = value(b, 8 * half + j + 1, k);
        c[half][0] += first * x;
        c[half][1] += first * y;
        c[half][2] += second * x;
        c[half][3] += second * y;
      }
    }
  }

 private:
  static SALN_DEVICE double value(const Fragment& f, int row, int k) {
    return reinterpret_cast<const double*>(f.strip + (place(row, k / 2) ^ kStep * f.odd))[k % 2];
  }
};

// What is held at once of a strip of a stage of kRows rows, kSlab bytes of each: kMost steps at most.
template <class Kind, int kRows, int kSlab, int kMost = kSlab / kStep>
struct Steps {
  static constexpr int kCount = kSlab / kStep, kTogether = Kind::kTogether < kMost ? Kind::kTogether : kMost;
  typename Kind::Fragment step[kTogether];

  // Of strip number `strip` of a stage. What is constant of an address is added last, where the load itself adds it.
  static SALN_DEVICE int offset(int strip, int step) { return strip * kStrip * kSheet + step / 2 * (kRows * kSheet); }
  SALN_DEVICE void load_rows(const char* stage, int strip, int first, int lane) {
#pragma unroll
    for (int q = 0; q < kTogether; ++q)
      Kind::load_rows(stage, offset(strip, first + q), (first + q) % 2, lane, step[q]);
  }
  SALN_DEVICE void load_columns(const char* stage, int strip, int first, int lane) {
#pragma unroll
    for (int q = 0; q < kTogether; ++q)
      Kind::load_columns(stage, offset(strip, first + q), (first + q) % 2, lane, step[q]);
  }
};

template <class T>
struct Block {
  T total[2][4];

  SALN_DEVICE void clear() {
    for (int half = 0; half < 2; ++half)
      for (int e = 0; e < 4; ++e) total[half][e] = 0;
  }
  template <class Kind, int... kSizes>
  SALN_DEVICE void add(const Steps<Kind, kSizes...>& a, const Steps<Kind, kSizes...>& b) {
    T part[2][4] = {};
#pragma unroll
    for (int step = 0; step < a.kTogether; ++step) Kind::multiply(part, a.step[step], b.step[step]);
    for (int half = 0; half < 2; ++half)
      for (int e = 0; e < 4; ++e) total[half][e] += part[half][e];
  }
  // put(entry, value) for what this lane holds of one of its two rows, which starts at `to`; of a block on the
  // diagonal, up to the diagonal.
  template <class Put>
  SALN_DEVICE void put_row(int which, bool diagonal, int lane, T* to, const Put& put) const {
#pragma unroll
    for (int half = 0; half < 2; ++half)
#pragma unroll
      for (int e = 0; e < 2; ++e)
        if (!diagonal || half < which || (half == which && lane % 4 * 2 + e <= lane / 4))
          put(to[lane % 4 * 2 + 8 * half + e], total[half][2 * which + e]);
  }
};

// All blocks on and under the diagonal of up to kRows rows, in one warp. Fragments of kAcross strips of columns are
// held at a time: of more they would crowd the sums.
template <class T, int kRows, int kSlab>
struct WarpTriangle {
  static constexpr int kStrips = kRows / kStrip, kAcross = kStrips > 2 ? 1 : 2;
  Block<T> block[kStrips * (kStrips + 1) / 2];
  int n;  // rows there are

  SALN_DEVICE explicit WarpTriangle(int n_) : n(n_) {
#pragma unroll
    for (Block<T>& b : block) b.clear();
  }
  template <class Kind>
  SALN_DEVICE void add(const char* stage, int lane) {
    using Held = Steps<Kind, kRows, kSlab, 2>;  // more would crowd the registers
#pragma unroll 1
    for (int step = 0; step < Held::kCount; step += Held::kTogether) {
#pragma unroll
      for (int left = 0; left < kStrips; left += kAcross) {
        Held columns[kAcross];
#pragma unroll
        for (int i = left; i < kStrips; ++i) {
          if (i * kStrip >= n) break;
          Held rows;
          rows.load_rows(stage, i, step, lane);
          if (i < left + kAcross) columns[i - left].load_columns(stage, i, step, lane);
#pragma unroll
          for (int j = left; j <= i && j < left + kAcross; ++j) block[i * (i + 1) / 2 + j].add(rows, columns[j - left]);
        }
      }
    }
  }
  // put(entry, value) for the entries of the triangle; row(i) is where row i of it lies.
  template <class Row, class Put>
  SALN_DEVICE void put(const Row& row, const Put& put) const {
    const int lane = thread_rank() % 32;
#pragma unroll
    for (int i = 0; i < kStrips; ++i)
#pragma unroll
      for (int which = 0; which < 2; ++which) {
        const int at = i * kStrip + 8 * which + lane / 4;
        if (at >= n) continue;
        T* to = row(at);
#pragma unroll
        for (int j = 0; j <= i; ++j) block[i * (i + 1) / 2 + j].put_row(which, i == j, lane, to + j * kStrip, put);
      }
  }
};

// What one of kWarps warps forms of the products of a panel of rows with columns: blocks of two strips of rows, the
// first and the last, the second and the last but one and so on, with which every warp has as many blocks of a
// triangle. Where there are more warps than pairs of strips, kSplit of them take turns with the columns.
template <class T, int kRows, int kSlab, int kWarps>
struct WarpStrips {
  static constexpr int kStrips = kRows / kStrip, kPairs = kStrips / 2, kSplit = kWarps / kPairs;
  static constexpr int kColumns = kStrips / kSplit;  // of one warp
  static_assert(kWarps % kPairs == 0);

  // block[k] is of the lower strip and columns strip kSplit k + first, block[kColumns − k] of the upper one.
  Block<T> block[kColumns + 1];
  int first, lower, upper;   // strips
  int lower_end, upper_end;  // columns they have, in strips
  bool square;

  // `strips` of rows; in a square with kPairs of columns, else the triangle.
  SALN_DEVICE WarpStrips(int warp, int strips, bool square_) : first(kSplit > 1 ? warp / kPairs : 0), square(square_) {
    const int pair = kSplit > 1 ? warp % kPairs : warp;
    lower = square ? pair : strips - 1 - pair;
    upper = pair;
    lower_end = square ? (pair < strips ? kPairs : 0) : lower < pair ? 0 : lower + 1;
    upper_end = square || lower <= pair ? 0 : pair + 1;
#pragma unroll
    for (Block<T>& b : block) b.clear();
  }
  template <class Kind>
  SALN_DEVICE void add(const char* rows, const char* columns, int lane) {
    using Held = Steps<Kind, kRows, kSlab>;
    if (lower_end == 0) return;
#pragma unroll 1
    for (int step = 0; step < Held::kCount; step += Held::kTogether) {
      Held low, up, across;
      low.load_rows(rows, lower, step, lane);
      up.load_rows(rows, upper, step, lane);
#pragma unroll
      for (int k = 0; k < kColumns; ++k) {
        const int j = k * kSplit + first;
        if (j >= lower_end) break;
        across.load_columns(columns, j, step, lane);
        block[k].add(low, across);
        if (2 * k < kColumns && j < upper_end) block[kColumns - k].add(up, across);
      }
    }
  }
  // put(entry, value) for entries of the first `tall` rows; row(i) is where row i of the panel lies, at its first
  // column.
  template <class Row, class Put>
  SALN_DEVICE void put(int tall, const Row& row, const Put& put) const {
    put_strip(lower, lower_end, tall, row, put, [](int k) { return k; });
    put_strip(upper, upper_end, tall, row, put, [](int k) { return kColumns - k; });
  }

 private:
  template <class Row, class Put, class Of>
  SALN_DEVICE void put_strip(int strip, int end, int tall, const Row& row, const Put& put, const Of& of) const {
    const int lane = thread_rank() % 32;
#pragma unroll
    for (int which = 0; which < 2; ++which) {
      const int at = strip * kStrip + 8 * which + lane / 4;
      if (at >= tall) continue;
      T* to = row(at) + first * kStrip;
#pragma unroll
      for (int k = 0; k < kColumns; ++k) {
        const int j = k * kSplit + first;
        if (j >= end) break;
        block[of(k)].put_row(which, !square && j == strip, lane, to + k * kSplit * kStrip, put);
      }
    }
  }
};

}  // namespace saln::device
