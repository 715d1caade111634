// The threads of a block that work on one candidate: a warp, or several with barriers between them.
#pragma once
#include "cuda/machine/device.cuh"

namespace saln::device {

SALN_DEVICE double larger_or_nan(double a, double b) { return a != a || a > b ? a : b; }

// The sum over a warp, in every lane.
template <class T>
SALN_DEVICE T warp_sum(T x) {
  for (int mask = 16; mask > 0; mask /= 2) x = x + shuffle_xor(x, mask);
  return x;
}

// One step of kSize sums over lanes that differ in kMask: each lane keeps half of them, in the first kHalf entries.
template <int kHalf, int kMask, int kSize, class T>
SALN_DEVICE void fold(T (&x)[kSize], int lane) {
  const bool upper = lane & kMask;
#pragma unroll
  for (int k = 0; k < kHalf; ++k) {
    const T low = x[k], high = x[kHalf + k];
    x[k] = (upper ? high : low) + shuffle_xor(upper ? low : high, kMask);
  }
}

template <int kThreads>
class Group {
 public:
  static constexpr int threads = kThreads, warps = kThreads / 32;

  // scratch [2 · warps] in shared memory
  SALN_DEVICE explicit Group(double* scratch) : Group(scratch, thread_rank()) {}

  SALN_DEVICE void sync() const {
    if constexpr (warps == 1)
      sync_warp();
    else
      sync_block();
  }

  template <class T>
  SALN_DEVICE T sum(T x) {
    return reduce(x, [](T a, T b) { return a + b; });
  }
  // A NaN anywhere may be lost.
  template <class T>
  SALN_DEVICE T max(T x) {
    return reduce(x, [](T a, T b) { return a > b ? a : b; });
  }
  // A NaN anywhere is what is found.
  template <class T>
  SALN_DEVICE T max_or_nan(T x) {
    return reduce(x, [](T a, T b) { return larger_or_nan(a, b); });
  }
  template <class T>
  SALN_DEVICE T min(T x) {
    return reduce(x, [](T a, T b) { return a < b ? a : b; });
  }

  const int rank, lane, warp;

 private:
  SALN_DEVICE Group(double* scratch, int thread)
      : rank(thread), lane(warps == 1 ? thread : thread & 31), warp(warps == 1 ? 0 : thread >> 5), scratch_(scratch) {}

  // Every thread gets the same bits. Two scratch arrays in turn, so that one barrier a call is enough.
  template <class T, class Join>
  SALN_DEVICE T reduce(T x, const Join& join) {
    for (int mask = 16; mask > 0; mask /= 2) x = join(x, shuffle_xor(x, mask));
    if constexpr (warps > 1) {
      T* mine = reinterpret_cast<T*>(scratch_ + turn_ * warps);
      turn_ ^= 1;
      if (lane == 0) mine[warp] = x;
      sync_block();
      x = mine[0];
      for (int w = 1; w < warps; ++w) x = join(x, mine[w]);
    }
    return x;
  }

  double* scratch_;
  int turn_ = 0;
};

}  // namespace saln::device
