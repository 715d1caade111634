// Inner products of rows staged in shared memory, in blocks of 16×16, one warp a block. A stage holds a slab of every
// row: 64 bytes, 80 apart, so that eight rows lie in eight different groups of banks. Lane l of a warp holds, of a
// block, entries [half][e]: row l / 4 + 8 (e / 2), column 8 half + 2 (l % 4) + e % 2.
#pragma once
#include "core/problem.h"
#include "cuda/machine/device.cuh"
#include "linalg/element.h"

namespace saln::device {

constexpr int kSlab = 64, kSteps = kSlab / 32, kPitch = 80, kStrip = 16;

SALN_DEVICE const char* block_row(const char* strip, int step, int lane) {
  return strip + ((lane / 8 % 2) * 8 + lane % 8) * kPitch + (2 * step + lane / 16) * 16;
}

// How the products of one element type are formed. A fragment is what a lane holds of a strip's 16 rows × 32 bytes.
template <DType kType>
struct Halves {
  using Element = uint16_t;
  using Number = float;
  static constexpr int kTogether = 2;  // steps whose fragments are held, and whose products a unit sums
  struct Fragment {
    uint32_t part[4];
  };
  static SALN_DEVICE void load(const char* strip, int step, int lane, Fragment& f) {
    load_blocks(block_row(strip, step, lane), f.part);
  }
  static SALN_DEVICE void multiply(float (&c)[2][4], const Fragment& a, const Fragment& b) {
#pragma unroll
    for (int half = 0; half < 2; ++half)
      if constexpr (kType == DType::bfloat16)
        multiply_bfloat16(c[half], a.part, b.part[half], b.part[half + 2]);
      else
        multiply_float16(c[half], a.part, b.part[half], b.part[half + 2]);
  }
};

// float32 on the tf32 units: each number is the sum of two of 11 bits, and only the product of the two small parts is
// left out, so that an error of 2⁻²² a product remains (Markidis et al. 2018; Ootomo & Yokota 2022).
struct Floats {
  using Element = float;
  using Number = float;
  static constexpr int kTogether = 1;
  struct Fragment {
    uint32_t large[4], small[4];
  };
  static SALN_DEVICE void load(const char* strip, int step, int lane, Fragment& f) {
    uint32_t bits[4];
    load_blocks(block_row(strip, step, lane), bits);
#pragma unroll
    for (int q = 0; q < 4; ++q) {
      const float x = from_bits(bits[q]);
      f.large[q] = to_tf32(x);
      f.small[q] = to_tf32(x - from_bits(f.large[q]));
    }
  }
  static SALN_DEVICE void multiply(float (&c)[2][4], const Fragment& a, const Fragment& b) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      multiply_tf32(c[half], a.small, b.large[half], b.large[half + 2]);
      multiply_tf32(c[half], a.large, b.small[half], b.small[half + 2]);
      multiply_tf32(c[half], a.large, b.large[half], b.large[half + 2]);
    }
  }
};

// float32 rounded to tf32, where PyTorch's switch allows it.
struct RoundedFloats {
  using Element = float;
  using Number = float;
  static constexpr int kTogether = 2;
  struct Fragment {
    uint32_t part[4];
  };
  static SALN_DEVICE void load(const char* strip, int step, int lane, Fragment& f) {
    load_blocks(block_row(strip, step, lane), f.part);
#pragma unroll
    for (int q = 0; q < 4; ++q) f.part[q] = to_tf32(from_bits(f.part[q]));
  }
  static SALN_DEVICE void multiply(float (&c)[2][4], const Fragment& a, const Fragment& b) {
#pragma unroll
    for (int half = 0; half < 2; ++half) multiply_tf32(c[half], a.part, b.part[half], b.part[half + 2]);
  }
};

struct Doubles {
  using Element = double;
  using Number = double;
  static constexpr int kTogether = 1;
  struct Fragment {
    const double* row;  // the lane's own, or column's
  };
  static constexpr int kPer = kPitch / 8;
  static SALN_DEVICE void load(const char* strip, int step, int, Fragment& f) {
    f.row = reinterpret_cast<const double*>(strip) + 4 * step;
  }
  static SALN_DEVICE void multiply(double (&c)[2][4], const Fragment& a, const Fragment& b) {
    const int lane = thread_rank() % 32, i = lane / 4, j = lane % 4 * 2;
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const double first = a.row[i * kPer + k], second = a.row[(i + 8) * kPer + k];
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const double x = b.row[(8 * half + j) * kPer + k], y = b.row[(8 * half + j + 1) * kPer + k];
        c[half][0] += first * x;
        c[half][1] += first * y;
        c[half][2] += second * x;
        c[half][3] += second * y;
      }
    }
  }
};

template <class Kind>
struct Held {
  typename Kind::Fragment step[Kind::kTogether];

  SALN_DEVICE void load(const char* stage, int strip, int first, int lane) {
#pragma unroll
    for (int q = 0; q < Kind::kTogether; ++q) Kind::load(stage + strip * kStrip * kPitch, first + q, lane, step[q]);
  }
};

// A matrix unit truncates its sums: it adds up a step or two, and ordinary additions the rest.
template <class Number>
struct Block {
  Number total[2][4];

  SALN_DEVICE void clear() {
    for (int half = 0; half < 2; ++half)
      for (int e = 0; e < 4; ++e) total[half][e] = 0;
  }
  template <class Kind>
  SALN_DEVICE void add(const Held<Kind>& a, const Held<Kind>& b) {
    Number part[2][4] = {};
#pragma unroll
    for (int step = 0; step < Kind::kTogether; ++step) Kind::multiply(part, a.step[step], b.step[step]);
    for (int half = 0; half < 2; ++half)
      for (int e = 0; e < 4; ++e) total[half][e] += part[half][e];
  }
  // visit(row, column, value), counted from the block's corner
  template <class Visit>
  SALN_DEVICE void each(int lane, const Visit& visit) const {
#pragma unroll
    for (int half = 0; half < 2; ++half)
#pragma unroll
      for (int e = 0; e < 4; ++e) visit(lane / 4 + e / 2 * 8, 8 * half + lane % 4 * 2 + e % 2, total[half][e]);
  }
};

// All blocks on and under the diagonal of up to kStrips strips, in one warp; fragments serve rows and columns.
template <class Kind, int kStrips>
struct WarpTriangle {
  static constexpr int kBlocks = kStrips * (kStrips + 1) / 2;
  Block<typename Kind::Number> block[kBlocks];
  int strips;  // those that hold rows

  SALN_DEVICE WarpTriangle(int n) : strips((n + kStrip - 1) / kStrip) {
#pragma unroll
    for (int t = 0; t < kBlocks; ++t) block[t].clear();
  }
  SALN_DEVICE void add(const char* stage, int lane) {
#pragma unroll 1
    for (int step = 0; step < kSteps; step += Kind::kTogether) {
      Held<Kind> held[kStrips];
#pragma unroll
      for (int i = 0; i < kStrips; ++i) {
        if (i >= strips) break;
        held[i].load(stage, i, step, lane);
#pragma unroll
        for (int j = 0; j <= i; ++j) block[i * (i + 1) / 2 + j].template add<Kind>(held[i], held[j]);
      }
    }
  }
  template <class Visit>
  SALN_DEVICE void each(int lane, const Visit& visit) const {
#pragma unroll
    for (int i = 0; i < kStrips; ++i)
#pragma unroll
      for (int j = 0; j <= i; ++j)
        block[i * (i + 1) / 2 + j].each(
            lane, [&](int r, int c, auto value) { visit(i * kStrip + r, j * kStrip + c, value); });
  }
};

// kBlocks consecutive blocks of a panel of rows against another, `across` strips wide, or of its lower triangle against
// itself (across = 0).
template <class Kind, int kBlocks>
struct BlockRun {
  Block<typename Kind::Number> block[kBlocks];
  int across, count, row = 0, column = 0;  // the first block, in strips

  SALN_DEVICE BlockRun(int first, int end, int across_) : across(across_) {
    count = end - first < kBlocks ? end - first : kBlocks;
    if (across > 0) {
      row = first / across;
      column = first % across;
    } else {
      while ((row + 1) * (row + 2) / 2 <= first) ++row;
      column = first - row * (row + 1) / 2;
    }
#pragma unroll
    for (int t = 0; t < kBlocks; ++t) block[t].clear();
  }
  SALN_DEVICE void next(int& i, int& j) const {
    if (++j == (across > 0 ? across : i + 1)) {
      j = 0;
      ++i;
    }
  }
  SALN_DEVICE void add(const char* rows, const char* columns, int lane) {
#pragma unroll 1
    for (int step = 0; step < kSteps; step += Kind::kTogether) {
      Held<Kind> a, b;
      int i = row, j = column, loaded = -1;
#pragma unroll
      for (int t = 0; t < kBlocks; ++t) {
        if (t >= count) continue;
        if (i != loaded) a.load(rows, i, step, lane);
        loaded = i;
        b.load(columns, j, step, lane);
        block[t].template add<Kind>(a, b);
        next(i, j);
      }
    }
  }
  template <class Visit>
  SALN_DEVICE void each(int lane, const Visit& visit) const {
    int i = row, j = column;
#pragma unroll
    for (int t = 0; t < kBlocks; ++t) {
      if (t >= count) continue;
      block[t].each(lane, [&](int r, int c, auto value) { visit(i * kStrip + r, j * kStrip + c, value); });
      next(i, j);
    }
  }
};

}  // namespace saln::device
