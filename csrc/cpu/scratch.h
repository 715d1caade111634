// Scratch memory of one thread, kept between calls while it is small: fresh pages cost more than a small call.
#pragma once
#include <cstdlib>
#include <memory>
#include <new>

namespace saln {

class Scratch {
 public:
  char* at_least(size_t bytes) {
    if (bytes > size_) {
      memory_.reset();
      size_ = 0;
      memory_.reset(static_cast<char*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64)));
      if (!memory_) throw std::bad_alloc();
      size_ = bytes;
    }
    return memory_.get();
  }
  void trim() {
    if (size_ > kKept) {
      memory_.reset();
      size_ = 0;
    }
  }

 private:
  struct Free {
    void operator()(char* p) const { std::free(p); }
  };
  static constexpr size_t kKept = 8 << 20;
  std::unique_ptr<char, Free> memory_;
  size_t size_ = 0;
};

}  // namespace saln
