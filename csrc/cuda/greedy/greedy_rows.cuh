// What the greedy kernels share: a launch's arguments, sums over pairs of rows by a warp, the best of many scores, and
// how picks are written.
#pragma once
#include "core/greedy.h"
#include "cuda/gram/selection.cuh"
#include "cuda/machine/elements.cuh"
#include "cuda/machine/group.cuh"
#include "cuda/machine/memory.cuh"
#include "linalg/element.h"

namespace saln::device {

struct GreedyCall {
  Problem problem;
  GreedyTask task;
  GreedyResults results;
  bool vectors_are_shared = true;  // arrays of b numbers lie in shared memory, not in the workspace
  bool matrix_is_shared = true;    // so does the one array of size × b
  char* workspace = nullptr;
  int64_t workspace_stride = 0;  // bytes from one block's to the next
};

// One block a candidate; many warps hide the latency of rows gathered from far memory.
using GreedyGroup = Group<512>;

template <class T>
SALN_DEVICE bool is_number(T x) {
  return x - x == T(0);
}

// Calls visit(data, convert) with the view's own element type.
template <class T, class Visit>
SALN_DEVICE void with_elements(const View& m, const Visit& visit) {
  switch (m.dtype) {
    case DType::float32:
      return visit(static_cast<const float*>(m.data), [](float x) { return T(x); });
    case DType::float64:
      return visit(static_cast<const double*>(m.data), [](double x) { return T(x); });
    case DType::bfloat16:
      return visit(static_cast<const uint16_t*>(m.data), [](uint16_t x) { return T(from_bfloat16(x)); });
    case DType::float16:
      return visit(static_cast<const uint16_t*>(m.data), [](uint16_t x) { return T(from_float16(x)); });
  }
  __builtin_unreachable();
}

// Σ_t term(x_t, y_t) over rows number `a` and `b`, by a warp, in every lane.
template <class T, class Term>
SALN_DEVICE T pair_sum(const View& m, int64_t a, int64_t b, const Term& term) {
  T total = 0;
  with_elements<T>(m, [&](const auto* data, auto convert) {
    const auto *x = data + a * m.row_stride, *y = data + b * m.row_stride;
#pragma unroll 4
    for (int64_t t = thread_rank() % 32; t < m.cols; t += 32)
      total += term(convert(x[t * m.col_stride]), convert(y[t * m.col_stride]));
  });
  return warp_sum(total);
}

template <class T>
SALN_DEVICE T row_product(const View& m, int64_t a, int64_t b) {
  return pair_sum<T>(m, a, b, [](T x, T y) { return x * y; });
}

// Whether no number of row number `a` is NaN or infinite; by a warp, in every lane.
template <class T>
SALN_DEVICE bool is_finite_row(const View& m, int64_t a) {
  return pair_sum<T>(m, a, a, [](T x, T) { return x * T(0); }) == T(0);
}

template <class T>
struct Best {
  T value;
  int row;
};

// The largest score of rows 0 … n − 1, the lowest of equal ones, in every thread; score(i) may be −∞.
template <class T, class Score>
SALN_DEVICE Best<T> largest(GreedyGroup& g, int n, const Score& score) {
  Best<T> mine{-std::numeric_limits<T>::infinity(), INT32_MAX};
  for (int i = g.rank; i < n; i += GreedyGroup::threads) {
    const T value = score(i);
    if (value > mine.value || mine.row == INT32_MAX) mine = {value, i};
  }
  const T top = g.max(mine.value);
  return {top, g.min(mine.value == top ? mine.row : INT32_MAX)};
}

// Lays out a block's arrays where the call has them. Memory is chosen by value: an address that depends on a choice
// would keep the bookkeeping in local memory.
struct GreedyMemory {
  const GreedyCall& call;
  Memory &shared, &global;

  template <class U>
  SALN_HD U* vector(int64_t count) const {
    return call.vectors_are_shared ? shared.take<U>(count) : global.take<U>(count);
  }
  template <class U>
  SALN_HD U* matrix(int64_t count) const {
    return call.matrix_is_shared ? shared.take<U>(count) : global.take<U>(count);
  }
  SALN_HD Selection selection() const {
    return call.vectors_are_shared ? Selection(shared, call.problem.size) : Selection(global, call.problem.size);
  }
};

// The picks of a candidate while they are made.
template <class T>
struct GreedyPicks {
  Selection rows;
  int32_t* chosen;  // [size] numbers among the real rows
  T* gains;         // [size]
  uint8_t* taken;   // [b]
  int32_t* aside;   // [b] places in the candidate of rows set aside, whose similarities would overflow
  int32_t* n_aside;

  SALN_HD explicit GreedyPicks(const GreedyMemory& memory)
      : rows(memory.selection()),
        chosen(memory.vector<int32_t>(memory.call.task.size)),
        gains(memory.vector<T>(memory.call.task.size)),
        taken(memory.vector<uint8_t>(memory.call.problem.size)),
        aside(memory.vector<int32_t>(memory.call.problem.size)),
        n_aside(memory.vector<int32_t>(1)) {}

  // Sets aside the rows that are not usable(i), asked by a row's own thread; false where there are none. Begins and
  // ends with a barrier.
  template <class Usable>
  SALN_DEVICE bool set_aside(GreedyGroup& g, const Usable& usable) const {
    const int n = rows.n();
    int some = 0;
    for (int i = g.rank; i < n; i += GreedyGroup::threads) {
      taken[i] = !usable(i);
      some |= taken[i];
    }
    if (!g.max(some)) return false;
    g.sync();
    if (g.warp == 0) {
      const uint32_t before = (1u << g.lane) - 1;
      int kept = 0, left = *n_aside;
      for (int first = 0; first < n; first += 32) {
        const int i = first + g.lane;
        const bool inside = i < n, leaves = inside && taken[i];
        const int64_t row = inside ? rows.row[i] : 0;
        const int32_t position = inside ? rows.position[i] : 0;
        const uint32_t staying = ballot(inside && !leaves), leaving = ballot(leaves);
        if (leaves) aside[left + count_bits(leaving & before)] = position;
        if (inside && !leaves) {
          const int at = kept + count_bits(staying & before);
          rows.row[at] = row;
          rows.position[at] = position;
        }
        kept += count_bits(staying);
        left += count_bits(leaving);
      }
      sync_warp();
      if (g.lane == 0) {
        rows.found[0] = kept;
        *n_aside = left;
      }
    }
    g.sync();
    return true;
  }

  // Writes `found` picks, −1 for a bad candidate; rows of no more gain complete them, lowest first, then those set
  // aside. Begins and ends with a barrier.
  SALN_DEVICE void put(const GreedyGroup& g, const GreedyCall& call, int64_t c, int found, T nothing) const {
    const int n = rows.n(), all = n + *n_aside, size = int(call.task.size);
    const int usable = found < 0 ? 0 : n < size ? n : size, real = found < 0 ? 0 : all < size ? all : size;
    int64_t* const positions = call.results.positions + c * size;
    T* const out = static_cast<T*>(call.results.gains) + c * size;
    for (int i = g.rank; i < n; i += GreedyGroup::threads) taken[i] = 0;
    g.sync();
    for (int s = g.rank; s < size; s += GreedyGroup::threads) {
      if (s < found) {
        positions[s] = rows.position[chosen[s]];
        out[s] = gains[s];
        taken[chosen[s]] = 1;
      } else if (s >= usable) {
        positions[s] = s < real ? aside[s - usable] : -1;
        out[s] = found < 0 || s < real ? std::numeric_limits<T>::quiet_NaN() : T(0);
      }
    }
    g.sync();
    if (g.rank == 0)
      for (int i = 0, s = found; found >= 0 && s < usable; ++i) {
        if (taken[i]) continue;
        positions[s] = rows.position[i];
        out[s++] = nothing;
      }
    g.sync();
  }
};

// A kernel's loop: K::solve(g, c) gives how many picks were found, −1 for a bad candidate.
template <class K>
SALN_DEVICE void run_greedy(const GreedyCall& call, char* shared) {
  Memory near(shared), far(call.workspace + block_rank() * call.workspace_stride);
  K kernel(GreedyMemory{call, near, far});
  for (int64_t c = block_rank(); c < call.problem.n_candidates; c += grid_size()) {
    GreedyGroup g(kernel.scratch);
    if (g.rank == 0) *kernel.picks.n_aside = 0;
    kernel.picks.rows.read(g, call.problem, c);
    const int n = kernel.picks.rows.n();
    const int found = !kernel.picks.rows.valid() ? -1 : n == 0 ? 0 : kernel.solve(g, c);
    kernel.picks.put(g, call, c, found, kernel.nothing());
  }
}

// Bytes of a block: shared memory and workspace.
struct GreedyFootprint {
  size_t shared, workspace;
};
template <class K>
GreedyFootprint greedy_footprint(const GreedyCall& call) {
  Memory near(nullptr), far(nullptr);
  const K measured(GreedyMemory{call, near, far});
  return {(near.used() + 15) / 16 * 16, (far.used() + 255) / 256 * 256};
}

}  // namespace saln::device
