// Any order: the matrix lies in shared memory (kShared), else in the workspace, and is solved there, by reduction or by
// Lanczos.
#pragma once
#include "candidate_kernel.cuh"
#include "lanczos.cuh"
#include "tridiagonalize_memory.cuh"

namespace saln::device {

template <class T, bool kShared>
class MemoryKernel : public CandidateKernel<MemoryKernel<T, kShared>, T, Group<256>, 0> {
  using Base = CandidateKernel<MemoryKernel, T, Group<256>, 0>;
  using G = Group<256>;
  friend Base;

 public:
  static constexpr bool kEstimates = true, kSolvesInPlace = false, kHasColumns = true, kQuads = true;
  static constexpr int blocks = 1;

  SALN_HD MemoryKernel(const Call& call, Memory& shared, Memory& global)
      : MemoryKernel(call, shared, EitherMemory(kShared || call.choice.near_is_shared, shared, global), global,
                     vector_space(call, global)) {}

  SALN_DEVICE void reduce(G& g, const Tile<T>& tile) const {
    const Choice& choice = this->call_.choice;
    matrix_.complete(g, tile);
    if (!randomized(choice)) {
      matrix_.reduce(g, tile, this->exact_.d, this->exact_.e, this->exact_.tau);
      return;
    }
    const Problem& p = this->call_.problem;
    const Moments& seen = this->state_->moments;
    const bool semidefinite =
        p.similarity != Similarity::precomputed && p.similarity != Similarity::given && p.laplacian == Laplacian::none;
    const int found =
        lanczos_.run(g, tile.n, choice.n_iter, choice.count, this->call_.task.seed, semidefinite, seen.trace,
                     seen.square, T(sqrt(seen.square)), [&](const T* x, T* y) { matrix_.multiply(g, tile, x, y); });
    if (g.rank == 0) this->state_->found = found;
  }

  SALN_DEVICE void take_estimate(G& g, const Tile<T>& tile, Solution<T>& s) const {
    const Choice& choice = this->call_.choice;
    s.found = this->state_->found;
    s.values = lanczos_.values;
    s.truncation = lanczos_.truncation;
    if (!choice.vectors) return;
    s.vectors = this->space().vectors;
    lanczos_.expand(g, tile.n, choice.n_iter, s.found, this->space().vectors);
  }

 private:
  // The vectors' space comes first in the workspace, where Base looks for it.
  SALN_HD MemoryKernel(const Call& call, Memory& shared, EitherMemory near, Memory& global, bool)
      : MemoryKernel(call, shared, near, global, shared.take<char>(region_bytes(call.choice))) {}

  SALN_HD MemoryKernel(const Call& call, Memory& shared, EitherMemory near, Memory& global, char* region)
      : Base(call, shared, region, near, call.choice.order, call.choice.count), matrix_(near, call.choice.order) {
    const Choice& choice = call.choice;
    const int64_t elements = tile_elements(choice.order, kQuads);
    this->tile_ = kShared ? shared.take<T>(elements) : global.take<T>(elements);
    if (randomized(choice))
      lanczos_ = Lanczos<T>(choice.order, choice.n_iter, choice.count,
                            choice.basis_is_shared ? reinterpret_cast<T*>(region) : nullptr, near, global);
  }

  static SALN_HD bool vector_space(const Call& call, Memory& global) {
    if (call.choice.vectors) VectorSpace<T>(call.choice.order, call.choice.count, global);
    return true;
  }
  static SALN_HD bool randomized(const Choice& choice) { return choice.solver == Solver::randomized; }
  static SALN_HD int64_t region_bytes(const Choice& choice) {
    const int64_t stages = Base::kStages;
    const int64_t basis = randomized(choice) && choice.basis_is_shared
                              ? Lanczos<T>::basis_elements(choice.order, choice.n_iter) * int64_t(sizeof(T))
                              : 0;
    return basis > stages ? basis : stages;
  }

  MemoryMatrix<T, G> matrix_;
  Lanczos<T> lanczos_;
};

}  // namespace saln::device
