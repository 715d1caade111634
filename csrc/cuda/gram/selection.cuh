// A candidate's rows: their numbers, padding left out, and where each stood in the candidate.
#pragma once
#include "core/problem.h"
#include "cuda/machine/group.cuh"
#include "cuda/machine/memory.cuh"

namespace saln::device {

struct Selection {
  int64_t* row;       // [b] row in the features; of a given matrix, where it starts
  int32_t* position;  // [b] place in the candidate
  int32_t* found;     // [2] real rows; row numbers out of range

  template <class Near>
  SALN_HD Selection(Near& near, int64_t b)
      : row(near.template take<int64_t>(b)),
        position(near.template take<int32_t>(b)),
        found(near.template take<int32_t>(2)) {}

  SALN_DEVICE int n() const { return found[0]; }
  SALN_DEVICE bool valid() const { return found[1] == 0; }

  // Ends with a barrier.
  template <class G>
  SALN_DEVICE void read(const G& g, const Problem& problem, int64_t c) const {
    const int b = int(problem.size);
    if (problem.similarity == Similarity::given) {
      for (int i = g.rank; i < b; i += G::threads) {
        row[i] = c * problem.matrix_stride;
        position[i] = i;
      }
      if (g.rank == 0) {
        found[0] = b;
        found[1] = 0;
      }
      g.sync();
      return;
    }
    if (g.warp == 0) {
      int count = 0, outside = 0;
      for (int first = 0; first < b; first += 32) {
        const int i = first + g.lane;
        int64_t r = -1;
        if (i < b) {
          const int64_t at = c * problem.candidate_stride + i * problem.position_stride;
          r = problem.candidates_int64 ? static_cast<const int64_t*>(problem.candidates)[at]
                                       : static_cast<const int32_t*>(problem.candidates)[at];
        }
        const bool inside = r >= 0 && r < problem.features.rows;
        const uint32_t real = ballot(inside);
        outside += count_bits(ballot(!inside && r != -1));
        if (inside) {
          const int at = count + count_bits(real & ((1u << g.lane) - 1));
          row[at] = r;
          position[at] = i;
        }
        count += count_bits(real);
      }
      if (g.lane == 0) {
        found[0] = count;
        found[1] = outside;
      }
    }
    g.sync();
  }

  // Ends with a barrier.
  template <class G>
  SALN_DEVICE void copy(const G& g, const Selection& other) const {
    for (int i = g.rank; i < other.n(); i += G::threads) {
      row[i] = other.row[i];
      position[i] = other.position[i];
    }
    if (g.rank < 2) found[g.rank] = other.found[g.rank];
    g.sync();
  }
};

}  // namespace saln::device
