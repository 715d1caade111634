// Householder reduction to tridiagonal form (linalg/tridiagonalize.h) of a matrix that one warp holds. Its lower
// triangle is spread over a square of four by eight lanes: lane (r, c) has the entries of rows 8 I + r and 8 I + r + 4
// in columns 8 J + c, J ≤ I. Blocks on the diagonal are held whole, of the others one triangle. A lane shares its rows
// with seven others and its columns with three, so vectors are read a third as often as where a lane has whole rows,
// and two rows in nine registers more leave room for sixteen warps where those had twelve.
//
// The algebra is that of tridiagonalize_registers.cuh. What the next step needs of the reflector is summed while the
// product is formed, so that little waits for the product.
#pragma once
#include "cuda/solve/tridiagonalize_registers.cuh"

namespace saln::device {

template <int kOrder>
class WarpMatrix {
  static constexpr int kSide = 8, kStrips = kOrder / kSide, kOwn = kOrder / 32;
  static constexpr int kEntries = kStrips * (kStrips + 1) / 2;  // of one of a lane's rows in every strip
  static_assert(kOrder == 32 || kOrder == 64);
  using G = Group<32>;

 public:
  // Vectors in shared memory, whose entry i is at place(i).
  struct Space {
    float *x, *u, *w;  // what the matrix is multiplied with next, and what it is updated with before
    float *row, *sums;  // of the pivot; of the columns
    SALN_HD Space(float* x_, float* u_, float* w_, Memory& shared)
        : x(x_), u(u_), w(w_), row(shared.take<float>(kOrder)), sums(shared.take<float>(kOrder)) {}
  };

  SALN_DEVICE explicit WarpMatrix(const Space& space) : space_(space) {}

  // Rows and columns beyond the tile's become zero; the last entry of d [n] is set.
  SALN_DEVICE void load(const G& g, const Tile<float>& tile, float* d) {
    for (int at = packed_row(tile.n) + g.rank; at < packed_row(kOrder); at += G::threads) tile.data[at] = 0;
    g.sync();
    const Lane lane;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float* row = tile.data + packed_row(lane.r + 4 * half) + lane.c;
#pragma unroll
      for (int I = 0; I < kStrips; ++I) {
#pragma unroll
        for (int J = 0; J < I; ++J) a_[half][packed_row(I) + J] = load_here(row + kSide * J);
        row += kSide * (kSide * I + lane.r + 4 * half) + kSide * (kSide + 1) / 2;
      }
      sync_warp();
      const int i = lane.r + 4 * half, low = i < lane.c ? i : lane.c, high = i < lane.c ? lane.c : i;
      const float* diagonal = tile.data + packed_row(high) + low;
#pragma unroll
      for (int I = 0; I < kStrips; ++I) {
        a_[half][packed_row(I) + I] = load_here(diagonal);
        diagonal += kSide * (kSide * I + high) + kSide * (kSide + 1) / 2 + kSide;
      }
      sync_warp();
    }
    const float* last = tile.data + packed_row(tile.n - 1);
#pragma unroll
    for (int s = 0; s < kOwn; ++s) set(lane, s, lane.own(s) < tile.n - 1 ? last[lane.own(s)] : 0.0f, 0, 0);
    if (g.rank == 0) d[tile.n - 1] = last[tile.n - 1];
    g.sync();
  }

  // d [n], e [n − 1], tau [n]; row j of the packed triangle `reflectors` receives u of step j. Ends with a
  // barrier.
  SALN_DEVICE void reduce(const G&, int n, float* d, float* e, float* tau, float* reflectors) {
    int j = uniform(n - 1);
    steps<kStrips>(j, d, e, tau, reflectors);
  }

 private:
  // An access of a warp to four entries of every row, or column, of the square falls into 32 banks.
  static SALN_DEVICE int place(int i) { return (i & 7) * kStrips + (i >> 3 ^ swapped(i & 7)); }
  static SALN_DEVICE int swapped(int residue) { return kStrips == 8 ? residue & 4 : 0; }
  // Where this lane is in the square, and the entries of vectors that are its.
  struct Lane {
    const int rank = thread_rank(), r = rank >> 3, c = rank & 7;

    SALN_DEVICE int own(int s) const { return kOwn == 2 ? kSide * c + r + 4 * s : kSide * (c & 3) + r + (c & 4); }
  };
  static SALN_DEVICE int owner(int i) {
    return (i & 3) * kSide + (i >> 3) + (kOwn == 2 ? 0 : i & 4);
  }

  // What follows from a lane's place is kept in registers if there are any; of so many strips it is worked out anew.
  static constexpr int kFull = 5;
  template <int kLive>
  static SALN_DEVICE Lane here(const Lane& held) {
    if constexpr (kLive < kFull)
      return held;
    else
      return Lane();
  }

  // The steps that kLive strips are still needed for, and then the rest: straight code, of which ever fewer registers
  // are in use.
  template <int kLive>
  SALN_DEVICE void steps(int& j, float* d, float* e, float* tau, float* reflectors) {
    const Lane lane;
    for (; j > kSide * (kLive - 1); --j) step<kLive>(lane, j, d, e, tau, reflectors);
    if constexpr (kLive > 1) steps<kLive - 1>(j, d, e, tau, reflectors);
  }

  template <int kLive>
  SALN_DEVICE void step(const Lane& held, int j, float* d, float* e, float* tau, float* reflectors) {
    const int pivot_row = j - 1;
    float x[kOwn], y[kOwn], rest = 0, along = update_and_multiply<kLive>(held, y);
    publish<kLive>(held, pivot_row);
    const Lane lane = here<kLive>(held);
#pragma unroll
    for (int s = 0; s < kOwn; ++s) {
      x[s] = load_here(space_.x + place(lane.own(s)));
      if (lane.own(s) < pivot_row) rest += x[s] * x[s];
      along += x[s] * y[s];
    }
    sum_both(lane.rank, rest, along);
    sync_warp();
    const FastReflector h(space_.x[place(pivot_row)], rest);
#pragma unroll
    for (int s = 0; s < kOwn; ++s) y[s] += space_.sums[place(lane.own(s))];
    const float y_pivot = shuffle(kOwn == 2 && pivot_row & 4 ? y[kOwn - 1] : y[0], owner(pivot_row));
    const float diagonal = space_.row[place(pivot_row)];
    const float p_pivot = h.inverse * (y_pivot - h.beta * diagonal);
    const float scaled = h.tau * h.inverse, along_u = h.inverse * (along - h.beta * y_pivot) - h.beta * p_pivot;
    const float half = 0.5f * h.tau * scaled * along_u, w_pivot = h.tau * p_pivot - half;
    if (lane.rank == 0) {
      d[pivot_row] = diagonal - 2 * w_pivot;
      e[pivot_row] = h.beta;
      tau[j] = h.tau;
    }
#pragma unroll
    for (int s = 0; s < kOwn; ++s) {
      const int i = lane.own(s);
      // Behind the pivot x is zero, and with it u.
      const float u = i == pivot_row ? 1.0f : x[s] * h.inverse, a = space_.row[place(i)];
      const float w = i < j ? scaled * (y[s] - h.beta * a) - half * u : 0.0f;
      const float next = i < pivot_row ? a - w - w_pivot * u : 0.0f;
      if (i < j) reflectors[packed_row(j) + i] = u;
      set(lane, s, next, u, w);
    }
    sync_warp();
  }

  // A ← A − u wᵀ − w uᵀ and y = A x: what rows give to this lane's entries; what columns give is left in `sums`. `along`
  // is this lane's part of xᵀy. Four strips of columns at a time, so that few numbers beside the matrix are held.
  template <int kLive>
  SALN_DEVICE float update_and_multiply(const Lane& held, float (&y)[kOwn]) {
    const Lane lane = here<kLive>(held);
    float sum[2][kLive] = {}, down[kLive] = {};
#pragma unroll
    for (int left = 0; left < kLive; left += 4) {
      float x[4], u[4], w[4];
      const int column = lane.c * kStrips + (left ^ swapped(lane.c));
      load_four_here(space_.u + column, u);
      load_four_here(space_.w + column, w);
      load_four_here(space_.x + column, x);
#pragma unroll
      for (int first = left; first < kLive; first += 4)
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const int row = (lane.r + 4 * half) * kStrips + (first ^ swapped(4 * half));
          float of_x[4], of_u[4], of_w[4];
          load_four_here(space_.u + row, of_u);
          load_four_here(space_.w + row, of_w);
          load_four_here(space_.x + row, of_x);
#pragma unroll
          for (int I = first; I < kLive && I < first + 4; ++I) {
#pragma unroll
            for (int J = left; J <= I && J < left + 4; ++J) {
              float& a = a_[half][packed_row(I) + J];
              a -= of_u[I - first] * w[J - left];
              a -= of_w[I - first] * u[J - left];
              sum[half][I] += a * x[J - left];
              if (J < I) down[J] += a * of_x[I - first];
            }
          }
        }
    }
    sync_warp();
    fold_rows<kLive>(held, sum, y);
    return fold_columns<kLive>(held, down);
  }

  template <int kLive>
  static SALN_DEVICE void fold_rows(const Lane& held, float (&sum)[2][kLive], float (&y)[kOwn]) {
    const Lane lane = here<kLive>(held);
#pragma unroll
    for (int bit = 1; bit < kStrips; bit *= 2)
#pragma unroll
      for (int half = 0; half < 2; ++half)
#pragma unroll
        for (int I = 0; I < kLive; I += 2 * bit)
          sum[half][I] = I + bit < kLive ? join(sum[half][I], sum[half][I + bit], lane.c, bit, bit)
                                         : sum[half][I] + shuffle_xor(sum[half][I], bit);
    if constexpr (kOwn == 1)
      y[0] = join(sum[0][0], sum[1][0], lane.c, 4, 4);
    else
      y[0] = sum[0][0], y[1] = sum[1][0];
  }

  template <int kLive>
  SALN_DEVICE float fold_columns(const Lane& held, float (&down)[kLive]) const {
    const Lane lane = here<kLive>(held);
#pragma unroll
    for (int bit = 1; bit < 4; bit *= 2)
#pragma unroll
      for (int J = 0; J < kLive; ++J)
        if (J % (2 * kOwn * bit) < kOwn)
          down[J] = J + kOwn * bit < kLive ? join(down[J], down[J + kOwn * bit], lane.r, bit, kSide * bit)
                                           : down[J] + shuffle_xor(down[J], kSide * bit);
    const int at = lane.c * kStrips + (kOwn * lane.r ^ swapped(lane.c));
    const float* x = space_.x + at;
    if constexpr (kOwn == 1) {
      space_.sums[at] = down[0];
      return down[0] * x[0];
    } else {
      const float second = kLive > 1 ? down[kLive > 1] : 0.0f;
      store_two(space_.sums + at, down[0], second);
      return down[0] * x[0] + second * x[1];
    }
  }

  // Sums over lanes that differ in kMask: of x in those whose part of the rank lacks the bit, of y in the others.
  static SALN_DEVICE float join(float x, float y, int part, int bit, int mask) {
    const bool upper = part & bit;
    return (upper ? y : x) + shuffle_xor(upper ? x : y, mask);
  }

  // The pivot's row, up to the diagonal, for all.
  template <int kLive>
  SALN_DEVICE void publish(const Lane& held, int pivot_row) const {
    const Lane lane = here<kLive>(held);
    if (lane.r == (pivot_row & 7)) put_row<kLive>(lane, a_[0]);
    if (lane.r + 4 == (pivot_row & 7)) put_row<kLive>(lane, a_[1]);
  }
  template <int kLive>
  SALN_DEVICE void put_row(const Lane& lane, const float (&a)[kEntries]) const {
    constexpr int kFirst = kLive * (kLive - 1) / 2;
    const auto entry = [&](int J) { return J < kLive ? a[kFirst + (J < kLive ? J : 0)] : 0.0f; };
#pragma unroll
    for (int J = 0; J < kLive; J += 4)
      store_four(space_.row + lane.c * kStrips + (J ^ swapped(lane.c)), entry(J), entry(J + 1), entry(J + 2), entry(J + 3));
  }

  // Sums over all lanes.
  static SALN_DEVICE void sum_both(int lane, float& a, float& b) {
    float both[2] = {a, b};
    fold<1, 16>(both, lane);
    for (int mask = 8; mask > 0; mask /= 2) both[0] += shuffle_xor(both[0], mask);
    const float other = shuffle_xor(both[0], 16);
    const bool upper = lane & 16;
    a = upper ? other : both[0], b = upper ? both[0] : other;
  }

  SALN_DEVICE void set(const Lane& lane, int s, float x, float u, float w) {
    const int at = place(lane.own(s));
    space_.x[at] = x;
    space_.u[at] = u;
    space_.w[at] = w;
  }

  const Space space_;
  float a_[2][kEntries];
};

}  // namespace saln::device
