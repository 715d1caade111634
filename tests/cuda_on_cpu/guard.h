// Memory that nobody may touch, to AddressSanitizer. Included before everything else, so that
// csrc/cuda/machine/memory.cuh lays a gap behind every piece it hands out: an array that overruns into the next one of
// the same block is found too.
#pragma once
#include <cstddef>

#if defined(SALN_ASAN)
#include <sanitizer/asan_interface.h>
#define SALN_POISON(address, bytes) __asan_poison_memory_region(address, bytes)
#define SALN_UNPOISON(address, bytes) __asan_unpoison_memory_region(address, bytes)
#else
#define SALN_POISON(address, bytes) static_cast<void>(0)
#define SALN_UNPOISON(address, bytes) static_cast<void>(0)
#endif

namespace saln::simulator {

inline size_t gap = 0;  // bytes; 0: pieces lie as they do on a GPU

// Where the next piece may begin, after one that ends `end` bytes from `base` (nullptr while only measuring).
inline size_t guard(char* base, size_t end) {
  if (!gap) return end;
  const size_t next = (end + 15) / 16 * 16 + gap;
  if (base) SALN_POISON(base + end, next - end);
  return next;
}

}  // namespace saln::simulator

#define SALN_GUARD(base, end) saln::simulator::guard(base, end)
