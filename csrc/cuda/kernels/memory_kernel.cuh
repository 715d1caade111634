// Any order: the matrix lies in shared memory (kShared), else in the workspace. It is reduced there; from shared memory
// it is taken into registers where they suffice.
#pragma once
#include "cuda/gram/spread_matrix.cuh"
#include "cuda/kernels/candidate_kernel.cuh"
#include "cuda/solve/lanczos.cuh"
#include "cuda/solve/tridiagonalize_memory.cuh"
#include "cuda/solve/tridiagonalize_registers.cuh"

namespace saln::device {

template <class T, bool kShared>
class MemoryKernel : public CandidateKernel<MemoryKernel<T, kShared>, T, Group<256>, 0> {
  using Base = CandidateKernel<MemoryKernel, T, Group<256>, 0>;
  using G = Group<256>;
  friend Base;

 public:
  static constexpr bool kEstimates = true, kIterates = true, kSolvesInPlace = false, kHasColumns = true, kQuads = true;
  static constexpr bool kStreams = !kShared, kHasPanels = kShared;
  static constexpr bool kHasProducts = true, kTakesParts = sizeof(T) == sizeof(float);
  static constexpr int blocks = 1, kHeldRows = 0;

  SALN_HD MemoryKernel(const Call& call, Memory& shared, Memory& global)
      : MemoryKernel(call, shared, EitherMemory(kShared || call.choice.near_is_shared, shared, global), global,
                     vector_space(call, global)) {}

  // A Krylov space, if that is how the matrix is solved.
  SALN_DEVICE void iterate(G& g, const Tile<T>& tile) const {
    const Choice& choice = this->call_.choice;
    if (!randomized(choice)) return;
    const T norm = T(sqrt(this->state_->moments.square));
    const uint64_t& seed = this->call_.task.seed;
    T rest;
    if (choice.in_registers) {
      if constexpr (kShared) {
        Lanczos<T> near = lanczos_;
        near.basis = region_;
        near.ld = kOrder;  // as it is, and known here
        const SpreadMatrix<G> matrix(g, tile, spread_space_);
        g.sync();
        rest = near.template iterate<true>(g, tile.n, choice.n_iter, seed, norm,
                                           [&](const T* x, T* y) { return matrix.multiply(g, x, y); });
      }
    } else {
      matrix_.complete(g, tile);
      rest = lanczos_.template iterate<false>(g, tile.n, choice.n_iter, seed, norm,
                                              [&](const T* x, T* y) { return matrix_.multiply(g, tile, x, y); });
    }
    if (g.rank == 0) this->state_->rest = rest;
  }

  SALN_DEVICE void reduce(G& g, const Tile<T>& tile) const {
    const Choice& choice = this->call_.choice;
    if (!randomized(choice)) {
      if constexpr (kShared) {
        if (choice.in_registers) {
          // Where the stages were.
          const typename Registers::Space space(region_, region_ + kOrder, region_ + 2 * kOrder, region_ + 3 * kOrder);
          Registers matrix(space);
          matrix.load(g, tile, this->exact_.d);
          matrix.reduce(g, tile, this->exact_.d, this->exact_.e, this->exact_.tau);
          return;
        }
      }
      matrix_.complete(g, tile);
      matrix_.reduce(g, tile, this->exact_.d, this->exact_.e, this->exact_.tau);
      return;
    }
    const Problem& p = this->call_.problem;
    const Moments& seen = this->state_->moments;
    const bool semidefinite = is_semidefinite(p) && !choice.fiedler;  // whose matrix is negated
    const int found = lanczos_.finish(g, tile.n, choice.n_iter, choice.count, choice.vectors, this->state_->rest,
                                      semidefinite, seen.trace, seen.square);
    if (g.rank == 0) this->state_->found = found;
  }

  SALN_DEVICE void take_estimate(Solution<T>& s) const {
    s.found = this->state_->found;
    s.values = lanczos_.values;
    s.truncation = lanczos_.truncation;
  }

  // Vectors of an estimate. Ends with a barrier.
  SALN_DEVICE void expand(G& g, const Tile<T>& tile, T* vectors) const {
    lanczos_.expand(g, tile.n, this->call_.choice.n_iter, this->state_->found, vectors);
  }

 private:
  // The vectors' space comes first in the workspace, where Base looks for it.
  SALN_HD MemoryKernel(const Call& call, Memory& shared, EitherMemory near, Memory& global, bool)
      : MemoryKernel(call, shared, near, global, shared.take<char>(region_bytes(call.choice))) {}

  // The region is the Gram stages', then the Krylov space's. A matrix that Lanczos takes into registers lies in its
  // rear, and is given up too: the vectors of the tridiagonal matrix, whose arithmetic is all latency, come near.
  SALN_HD MemoryKernel(const Call& call, Memory& shared, EitherMemory near, Memory& global, char* region)
      : Base(call, shared, region, stages(call.choice), near, call.choice.order, call.choice.count),
        matrix_(near, call.choice.in_registers ? 0 : call.choice.order),
        region_(reinterpret_cast<T*>(region)),
        spread_space_{reinterpret_cast<float*>(region + basis_bytes(call.choice))} {
    const Choice& choice = call.choice;
    this->tile_ = !kShared          ? global.take<T>(tile_size(choice))
                  : spreads(choice) ? reinterpret_cast<T*>(region + stages_bytes(choice))
                                    : shared.take<T>(tile_size(choice));
    if (randomized(choice))
      lanczos_ = Lanczos<T>(
          basis_order(choice), choice.n_iter, choice.count, choice.basis_is_shared ? region_ : nullptr,
          spreads(choice) ? reinterpret_cast<T*>(region + basis_bytes(choice) + spread_bytes(choice)) : nullptr, near,
          global);
  }

  static SALN_HD bool vector_space(const Call& call, Memory& global) {
    if (call.choice.vectors) VectorSpace<T>(call.choice.order, call.choice.count, global);
    return true;
  }
  static constexpr int kOrder = G::threads;  // that registers hold
  using Registers = RegisterMatrix<kOrder, G>;

  // Rows of its basis: as many as there may be, since addresses that are constants cost less.
  static SALN_HD int64_t basis_order(const Choice& choice) { return spreads(choice) ? kOrder : choice.order; }
  // Whether Lanczos takes the matrix into registers.
  static SALN_HD bool spreads(const Choice& choice) { return choice.in_registers && randomized(choice); }
  static SALN_HD bool randomized(const Choice& choice) { return choice.solver == Solver::randomized; }
  // A matrix so large that its rows do not fit a stage at once takes the room of the other stages: it is the solver
  // that takes time.
  static SALN_HD int stages(const Choice& choice) {
    return kShared && choice.order > Base::Products::kRows ? 1 : Base::Products::kStages;
  }
  static SALN_HD int64_t stages_bytes(const Choice& choice) {
    if (choice.parts > 0) return 0;
    return choice.in_panels ? UnitPanels<G>::kStages : stages(choice) * Base::Products::kStage;
  }
  static SALN_HD int64_t basis_bytes(const Choice& choice) {
    if (!randomized(choice) || !choice.basis_is_shared) return 0;
    return Lanczos<T>::basis_elements(basis_order(choice), choice.n_iter) * int64_t(sizeof(T));
  }
  // Numbers; where the totals of panels lie too.
  static SALN_HD int64_t tile_size(const Choice& choice) {
    const int64_t tile = tile_elements(choice.order, kQuads);
    return choice.in_panels && tile < UnitPanels<G>::kTotals ? UnitPanels<G>::kTotals : tile;
  }
  static SALN_HD int64_t spread_bytes(const Choice& choice) {
    return spreads(choice) ? (SpreadSpace<G>::kElements * int64_t(sizeof(float)) + 15) / 16 * 16 : 0;
  }
  static SALN_HD int64_t region_bytes(const Choice& choice) {
    int64_t before = stages_bytes(choice), after = basis_bytes(choice);
    if (spreads(choice)) {
      before += tile_size(choice) * int64_t(sizeof(T));
      after += spread_bytes(choice) + Lanczos<T>::vector_elements(choice.n_iter, choice.count) * int64_t(sizeof(T));
    }
    if (kShared && choice.in_registers && !randomized(choice))
      after = int64_t(sizeof(T)) * (3 * kOrder + Registers::Space::kOthers);
    return before > after ? before : after;
  }

  MemoryMatrix<T, G> matrix_;
  T* region_;
  SpreadSpace<G> spread_space_;
  Lanczos<T> lanczos_;
};

}  // namespace saln::device
