// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): random access, no state.
#pragma once
#include "linalg/element.h"

namespace saln {
inline namespace SALN_VARIANT {

// One uniform number in (−1, 1) per (seed, stream, index); the same on every backend.
SALN_INLINE double philox_uniform(uint64_t seed, uint32_t stream, uint64_t index) {
  uint32_t c0 = uint32_t(index), c1 = uint32_t(index >> 32), c2 = stream, c3 = 0;
  uint32_t k0 = uint32_t(seed), k1 = uint32_t(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t(0xD2511F53u) * c0, p1 = uint64_t(0xCD9E8D57u) * c2;
    c0 = uint32_t(p1 >> 32) ^ c1 ^ k0;
    c1 = uint32_t(p1);
    c2 = uint32_t(p0 >> 32) ^ c3 ^ k1;
    c3 = uint32_t(p0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return (double(c0) + 0.5) * (2.0 / 4294967296.0) - 1.0;
}

}  // namespace SALN_VARIANT
}  // namespace saln
