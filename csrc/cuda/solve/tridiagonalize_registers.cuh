// Householder reduction to tridiagonal form (linalg/tridiagonalize.h) of a matrix that the registers of a block hold.
// Its lower triangle is spread over a square of threads, of which every warp is four rows by eight columns: thread
// (r, c) has the entries of columns c, c + kSide, … in rows r, r + kTall, …. A square on the diagonal, kSide by kSide,
// is held whole, of the others there is one triangle. A thread shares its rows and its columns with many others, so
// that few vectors' entries are read an entry of the matrix.
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
  static constexpr bool kOneWarp = G::warps == 1;
  // The square of threads; a thread's rows in every strip of kSide, and strips.
  static constexpr int kSide = kOrder <= 64 ? 8 : 16, kTall = G::threads / kSide;
  static constexpr int kHalves = kSide / kTall, kStrips = kOrder / kSide;
  static constexpr int kEntries = kStrips * (kStrips + 1) / 2;  // of one of a thread's rows in every strip
  static constexpr int kGroups = kOrder / kTall;                // of rows that are done together
  static constexpr int kDown = kTall / 4, kAcross = kSide / 8;  // warps
  // Sums that a lane has once its warp has folded them.
  static constexpr int kRows = kHalves * kStrips / 8, kColumns = kStrips / 4;
  static constexpr int kOwn = kOneWarp ? kRows : 1;  // entries of vectors that are a thread's
  static_assert(kSide % kTall == 0 && kTall % 4 == 0 && (kOneWarp || G::threads == kOrder));

 public:
  // Vectors in shared memory, whose entry i is at place(i).
  struct Space {
    float *x, *u, *w;  // what the matrix is multiplied with next, and what it is updated with before
    float* row;        // of the pivot
    float *columns,
        *rows;    // what warps give to the product: [kDown, kOrder], and if there are several [kAcross, kOrder]
    float* sums;  // of warps, if there are several
    static constexpr int kOthers = (1 + kDown + (kOneWarp ? 0 : kAcross)) * kOrder + (kOneWarp ? 0 : 2 * G::warps);

    // [kOrder] each, and [kOthers]; 16-byte aligned
    SALN_HD Space(float* x_, float* u_, float* w_, float* others)
        : x(x_),
          u(u_),
          w(w_),
          row(others),
          columns(row + kOrder),
          rows(columns + kDown * kOrder),
          sums(rows + kAcross * kOrder) {}
  };

  SALN_DEVICE explicit RegisterMatrix(const Space& space) : space_(space) {}

  // Rows and columns beyond the tile's become zero; the last entry of d [n] is set.
  SALN_DEVICE void load(const G& g, const Tile<float>& tile, float* d) {
    const Thread me;
    const int n = tile.n;
#pragma unroll
    for (int half = 0; half < kHalves; ++half)
#pragma unroll
      for (int I = 0; I < kStrips; ++I) {
        const int i = kSide * I + me.r + kTall * half, c = kSide * I + me.c;
        const float* row = tile.row(i) + me.c;
        float* to = a_[half] + packed(I);
#pragma unroll
        for (int J = 0; J < I; ++J) to[J] = i < n ? row[kSide * J] : 0.0f;
        to[I] = i < n && c < n ? tile.at(i > c ? i : c, i > c ? c : i) : 0.0f;
      }
    const float* last = tile.row(n - 1);
#pragma unroll
    for (int s = 0; s < kOwn; ++s) set(me, s, me.own(s) < n - 1 ? last[me.own(s)] : 0.0f, 0, 0);
    if (g.rank == 0) d[n - 1] = last[n - 1];
    g.sync();
  }

  // d [n], e [n − 1], tau [n]; row j of the tile receives u of step j. Ends with a barrier.
  SALN_DEVICE void reduce(const G& g, const Tile<float>& tile, float* d, float* e, float* tau) {
    int j = uniform(tile.n - 1);
    steps<kGroups>(g, j, tile, d, e, tau);
  }

 private:
  static constexpr int packed(int strip) { return strip * (strip + 1) / 2; }
  // An access of a warp to four entries of all its rows, or columns, of the square falls into 32 banks.
  static SALN_DEVICE int place(int i) {
    const int residue = i & (kSide - 1);
    return residue * kStrips + (i / kSide ^ turned(residue));
  }
  static SALN_DEVICE int turned(int residue) {
    return kStrips == 16 ? 2 * residue & 12 : kStrips == 8 ? residue & 4 : 0;
  }

  // Where this thread is in the square, and the entries of vectors that are its.
  struct Thread {
    const uint32_t rank = thread_rank(), lane = rank & 31, warp = kOneWarp ? 0 : rank >> 5;
    const uint32_t r = warp / kAcross * 4 + (lane >> 3), c = warp % kAcross * 8 + (lane & 7);

    // A row whose sum it has.
    SALN_DEVICE int row(int t) const {
      const int strip = lane & 7;
      if (kStrips == 4) return kSide * (strip & 3) + r + (strip & 4);
      return kHalves == 2 ? kSide * strip + r + kTall * t : kSide * (strip + 8 * t) + r;
    }
    SALN_DEVICE int own(int s) const { return kOneWarp ? row(s) : int(rank); }
  };
  // In one warp, the lane whose row it is.
  static SALN_DEVICE int owner(int i) { return (i & 3) * kSide + i / kSide + (kStrips == 4 ? i & 4 : 0); }

  // What follows from a thread's place is kept in registers if there are any; where so many groups of rows are in use
  // it is worked out anew.
  static constexpr int kFull = 13;
  template <int kLive>
  static SALN_DEVICE Thread here(const Thread& held) {
    if constexpr (kLive < kFull)
      return held;
    else
      return Thread();
  }

  // The steps that kLive groups of rows are still needed for, and then the rest: straight code, of which ever fewer
  // registers are in use.
  template <int kLive>
  SALN_DEVICE void steps(const G& g, int& j, const Tile<float>& tile, float* d, float* e, float* tau) {
    const Thread me;
    for (; j > kTall * (kLive - 1); --j) step<kLive>(g, me, j, tile, d, e, tau);
    if constexpr (kLive > 1) steps<kLive - 1>(g, j, tile, d, e, tau);
  }
  // Strips in which a thread's first, or second, row is in use.
  static constexpr int strips(int live, int half) { return (live + kHalves - 1 - half) / kHalves; }

  template <int kLive>
  SALN_DEVICE void step(const G& g, const Thread& held, int j, const Tile<float>& tile, float* d, float* e,
                        float* tau) {
    constexpr int kLast = (kLive - 1) % kHalves;  // which of its thread's rows in a strip the pivot's is
    const int pivot_row = j - 1;
    float x[kOwn], y[kRows], rest = 0, along = update_and_multiply<kLive>(held, y);
    const Thread me = here<kLive>(held);
    if (int(me.r) == (pivot_row & (kTall - 1))) publish<strips(kLive, kLast)>(me, a_[kLast]);
#pragma unroll
    for (int s = 0; s < kOwn; ++s) {
      x[s] = load_here(space_.x + place(me.own(s)));
      if (me.own(s) < pivot_row) rest += x[s] * x[s];
      if constexpr (kOneWarp) along += x[s] * y[s];
    }
    const float pivot = load_here(space_.x + place(pivot_row));
    sum_both(g, me, rest, along);
    const FastReflector h(pivot, rest);
    float y_pivot, own_y[kOwn];
    if constexpr (kOneWarp) {
#pragma unroll
      for (int s = 0; s < kOwn; ++s) own_y[s] = y[s] + space_.columns[place(me.own(s))];
      y_pivot = shuffle(own_y[kOwn == 2 ? kLast : 0], owner(pivot_row));
    } else {
      own_y[0] = product(me.own(0));
      y_pivot = product(pivot_row);
    }
    const float diagonal = space_.row[place(pivot_row)];
    const float p_pivot = h.inverse * (y_pivot - h.beta * diagonal);
    const float scaled = h.tau * h.inverse, along_u = h.inverse * (along - h.beta * y_pivot) - h.beta * p_pivot;
    const float half = 0.5f * h.tau * scaled * along_u, w_pivot = h.tau * p_pivot - half;
    if (me.rank == 0) {
      d[pivot_row] = diagonal - 2 * w_pivot;
      e[pivot_row] = h.beta;
      tau[j] = h.tau;
    }
#pragma unroll
    for (int s = 0; s < kOwn; ++s) {
      const int i = me.own(s);
      // Behind the pivot x is zero, and with it u.
      const float u = i == pivot_row ? 1.0f : x[s] * h.inverse, a = space_.row[place(i)];
      const float w = i < j ? scaled * (own_y[s] - h.beta * a) - half * u : 0.0f;
      const float next = i < pivot_row ? a - w - w_pivot * u : 0.0f;
      if (i < j) tile.row(j)[i] = u;
      set(me, s, next, u, w);
    }
    g.sync();
  }

  // A ← A − u wᵀ − w uᵀ and y = A x: this thread's sums of rows, and what its warp gives to the product in shared
  // memory; of rows only if there are several. Returns this thread's part of xᵀy, but for the rows that are its own.
  // Four strips of columns at a time, so that few numbers beside the matrix are held.
  template <int kLive>
  SALN_DEVICE float update_and_multiply(const Thread& held, float (&y)[kRows]) {
    constexpr int kLiveStrips = strips(kLive, 0);
    const Thread me = here<kLive>(held);
    float sum[kHalves][kStrips] = {}, down[kStrips] = {};
#pragma unroll
    for (int left = 0; left < kLiveStrips; left += 4) {
      float x[4], u[4], w[4];
      const int column = me.c * kStrips + (left ^ turned(me.c));
      load_four_here(space_.u + column, u);
      load_four_here(space_.w + column, w);
      load_four_here(space_.x + column, x);
#pragma unroll
      for (int first = left; first < kLiveStrips; first += 4)
#pragma unroll
        for (int half = 0; half < kHalves; ++half) {
          const int residue = me.r + kTall * half, row = residue * kStrips + (first ^ turned(residue));
          float of_x[4], of_u[4], of_w[4];
          load_four_here(space_.u + row, of_u);
          load_four_here(space_.w + row, of_w);
          load_four_here(space_.x + row, of_x);
#pragma unroll
          for (int I = first; I < strips(kLive, half) && I < first + 4; ++I)
#pragma unroll
            for (int J = left; J <= I && J < left + 4; ++J) {
              float& a = a_[half][packed(I) + J];
              a -= of_u[I - first] * w[J - left];
              a -= of_w[I - first] * u[J - left];
              sum[half][I] += a * x[J - left];
              if (J < I) down[J] += a * of_x[I - first];
            }
        }
    }
    return fold_rows<kLive>(held, sum, y) + fold_columns<kLive>(held, down);
  }

  template <int kLive>
  SALN_DEVICE float fold_rows(const Thread& held, float (&sum)[kHalves][kStrips], float (&y)[kRows]) const {
    constexpr int kEnd = kStrips < 8 ? kStrips : 8;
    const Thread me = here<kLive>(held);
#pragma unroll
    for (int bit = 1; bit < kEnd; bit *= 2)
#pragma unroll
      for (int half = 0; half < kHalves; ++half)
#pragma unroll
        for (int I = 0; I < strips(kLive, half); I += 2 * bit)
          sum[half][I] = I + bit < strips(kLive, half) ? join(sum[half][I], sum[half][I + bit], me.lane, bit)
                                                       : sum[half][I] + shuffle_xor(sum[half][I], bit);
    if constexpr (kStrips == 4) {
      y[0] = join(sum[0][0], sum[1][0], me.lane, 4);
    } else {
#pragma unroll
      for (int t = 0; t < kRows; ++t) y[t] = kHalves == 2 ? sum[t][0] : sum[0][8 * t];
    }
    float along = 0;
    if constexpr (!kOneWarp) {
#pragma unroll
      for (int t = 0; t < kRows; ++t) {
        const int at = place(me.row(t));
        along += y[t] * space_.x[at];
        space_.rows[me.warp % kAcross * kOrder + at] = y[t];
      }
    }
    return along;
  }

  template <int kLive>
  SALN_DEVICE float fold_columns(const Thread& held, float (&down)[kStrips]) const {
    const Thread me = here<kLive>(held);
#pragma unroll
    for (int bit = 1; bit < 4; bit *= 2)
#pragma unroll
      for (int J = 0; J < strips(kLive, 0); ++J)
        if (J % (2 * kColumns * bit) < kColumns)
          down[J] = J + kColumns * bit < strips(kLive, 0) ? join(down[J], down[J + kColumns * bit], me.lane, 8 * bit)
                                                          : down[J] + shuffle_xor(down[J], 8 * bit);
    const int at = me.c * kStrips + (kColumns * (me.lane >> 3) ^ turned(me.c));
    float* to = space_.columns + me.warp / kAcross * kOrder + at;
    if constexpr (kColumns == 4)
      store_four(to, down[0], down[1], down[2], down[3]);
    else if constexpr (kColumns == 2)
      store_two(to, down[0], down[1]);
    else
      to[0] = down[0];
    float along = 0;
#pragma unroll
    for (int t = 0; t < kColumns; ++t) along += down[t] * space_.x[at + t];
    return along;
  }

  // Sums over lanes that differ in a bit: of x in those that lack it, of y in the others.
  static SALN_DEVICE float join(float x, float y, uint32_t lane, int bit) {
    const bool upper = lane & bit;
    return (upper ? y : x) + shuffle_xor(upper ? x : y, bit);
  }

  // Entry i of the product, of what all warps gave.
  SALN_DEVICE float product(int i) const {
    const int at = place(i);
    float y = 0;
#pragma unroll
    for (int k = 0; k < kAcross; ++k) y += space_.rows[k * kOrder + at];
#pragma unroll
    for (int k = 0; k < kDown; ++k) y += space_.columns[k * kOrder + at];
    return y;
  }

  // The pivot's row, up to the diagonal, for all; it is in the last of kLive strips.
  template <int kLive>
  SALN_DEVICE void publish(const Thread& me, const float (&a)[kEntries]) const {
    const auto entry = [&](int J) { return J < kLive ? a[packed(kLive - 1) + (J < kLive ? J : 0)] : 0.0f; };
#pragma unroll
    for (int J = 0; J < kLive; J += 4)
      store_four(space_.row + me.c * kStrips + (J ^ turned(me.c)), entry(J), entry(J + 1), entry(J + 2), entry(J + 3));
  }

  // Sums over all threads, by a barrier that is also behind what they wrote before.
  SALN_DEVICE void sum_both(const G& g, const Thread& me, float& a, float& b) const {
    float both[2] = {a, b};
    fold<1, 16>(both, me.lane);
    for (int mask = 8; mask > 0; mask /= 2) both[0] += shuffle_xor(both[0], mask);
    if constexpr (kOneWarp) {
      const float other = shuffle_xor(both[0], 16);
      const bool upper = me.lane & 16;
      a = upper ? other : both[0], b = upper ? both[0] : other;
      g.sync();
    } else {
      if ((me.lane & 15) == 0) space_.sums[2 * me.warp + (me.lane >> 4)] = both[0];
      g.sync();
      a = b = 0;
#pragma unroll
      for (int w = 0; w < G::warps; w += 2) {
        float two[4];
        load_four(space_.sums + 2 * w, two);
        a += two[0], b += two[1];
        a += two[2], b += two[3];
      }
    }
  }

  SALN_DEVICE void set(const Thread& me, int s, float x, float u, float w) {
    const int at = place(me.own(s));
    space_.x[at] = x;
    space_.u[at] = u;
    space_.w[at] = w;
  }

  const Space& space_;
  float a_[kHalves][kEntries];
};

}  // namespace saln::device
