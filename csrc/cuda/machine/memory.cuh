// Hands out pieces of a block of memory, in the same order on the host, which measures, and on the device.
#pragma once
#include <cstddef>
#include <cstdint>

#include "linalg/element.h"

namespace saln::device {

class Memory {
 public:
  // nullptr only measures.
  SALN_HD explicit Memory(char* base) : base_(base) {}

  // 16-byte aligned
  template <class T>
  SALN_HD T* take(int64_t count) {
    const size_t at = (used_ + 15) / 16 * 16;
    used_ = at + size_t(count) * sizeof(T);
#if defined(SALN_GUARD)  // tests/cuda_on_cpu: a gap that nobody may touch
    used_ = SALN_GUARD(base_, used_);
#endif
#if !defined(__CUDA_ARCH__)
    if (!base_) return nullptr;
#endif
    return reinterpret_cast<T*>(base_ + at);
  }

  SALN_HD size_t used() const { return used_; }

 private:
  char* base_;
  size_t used_ = 0;
};

// Pieces of one of two blocks of memory, as the call has it.
class EitherMemory {
 public:
  SALN_HD EitherMemory(bool first, Memory& one, Memory& other) : first_(first), one_(one), other_(other) {}

  template <class T>
  SALN_HD T* take(int64_t count) {
    if (first_) return one_.take<T>(count);
    return other_.take<T>(count);
  }

 private:
  bool first_;
  Memory &one_, &other_;
};

}  // namespace saln::device
