// Gram matrices of long rows, slice by slice. A slice of all rows is packed so that it stays in the second-level cache
// while every product in it is taken: a row is then read from memory once, whatever its stride and type, and nothing of
// its length is kept.
#pragma once
#include "cpu/gram.h"
#include "cpu/rows.h"

namespace saln {
inline namespace SALN_VARIANT {

// Words of a row in a slice: the packed slice of 512 rows takes half of a cache of 1 MiB.
constexpr int kSlice = 256;

// What a word of a packed row is: one element, multiplied and added,
template <class T>
struct Single {
  static constexpr int elements = 1;
  static SALN_INLINE Vec<T> get_first(const T* p, int words, int64_t) { return load_first(p, words); }
  static SALN_INLINE void step(Vec<T>& sum, Vec<T> a, Vec<T> b) { sum = sum + a * b; }
};

#if defined(__AVX512BF16__)
// or two of bfloat16, whose products are added into float32.
struct Pair {
  static constexpr int elements = 2;
  static SALN_INLINE Vec<float> get_first(const float* p, int, int64_t elements) {
    return {(Vec<float>::raw)_mm512_maskz_loadu_epi16(__mmask32((1ull << elements) - 1), p)};
  }
  static SALN_INLINE void step(Vec<float>& sum, Vec<float> a, Vec<float> b) {
    sum.v = (Vec<float>::raw)_mm512_dpbf16_ps((__m512)sum.v, (__m512bh)a.v, (__m512bh)b.v);
  }
};
#endif

// K [n, ld], its lower triangle at least, of n rows of a view.
template <class T>
class SlicedGram {
  using V = Vec<T>;
  static constexpr int W = kWidth<T>;
  // Rows and vectors of columns of a tile, whose sums are in registers for the length of a slice.
#if SALN_VECTOR_BYTES == 64
  static constexpr int kRows = 8, kVectors = 2;
#else
  static constexpr int kRows = 4, kVectors = 2;
#endif
  static_assert(W % kRows == 0 || kRows % W == 0);
  // Threads that share a matrix wait for one another twice for so many packed elements, or for a slice if that is
  // larger.
  static constexpr int64_t kPacked = (4 << 20) / sizeof(T);
  static constexpr int kColumns = kVectors * W, kPadding = kColumns > kRows ? kColumns : kRows;

 public:
  static int64_t packed_elements(int64_t n) {
    const int64_t slice = padded(n) * kSlice;
    return slice < kPacked ? kPacked : slice;
  }

  // packed [packed_elements(n)]; row [n] names rows of the view; factor [n] multiplies them unless it is nullptr. An
  // entry's bits depend on its two rows alone.
  SlicedGram(const View& view, const int64_t* row, int n, const T* factor, T* packed, T* K, int64_t ld,
             const Team& team)
      : view_(view), row_(row), n_(n), factor_(factor), packed_(packed), K_(K), ld_(ld), team_(team) {
    direct_ = !factor && view.col_stride == 1 && view.dtype == (sizeof(T) == 8 ? DType::float64 : DType::float32);
  }

  void run() {
#if defined(__AVX512BF16__)
    if constexpr (sizeof(T) == 4)
      if (!factor_ && view_.col_stride == 1 && view_.dtype == DType::bfloat16) {
        direct_ = true;
        return multiply<Pair>();
      }
#endif
    multiply<Single<T>>();
  }

 private:
  static int64_t padded(int64_t n) { return (n + kPadding - 1) / kPadding * kPadding; }

  template <class P>
  void multiply() {
    const int64_t step = kSlice * P::elements, slice = padded(n_) * kSlice;
    const int64_t at_once = team_.share && slice < kPacked ? kPacked / slice : 1;
    const int64_t groups = padded(n_) / W;
    const int strips = (n_ + kRows - 1) / kRows;
    for (int64_t first = 0; first < view_.cols; first += at_once * step) {
      const int64_t left = (view_.cols - first + step - 1) / step, slices = left < at_once ? left : at_once;
      const auto elements = [&](int64_t s) {
        const int64_t rest = view_.cols - first - s * step;
        return rest < step ? rest : step;
      };
      team_.run(slices * groups, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t s = i / groups, group = i % groups;
          pack<P>(int(group), first + s * step, elements(s), packed_ + s * slice + group * W * kSlice);
        }
      });
      // The longest strip goes with the shortest, so that all pairs are as long.
      team_.run((strips + 1) / 2, 1, [&](int64_t begin, int64_t end) {
        for (int64_t s = 0; s < slices; ++s) {
          const int words = int((elements(s) + P::elements - 1) / P::elements);
          const bool begins = first == 0 && s == 0;
          for (int strip = int(begin); strip < end; ++strip) {
            multiply_strip<P>(packed_ + s * slice, strip, words, begins);
            if (strips - 1 - strip != strip) multiply_strip<P>(packed_ + s * slice, strips - 1 - strip, words, begins);
          }
        }
      });
    }
  }

  // Rows of one group side by side: out [words, W].
  template <class P>
  void pack(int group, int64_t first, int64_t elements, T* out) {
    alignas(64) T converted[W][kSlice];
    const T* from[W];
    View part = view_;
    part.cols = elements;
    part.data = static_cast<const char*>(view_.data) + first * view_.col_stride * size_of(view_.dtype);
    const int present = n_ - group * W < W ? n_ - group * W : W;
    for (int r = 0; r < present; ++r) {
      const int64_t i = group * W + r;
      if (direct_) {
        from[r] = reinterpret_cast<const T*>(static_cast<const char*>(part.data) +
                                             row_[i] * view_.row_stride * size_of(view_.dtype));
        continue;
      }
      copy_row(part, row_[i], converted[r]);
      for (int64_t t = 0; factor_ && t < elements; ++t) converted[r][t] *= factor_[i];
      from[r] = converted[r];
    }
    const int words = int((elements + P::elements - 1) / P::elements);
    for (int t = 0; t < words; t += W) {
      const int64_t left = elements - int64_t(t) * P::elements;
      const bool whole = left >= W * P::elements;
      V block[W];
      for (int r = 0; r < W; ++r)
        block[r] = r >= present ? splat<V>(0) : whole ? load(from[r] + t) : P::get_first(from[r] + t, words - t, left);
      transpose(block);
      for (int l = 0; l < W; ++l) store(out + (t + l) * W, block[l]);
    }
  }

  template <class P>
  void multiply_strip(const T* packed, int strip, int words, bool begins) {
    const int i = strip * kRows;
    for (int j = 0; j < i + kRows && j < n_; j += kColumns) multiply_tile<P>(packed, i, j, words, begins);
  }

  template <class P>
  void multiply_tile(const T* packed, int i, int j, int words, bool begins) {
    V acc[kRows][kVectors];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) acc[r][v] = splat<V>(0);
    const T* a = packed + int64_t(i / W) * W * kSlice + i % W;
    const T* b = packed + int64_t(j) * kSlice;
    for (int t = 0; t < words; ++t) {
      V y[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) y[v] = load(b + v * W * kSlice + t * W);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        const V x = splat<V>(a[r / W * W * kSlice + t * W + r % W]);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) P::step(acc[r][v], x, y[v]);
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        if (i + r >= n_ || j + v * W >= ld_) continue;
        T* out = K_ + (i + r) * ld_ + j + v * W;
        store(out, begins ? acc[r][v] : load(out) + acc[r][v]);
      }
  }

  const View& view_;
  const int64_t* row_;
  const int n_;
  const T* factor_;
  T *packed_, *K_;
  const int64_t ld_;
  const Team& team_;
  bool direct_ = false;
};

}  // namespace SALN_VARIANT
}  // namespace saln
