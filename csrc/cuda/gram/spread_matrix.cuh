// Products of one vector with a symmetric matrix of up to 256 rows that the registers of a block hold: thread (i, j) of
// a square of 16 × 16 has entry (16 I + i, 16 J + j) of every block J ≤ I. A product reads only the vector from memory.
#pragma once
#include "cuda/gram/transform.cuh"

namespace saln::device {

// The vectors of a product, in shared memory: the one multiplied, what warps give to the entries of the product, as
// rows and as columns, and to x·y. Entry 16 I + i of a vector is at spread(…): the entries that a thread takes are
// neighbours, and eight threads' 16-byte accesses fall into 32 banks.
template <class G>
struct SpreadSpace {
  static constexpr int kSide = 16, kPitch = 20, kVector = kSide * kPitch;
  static constexpr int kRowParts = 2, kColumnParts = 4, kParts = kRowParts + kColumnParts;
  static constexpr int kElements = (1 + kParts) * kVector + G::warps;
  float* vector;  // [kElements], 16-byte aligned

  static SALN_DEVICE int spread(int i) { return i % kSide * kPitch + i / kSide; }
  SALN_DEVICE float* part(int which) const { return vector + (1 + which) * kVector; }
  SALN_DEVICE float* along() const { return part(kParts); }
};

template <class G>
class SpreadMatrix {
  using Space = SpreadSpace<G>;
  static constexpr int kSide = Space::kSide;
  static_assert(G::threads == kSide * kSide);

 public:
  static constexpr int kOrder = kSide * kSide;

  // A warp is 4 rows of the square by 8 columns.
  SALN_DEVICE SpreadMatrix(const G& g, const Tile<float>& tile, const Space& space)
      : space_(space),
        n_(tile.n),
        strips_((tile.n + kSide - 1) / kSide),
        row_(g.warp / 2 * 4 + g.lane / 8),
        column_(g.warp % 2 * 8 + g.lane % 8) {
#pragma unroll
    for (int I = 0; I < kSide; ++I)
#pragma unroll
      for (int J = 0; J <= I; ++J) {
        const int i = kSide * I + row_, j = kSide * J + column_;
        entry_[I * (I + 1) / 2 + J] = i >= n_ || j >= n_ ? 0.0f : j <= i ? tile.at(i, j) : tile.at(j, i);
      }
  }

  // y = A x, each entry by its row's thread; x and y [n] are two arrays. Returns x·y.
  SALN_DEVICE float multiply(const G& g, const float* x, float* y) const {
    const int place = Space::spread(g.rank);
    space_.vector[place] = g.rank < n_ ? x[g.rank] : 0.0f;
    g.sync();
    float row[2], along = 0;
    float* columns = space_.part(Space::kRowParts + g.warp / 2) + column_ * Space::kPitch;
    half<0>(g, columns, row, along);
    half<kSide / 2>(g, columns, row, along);
    along = warp_sum(along);
    if (g.lane == 0) space_.along()[g.warp] = along;
    const int first = g.lane / 4 % 2 + g.lane / 2 % 2 * 2 + g.lane % 2 * 4;
    float* rows = space_.part(g.warp % 2) + row_ * Space::kPitch + first;
    rows[0] = row[0];
    rows[8] = row[1];
    g.sync();
    float total = 0;
#pragma unroll
    for (int part = 0; part < Space::kParts; ++part) total += space_.part(part)[place];
    if (g.rank < n_) y[g.rank] = total;
    float whole = 0;
#pragma unroll
    for (int w = 0; w < G::warps; ++w) whole += space_.along()[w];
    return whole;
  }

 private:
  // The blocks of columns kFirst … kFirst + 7. What they give to the rows is summed over the lanes of a row as soon as
  // eight rows are done, so that few sums are held: row[h] is that of strip 8 h + the lane's.
  template <int kFirst>
  SALN_DEVICE void half(const G& g, float* columns, float (&row)[2], float& along) const {
    constexpr int kHalf = kSide / 2;
    if (kFirst == 0) row[0] = row[1] = 0;
    float across[kHalf], down[kHalf] = {};  // x of the columns, and what the columns are given
    load_eight(column_, kFirst, across);
#pragma unroll
    for (int h = kFirst / kHalf; h < 2; ++h) {
      if (kHalf * h >= strips_) continue;
      float eight[kHalf];
#pragma unroll
      for (int q = 0; q < kHalf; ++q) {
        const int I = kHalf * h + q;
        const float x = load_here(space_.vector + row_ * Space::kPitch + I);
        const float* entry = entry_ + I * (I + 1) / 2 + kFirst;
        float sum = 0;
#pragma unroll
        for (int J = 0; J < kHalf; ++J) {
          if (kFirst + J > I) continue;
          sum += entry[J] * across[J];
          if (kFirst + J < I) down[J] += entry[J] * x;
        }
        along += sum * x;
        eight[q] = sum;
        if (q % 2 == 1) join<4>(eight[q - 1], eight[q], g.lane);
        if (q % 4 == 3) join<2>(eight[q - 3], eight[q - 1], g.lane);
      }
      join<1>(eight[0], eight[4], g.lane);
      row[h] += eight[0];
    }
#pragma unroll
    for (int J = 0; J < kHalf; ++J) along += down[J] * across[J];
    fold<4, 16>(down, g.lane);
    fold<2, 8>(down, g.lane);
    float* to = columns + kFirst + 2 * (g.lane / 8);
    to[0] = down[0];
    to[1] = down[1];
  }

  // Sums over lanes that differ in kMask: x in those without the bit, y, which x becomes, in those with it.
  template <int kMask>
  static SALN_DEVICE void join(float& x, float y, int lane) {
    const bool upper = lane & kMask;
    x = (upper ? y : x) + shuffle_xor(upper ? x : y, kMask);
  }

  SALN_DEVICE void load_eight(int place, int first, float (&to)[8]) const {
#pragma unroll
    for (int q = 0; q < 8; q += 4) {
      float four[4];
      load_four(space_.vector + place * Space::kPitch + first + q, four);
#pragma unroll
      for (int e = 0; e < 4; ++e) to[q + e] = four[e];
    }
  }

  const Space space_;
  const int n_, strips_, row_, column_;
  float entry_[kSide * (kSide + 1) / 2];
};

}  // namespace saln::device
