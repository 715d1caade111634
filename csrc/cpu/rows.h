// A candidate's rows: where they lie in the features, or a converted copy when they cannot be used in place.
#pragma once
#include "core/problem.h"
#include "cpu/simd.h"

namespace saln {
inline namespace SALN_VARIANT {

inline int64_t size_of(DType t) { return t == DType::float64 ? 8 : t == DType::float32 ? 4 : 2; }

inline float from_half(uint16_t h) {
  const uint32_t sign = uint32_t(h & 0x8000u) << 16, exponent = (h >> 10) & 31, fraction = h & 1023;
  if (exponent == 31) return from_bits(sign | 0x7f800000u | fraction << 13);
  if (exponent) return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
  return from_bits(sign | to_bits(float(fraction) * 5.9604645e-8f));
}
inline float from_bfloat16(uint16_t h) { return from_bits(uint32_t(h) << 16); }

// Calls visitor(data, convert) with the view's own element type, so that loops inside it are over one type.
template <class T, class Visitor>
SALN_INLINE void visit(const View& m, const Visitor& visitor) {
  switch (m.dtype) {
    case DType::float32:
      return visitor(static_cast<const float*>(m.data), [](float x) { return T(x); });
    case DType::float64:
      return visitor(static_cast<const double*>(m.data), [](double x) { return T(x); });
    case DType::bfloat16:
      return visitor(static_cast<const uint16_t*>(m.data), [](uint16_t x) { return T(from_bfloat16(x)); });
    case DType::float16:
      return visitor(static_cast<const uint16_t*>(m.data), [](uint16_t x) { return T(from_half(x)); });
  }
  __builtin_unreachable();
}

// out [cols] = row i, converted.
template <class T>
void copy_row(const View& m, int64_t i, T* out) {
#if defined(__F16C__)
  if (m.col_stride == 1 && m.dtype == DType::float16) {
    const uint16_t* p = static_cast<const uint16_t*>(m.data) + i * m.row_stride;
    int64_t j = 0;
    for (; j + 8 <= m.cols; j += 8) {
      float block[8];
      _mm256_storeu_ps(block, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + j))));
      for (int l = 0; l < 8; ++l) out[j + l] = T(block[l]);
    }
    for (; j < m.cols; ++j) out[j] = T(from_half(p[j]));
    return;
  }
#endif
  visit<T>(m, [&](const auto* data, auto convert) {
    const auto* p = data + i * m.row_stride;
    if (m.col_stride == 1)
      for (int64_t j = 0; j < m.cols; ++j) out[j] = convert(p[j]);
    else
      for (int64_t j = 0; j < m.cols; ++j) out[j] = convert(p[j * m.col_stride]);
  });
}

// Whether no number of a row is NaN or infinite.
template <class T>
bool is_finite_row(const T* row, int64_t d) {
  T poison = 0;
  for (int64_t t = 0; t < d; ++t) poison += row[t] * T(0);
  return poison == T(0);
}

// Multiplies a row by a power of two that makes its square plain; false where it is zero or not finite.
template <class T>
bool rescale_row(T* row, int64_t d) {
  T top = 0;
  for (int64_t t = 0; t < d; ++t) top = larger(absolute(row[t]), top);
  if (top == T(0) || !is_finite_row(row, d)) return false;
  const T factor = rescaling(top);
  for (int64_t t = 0; t < d; ++t) row[t] *= factor;
  return true;
}

// Row numbers of one candidate, padding left out.
struct Selection {
  int64_t* row;       // [n] row in the features
  int32_t* position;  // [n] place in the candidate
  int n = 0;
  bool valid = true;  // false: a row number was out of range

  void read(const Problem& problem, int64_t c) {
    n = 0;
    valid = true;
    if (problem.similarity == Similarity::given) {
      for (; n < problem.size; ++n) {
        row[n] = c * problem.matrix_stride;
        position[n] = n;
      }
      return;
    }
    for (int64_t i = 0; i < problem.size; ++i) {
      const int64_t at = c * problem.candidate_stride + i * problem.position_stride;
      const int64_t r = problem.candidates_int64 ? static_cast<const int64_t*>(problem.candidates)[at]
                                                 : static_cast<const int32_t*>(problem.candidates)[at];
      if (r == -1) continue;
      if (r < 0 || r >= problem.features.rows) {
        valid = false;
        continue;
      }
      row[n] = r;
      position[n] = int32_t(i);
      ++n;
    }
  }
};

}  // namespace SALN_VARIANT
}  // namespace saln
