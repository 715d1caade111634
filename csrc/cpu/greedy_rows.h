// The rows of a super-batch in whole blocks, and sums over pairs of them. What is computed for a row depends neither on
// the block's other rows nor on which thread has the block, so threads change no bit.
#pragma once
#include "cpu/arena.h"
#include "cpu/dense.h"
#include "cpu/gram.h"
#include "cpu/greedy.h"
#include "cpu/rows.h"

namespace saln {
inline namespace SALN_VARIANT {

// Rows handled together: enough independent sums for the latency of an addition.
template <class T>
constexpr int kBlock = 4 * kWidth<T>;
template <class T>
int64_t round_up_block(int64_t n) {
  return (n + kBlock<T> - 1) / kBlock<T> * kBlock<T>;
}

// Products worth a thread of their own: some twenty microseconds, several times what handing them over costs.
constexpr int64_t kGrain = 1 << 19;

// The rows that are chosen by what they hold, and those set aside, whose similarities would overflow.
struct GreedySelection : Selection {
  int32_t* aside;  // [n_aside] places in the candidate
  int n_aside = 0;

  // Sets aside rows that are not usable(i); false where there are none.
  template <class Usable>
  bool set_aside(const Usable& usable) {
    const int before = n;
    n = 0;
    for (int i = 0; i < before; ++i) {
      if (usable(i)) {
        row[n] = row[i];
        position[n++] = position[i];
      } else {
        aside[n_aside++] = position[i];
      }
    }
    return n < before;
  }
};

// Pointers to rows, in place or converted; beyond the last one they repeat it up to a whole block and a Gram tile.
template <class T>
class BlockRows {
 public:
  // `rescales`: rows may be multiplied.
  BlockRows(const View& view, int64_t b, bool rescales, Arena& arena) : view_(view), ld_(round_up<T>(view.cols)) {
    in_place_ = view.col_stride == 1 && view.dtype == (sizeof(T) == 8 ? DType::float64 : DType::float32);
    rows_ = arena.take<const T*>(round_up_block<T>(b) + kTileSlack);
    if (!in_place_ || rescales) copies_ = arena.take<T>(b * ld_);
  }

  void fetch(const Selection& selection, const Team& team) {
    const int n = selection.n;
    for (int i = 0; i < n; ++i)
      rows_[i] =
          in_place_ ? static_cast<const T*>(view_.data) + selection.row[i] * view_.row_stride : copies_ + i * ld_;
    if (!in_place_)  // to convert a number costs as much as eight products
      team.run(n, kGrain / (8 * ld_) + 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) copy_row(view_, selection.row[i], copies_ + i * ld_);
      });
    for (int64_t i = n; i < round_up_block<T>(n) + kTileSlack; ++i) rows_[i] = rows_[n - 1];
  }

  // For `cosine`, which does not see a row's length: rows whose square is not plain become copies, multiplied. False
  // where there are none.
  bool rescale(const Selection& selection, const T* square) {
    bool any = false;
    for (int64_t i = 0; i < selection.n; ++i) {
      if (is_plain_square(square[i])) continue;
      T* const copy = copies_ + i * ld_;
      copy_row(view_, selection.row[i], copy);
      if (!rescale_row(copy, view_.cols)) continue;
      rows_[i] = copy;
      any = true;
    }
    for (int64_t i = selection.n; any && i < round_up_block<T>(selection.n) + kTileSlack; ++i)
      rows_[i] = rows_[selection.n - 1];
    return any;
  }

  bool is_finite(int64_t i) const { return is_finite_row(rows_[i], view_.cols); }
  const T* const* at(int64_t i) const { return rows_ + i; }
  const T* operator[](int64_t i) const { return rows_[i]; }
  int64_t width() const { return view_.cols; }

 private:
  const View& view_;
  int64_t ld_;
  bool in_place_;
  const T** rows_;
  T* copies_ = nullptr;
};

// out [4] = Σ_t term(k, rows[k][t], x[t]) for four rows of d elements.
template <class T, class Term>
SALN_INLINE void four_sums(const T* const* rows, const T* x, int64_t d, const Term& term, T* out) {
  using V = Vec<T>;
  constexpr int W = kWidth<T>;
  V even[4] = {}, odd[4] = {};
  int64_t t = 0;
  for (; t + 2 * W <= d; t += 2 * W) {
    const V x0 = load(x + t), x1 = load(x + t + W);
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
      even[k] = even[k] + term(k, load(rows[k] + t), x0);
      odd[k] = odd[k] + term(k, load(rows[k] + t + W), x1);
    }
  }
  if (t + W <= d) {
    const V x0 = load(x + t);
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) even[k] = even[k] + term(k, load(rows[k] + t), x0);
    t += W;
  }
  if (t < d) {
    const V x0 = load_first(x + t, int(d - t));
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) odd[k] = odd[k] + term(k, load_first(rows[k] + t, int(d - t)), x0);
  }
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) even[k] = even[k] + odd[k];
  sum_four(even, out);
}

// out [kBlock] = the products of a block of rows with x.
template <class T>
void block_products(const T* const* rows, const T* x, int64_t d, T* out) {
  const auto product = [](int, Vec<T> a, Vec<T> b) { return a * b; };
  for (int i = 0; i < kBlock<T>; i += 4) four_sums(rows + i, x, d, product, out + i);
}

// out [kBlock] = ‖scale_i row_i − x‖² of a block of rows.
template <class T>
void block_distances(const T* const* rows, const T* scale, const T* x, int64_t d, T* out) {
  for (int i = 0; i < kBlock<T>; i += 4) {
    const auto square = [&](int k, Vec<T> a, Vec<T> b) {
      const Vec<T> difference = a * splat<Vec<T>>(scale[i + k]) - b;
      return difference * difference;
    };
    four_sums(rows + i, x, d, square, out + i);
  }
}

// square [n rounded up] = ‖row_i‖², to the bit what block_products gives for two such rows.
template <class T>
void squared_norms(const BlockRows<T>& rows, int64_t n, const Team& team, T* square) {
  const auto term = [](int, Vec<T> a, Vec<T>) { return a * a; };
  const int64_t grain = kGrain / (4 * rows.width()) + 1;
  team.run((n + 3) / 4, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) four_sums(rows.at(4 * i), rows[0], rows.width(), term, square + 4 * i);
  });
}

// The same, to the bit what Gram tiles give.
template <class T>
void squared_norms_of_tiles(const BlockRows<T>& rows, int64_t n, const Team& team, T* square) {
  constexpr int R = kTileRows < kTileCols ? kTileRows : kTileCols;
  team.run((n + R - 1) / R, kGrain / (kTileRows * kTileCols * rows.width()) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; ++s) {
      T products[kTileRows * kTileCols];
      gram_tile<kTileRows, Direct<T>>(rows.at(s * R), rows.at(s * R), int(rows.width()),
                                      reinterpret_cast<const char*>(rows[0]), products, kTileCols);
      for (int r = 0; r < R && s * R + r < n; ++r) square[s * R + r] = products[r * kTileCols + r];
    }
  });
}

// The largest of scores, each block's kept apart so that blocks can be looked through by several threads.
template <class T>
struct Largest {
  T* value;        // [blocks]
  int32_t* index;  // [blocks]

  explicit Largest(int64_t b, Arena& arena)
      : value(arena.take<T>(round_up_block<T>(b) / kBlock<T>)),
        index(arena.take<int32_t>(round_up_block<T>(b) / kBlock<T>)) {}

  // scores [kBlock] of block number `block`; the first of equal ones counts.
  SALN_INLINE void look(int64_t block, const T* scores) {
    constexpr int W = kWidth<T>;
    const Vec<T> four =
        larger(larger(load(scores), load(scores + W)), larger(load(scores + 2 * W), load(scores + 3 * W)));
    T top = four.v[0];
    for (int l = 1; l < W; ++l) top = larger(four.v[l], top);
    int at = 0;
    while (at < kBlock<T> - 1 && scores[at] != top) ++at;
    value[block] = top;
    index[block] = int32_t(block * kBlock<T> + at);
  }

  // The lowest row of the largest score over n rows.
  int best(int64_t n, T* top) const {
    int64_t block = 0;
    for (int64_t other = 1; other * kBlock<T> < n; ++other)
      if (value[other] > value[block]) block = other;
    *top = value[block];
    return index[block];
  }
};

}  // namespace SALN_VARIANT
}  // namespace saln
