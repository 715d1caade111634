// Householder reduction to tridiagonal form (linalg/tridiagonalize.h) of a matrix held in registers: thread t of
// kThreads holds all columns of rows t, t + kThreads, …. Both triangles are kept, which costs half as many operations
// again as one would and makes every access one of a register or a broadcast.
//
// With x the row to be reduced, β its new last entry and s = 1 / (pivot − β), the reflector is u = s (x − β e). So
// A u = s (A x − β A e) and uᵀA u follow from y = A x, from a row of A, and from xᵀx and xᵀy, all of which are there
// before u is: the two sums of a step are one, the update of a step and the product of the next are one pass over the
// registers, and a step has two barriers.
#pragma once
#include "cuda/gram/transform.cuh"

namespace saln::device {

// As linalg's Reflector, of numbers far from the ends of the range: a matrix in a tile is scaled.
struct FastReflector {
  float tau, beta, inverse;

  SALN_DEVICE FastReflector(float pivot, float rest_squared) {
    const bool active = rest_squared > Arithmetic<float>::tiny;
    const float square = pivot * pivot + rest_squared, root = reciprocal_root(square);
    const float target = pivot < 0 ? square * root : -square * root;
    beta = active ? target : pivot;
    tau = active ? 1 + absolute(pivot) * root : 0.0f;
    inverse = active ? reciprocal(pivot - target) : 0.0f;
  }
};

template <int kOrder, class G>
class RegisterMatrix {
  static constexpr int kThreads = G::threads, kRows = kOrder / kThreads;
  static constexpr int kChunk = kOrder / 8;  // columns that are dropped together once they are done
  static constexpr int kAhead = 20;          // columns whose loads the compiler may move before their use
  static_assert(kRows == 1 || kRows == 2);

 public:
  // Vectors in shared memory.
  struct Space {
    float *x, *u, *w;  // what the matrix is multiplied with next, and what it is updated with before
    float* row;        // of the pivot; behind it the pivot and its entry of A x
    float* sums;       // of each half of a warp
    SALN_HD Space(float* x_, float* u_, float* w_, Memory& shared)
        : x(x_),
          u(u_),
          w(w_),
          row(shared.take<float>(kOrder + 2)),
          sums(shared.take<float>(kThreads > 32 ? kThreads / 16 : 0)) {}
  };

  SALN_DEVICE explicit RegisterMatrix(const Space& space) : space_(space) {}

  // Rows and columns beyond the tile's become zero; the last entry of d [n] is set.
  SALN_DEVICE void load(const G& g, const Tile<float>& tile, float* d) {
    for (int at = packed_row(tile.n) + g.rank; at < packed_row(kOrder); at += kThreads) tile.data[at] = 0;
    g.sync();
    const int last = packed_row(tile.n - 1);
#pragma unroll
    for (int s = 0; s < kRows; ++s) {
      const int i = g.rank + s * kThreads;
      const float* from = tile.data + packed_row(i);  // along the row, and from the diagonal on down the column
#pragma unroll
      for (int j = 0; j < kOrder; ++j) {
        a_[s][j] = load_here(from + j);
        if (j >= (s + 1) * kThreads || (j >= s * kThreads && j >= i)) from += j;
      }
      set(s, i, i < tile.n - 1 ? tile.data[last + i] : 0.0f, 0, 0);
    }
    if (g.rank == 0) d[tile.n - 1] = tile.data[last + tile.n - 1];
    g.sync();
  }

  // d [n], e [n − 1], tau [n]; row j of the packed triangle `reflectors` receives u of step j. Ends with a barrier.
  SALN_DEVICE void reduce(const G& g, int n, float* d, float* e, float* tau, float* reflectors) {
    int j = n - 1;
    steps<kOrder>(g, j, d, e, tau, reflectors);
  }

 private:
  // The steps that kColumns columns are still needed for, and then the rest: straight code, of which ever fewer
  // registers are in use.
  template <int kColumns>
  SALN_DEVICE void steps(const G& g, int& j, float* d, float* e, float* tau, float* reflectors) {
    constexpr int kLeft = kColumns - kChunk, kLive = kColumns > kThreads ? kRows : 1;
    for (; j > kLeft; --j) step<kLive, kColumns>(g, j, d, e, tau, reflectors);
    if constexpr (kLeft > 0) steps<kLeft>(g, j, d, e, tau, reflectors);
  }

  // Step j, kLive rows a thread and kColumns columns still in use, of which j are A.
  template <int kLive, int kColumns>
  SALN_DEVICE void step(const G& g, int j, float* d, float* e, float* tau, float* reflectors) {
    float x[kLive], y[kLive] = {}, rest = 0, along = 0;
    // Or else all rows of this warp are done, where there are several.
    if (G::warps == 1 || thread_rank() / 32 * 32 < j) update_and_multiply<kLive, kColumns>(y);
    const int thread = thread_rank(), pivot_row = j - 1;
    if (thread == (pivot_row & (kThreads - 1))) publish<kLive, kColumns>(pivot_row, y);
#pragma unroll
    for (int s = 0; s < kLive; ++s) {
      const int i = thread + s * kThreads;
      x[s] = load_here(space_.x + i);
      if (i < pivot_row) rest += x[s] * x[s];
      along += x[s] * y[s];
    }
    sum_both(g, thread, rest, along);
    const float diagonal = space_.row[pivot_row], pivot = space_.row[kOrder], y_pivot = space_.row[kOrder + 1];
    const FastReflector h(pivot, rest);
    const float p_pivot = h.inverse * (y_pivot - h.beta * diagonal);
    const float scaled = h.tau * h.inverse, along_u = h.inverse * (along - h.beta * y_pivot) - h.beta * p_pivot;
    const float half = 0.5f * h.tau * scaled * along_u, w_pivot = h.tau * p_pivot - half;
    if (thread == 0) {
      d[pivot_row] = diagonal - 2 * w_pivot;
      e[pivot_row] = h.beta;
      tau[j] = h.tau;
    }
#pragma unroll
    for (int s = 0; s < kLive; ++s) {
      const int i = thread + s * kThreads;
      float u = 0, w = 0, next = 0;
      if (i < j) {
        const float a = space_.row[i];
        u = i == pivot_row ? 1.0f : x[s] * h.inverse;
        w = scaled * (y[s] - h.beta * a) - half * u;
        if (i < pivot_row) next = a - w - w_pivot * u;
        reflectors[packed_row(j) + i] = u;
      }
      set(s, i, next, u, w);
    }
    g.sync();
  }

  // A ← A − u wᵀ − w uᵀ and y = A x. Entries of the vectors that were loaded long before their use would crowd out the
  // matrix.
  template <int kLive, int kColumns>
  SALN_DEVICE void update_and_multiply(float (&y)[kLive]) {
    float sum[kLive][2] = {};
#pragma unroll
    for (int c = 0; c < kColumns; c += 4) {
      if (c > 0 && c % kAhead == 0) sync_warp();
      float x[4], us[4], ws[4];
      load_four_here(space_.u + c, us);
      load_four_here(space_.w + c, ws);
      load_four_here(space_.x + c, x);
#pragma unroll
      for (int k = 0; k < 4; ++k)
#pragma unroll
        for (int s = 0; s < kLive; ++s) {
          a_[s][c + k] -= u_[s] * ws[k];
          a_[s][c + k] -= w_[s] * us[k];
          sum[s][k % 2] += a_[s][c + k] * x[k];
        }
    }
#pragma unroll
    for (int s = 0; s < kLive; ++s) y[s] = sum[s][0] + sum[s][1];
  }

  // The pivot's row, the last of this thread's that is still in use, for all.
  template <int kLive, int kColumns>
  SALN_DEVICE void publish(int pivot_row, const float (&y)[kLive]) {
    const float (&a)[kOrder] = a_[kLive - 1];
#pragma unroll
    for (int c = 0; c < kColumns; c += 4) store_four(space_.row + c, a[c], a[c + 1], a[c + 2], a[c + 3]);
    space_.row[kOrder] = space_.x[pivot_row];
    space_.row[kOrder + 1] = y[kLive - 1];
  }

  // Sums over all threads, by a barrier that is also behind what they wrote before.
  SALN_DEVICE void sum_both(const G& g, int thread, float& a, float& b) {
    float both[2] = {a, b};
    fold<1, 16>(both, thread);
    for (int mask = 8; mask > 0; mask /= 2) both[0] += shuffle_xor(both[0], mask);
    if constexpr (G::warps == 1) {
      const float other = shuffle_xor(both[0], 16);
      const bool upper = thread & 16;
      a = upper ? other : both[0], b = upper ? both[0] : other;
      g.sync();
    } else {
      if (thread % 16 == 0) space_.sums[thread / 16] = both[0];
      g.sync();
      a = space_.sums[0], b = space_.sums[1];
      for (int at = 2; at < kThreads / 16; at += 2) a += space_.sums[at], b += space_.sums[at + 1];
    }
  }

  // Entry i of the vectors, which is row s of this thread.
  SALN_DEVICE void set(int s, int i, float x, float u, float w) {
    space_.x[i] = x;
    space_.u[i] = u_[s] = u;
    space_.w[i] = w_[s] = w;
  }

  Space space_;
  float a_[kRows][kOrder], u_[kRows], w_[kRows];
};

}  // namespace saln::device
