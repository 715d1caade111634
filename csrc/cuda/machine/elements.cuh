// Entries of strided views, converted.
#pragma once
#include "core/problem.h"
#include "cuda/machine/device.cuh"
#include "linalg/element.h"

namespace saln::device {

template <class T>
SALN_DEVICE T entry(const View& v, int64_t at) {
  switch (v.dtype) {
    case DType::float32:
      return T(static_cast<const float*>(v.data)[at]);
    case DType::float64:
      return T(static_cast<const double*>(v.data)[at]);
    case DType::bfloat16:
      return T(from_bfloat16(static_cast<const uint16_t*>(v.data)[at]));
    case DType::float16:
      return T(from_float16(static_cast<const uint16_t*>(v.data)[at]));
  }
  __builtin_unreachable();
}

SALN_HD inline int size_of(DType t) { return t == DType::float64 ? 8 : t == DType::float32 ? 4 : 2; }

// Whether rows can be copied in pieces of 16 bytes, and found by numbers and a stride of 32 bits.
SALN_HD inline bool in_pieces(const View& v) {
  const int64_t stride = v.row_stride * size_of(v.dtype);
  return (v.col_stride == 1 || v.cols == 1) && reinterpret_cast<uintptr_t>(v.data) % 16 == 0 && stride % 16 == 0 &&
         uint64_t(stride) >> 32 == 0 && v.rows >> 32 == 0;
}

}  // namespace saln::device
