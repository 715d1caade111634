// Householder reduction to tridiagonal form (linalg/tridiagonalize.h) of a matrix held in registers: thread t of
// kThreads holds all columns of rows t, t + kThreads, …. Both triangles are kept, which costs half as many operations
// again as one would and makes every access one of a register or a broadcast.
#pragma once
#include "transform.cuh"

namespace saln::device {

template <int kOrder, class G>
class RegisterMatrix {
  static constexpr int kThreads = G::threads, kRows = kOrder / kThreads;
  static constexpr int kChunk = kOrder / 8;  // columns that are dropped together once they are done
  static_assert(kRows == 1 || kRows == 2);

 public:
  // Vectors in shared memory.
  struct Space {
    float *x, *u, *w;
    SALN_HD explicit Space(Memory& shared)
        : x(shared.take<float>(kOrder)), u(shared.take<float>(kOrder)), w(shared.take<float>(kOrder)) {}
  };

  SALN_DEVICE explicit RegisterMatrix(const Space& space) : x_(space.x), u_(space.u), w_(space.w) {}

  // Rows and columns beyond the tile's become zero.
  SALN_DEVICE void load(const G& g, const Tile<float>& tile) {
    for (int at = packed_row(tile.n) + g.rank; at < packed_row(kOrder); at += kThreads) tile.data[at] = 0;
    for (int i = g.rank; i < kOrder; i += kThreads) x_[i] = u_[i] = w_[i] = 0;
    g.sync();
#pragma unroll
    for (int s = 0; s < kRows; ++s) {
      const int i = g.rank + s * kThreads, row = packed_row(i);
#pragma unroll
      for (int j = 0; j < kOrder; ++j) a_[s][j] = load_here(tile.data + (j <= i ? row + j : packed_row(j) + i));
    }
    g.sync();
  }

  // d [n], e [n − 1], tau [n]; row j of the packed triangle `reflectors` receives u of step j. Ends with a barrier.
  SALN_DEVICE void reduce(G& g, int n, float* d, float* e, float* tau, float* reflectors) {
    int j = n - 1;
    steps<kOrder>(g, j, d, e, tau, reflectors);
    if (g.rank == 0) d[0] = a_[0][0];
    g.sync();
  }

 private:
  // The steps that kColumns columns are still needed for, and then the rest: straight code, of which ever fewer
  // registers are in use.
  template <int kColumns>
  SALN_DEVICE void steps(G& g, int& j, float* d, float* e, float* tau, float* reflectors) {
    constexpr int kLeft = kColumns - kChunk, kLive = kColumns > kThreads ? 2 : 1;
    for (; j > 0 && j >= kLeft; --j) step<kLive, kColumns>(g, j, d, e, tau, reflectors);
    if constexpr (kLeft > 0) steps<kLeft>(g, j, d, e, tau, reflectors);
  }

  // Step j, kLive rows a thread and kColumns columns still in use.
  template <int kLive, int kColumns>
  SALN_DEVICE void step(G& g, int j, float* d, float* e, float* tau, float* reflectors) {
    if (g.rank == j % kThreads) {
#pragma unroll
      for (int i = 0; i < kColumns; i += 4) {
        const float* row = a_[kLive - 1] + i;
        store_four(x_ + i, row[0], row[1], row[2], row[3]);
      }
    }
    g.sync();
    const float pivot = x_[j - 1];
    float x[kLive], u[kLive], p[kLive] = {}, w[kLive], rest = 0;
#pragma unroll
    for (int s = 0; s < kLive; ++s) {
      const int i = g.rank + s * kThreads;
      x[s] = i < j - 1 ? x_[i] : 0.0f;
      rest += x[s] * x[s];
    }
    const Reflector<float> h(pivot, g.sum(rest));
    if (g.rank == 0) {
      d[j] = x_[j];
      e[j - 1] = h.beta;
      tau[j] = h.tau;
    }
#pragma unroll
    for (int s = 0; s < kLive; ++s) {
      const int i = g.rank + s * kThreads;
      u[s] = i == j - 1 ? 1.0f : x[s] * h.inverse;
      u_[i] = u[s];
      if (i < j) reflectors[packed_row(j) + i] = u[s];
    }
    g.sync();
    const bool busy = g.warp * 32 < j;  // or else all rows of this warp are done
    if (busy) multiply<kLive, kColumns>(p);
    float along = 0;
#pragma unroll
    for (int s = 0; s < kLive; ++s) along += p[s] * u[s];
    const float half = 0.5f * h.tau * h.tau * g.sum(along);
#pragma unroll
    for (int s = 0; s < kLive; ++s) {
      w[s] = busy && g.rank + s * kThreads < j ? h.tau * p[s] - half * u[s] : 0.0f;
      w_[g.rank + s * kThreads] = w[s];
    }
    g.sync();
    if (busy) update<kLive, kColumns>(u, w);
  }

  // p = A u
  template <int kLive, int kColumns>
  SALN_DEVICE void multiply(float (&p)[kLive]) {
    float sum[kLive][2] = {};
#pragma unroll
    for (int c = 0; c < kColumns; c += 4) {
      float u[4];
      load_four(u_ + c, u);
#pragma unroll
      for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int s = 0; s < kLive; ++s) sum[s][i % 2] += a_[s][c + i] * u[i];
    }
#pragma unroll
    for (int s = 0; s < kLive; ++s) p[s] = sum[s][0] + sum[s][1];
  }

  // A ← A − u wᵀ − w uᵀ
  template <int kLive, int kColumns>
  SALN_DEVICE void update(const float (&u)[kLive], const float (&w)[kLive]) {
#pragma unroll
    for (int c = 0; c < kColumns; c += 4) {
      float other_u[4], other_w[4];
      load_four(u_ + c, other_u);
      load_four(w_ + c, other_w);
#pragma unroll
      for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int s = 0; s < kLive; ++s) {
          a_[s][c + i] -= u[s] * other_w[i];
          a_[s][c + i] -= w[s] * other_u[i];
        }
    }
  }

  float *x_, *u_, *w_;
  float a_[kRows][kOrder];
};

}  // namespace saln::device
