// Scratch memory laid out once: without a base address it only measures, so that size and use cannot differ.
#pragma once
#include <cstddef>
#include <cstdint>

#include "linalg/element.h"

namespace saln {
inline namespace SALN_VARIANT {

class Arena {
 public:
  explicit Arena(char* base) : base_(base) {}
  template <class T>
  T* take(int64_t count) {
    T* p = base_ ? reinterpret_cast<T*>(base_ + used_) : nullptr;
    used_ += (size_t(count > 0 ? count : 0) * sizeof(T) + 63) / 64 * 64;
    return p;
  }
  size_t used() const { return used_; }

 private:
  char* base_;
  size_t used_ = 0;
};

}  // namespace SALN_VARIANT
}  // namespace saln
