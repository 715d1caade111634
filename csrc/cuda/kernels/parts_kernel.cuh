// Matrices whose products gram/split_gram.cuh formed in parts, solved exactly: in the workspace, by as many threads as
// their registers allow, since every step waits for memory.
#pragma once
#include "cuda/kernels/candidate_kernel.cuh"
#include "cuda/solve/tridiagonalize_memory.cuh"

namespace saln::device {

class PartsKernel : public CandidateKernel<PartsKernel, float, Group<512>, 0> {
  using Base = CandidateKernel<PartsKernel, float, Group<512>, 0>;
  using G = Group<512>;
  friend Base;

 public:
  static constexpr bool kEstimates = false, kIterates = false, kSolvesInPlace = true, kHasColumns = false,
                        kQuads = true, kStreams = true, kHasPanels = false, kHasProducts = false, kTakesParts = true;
  static constexpr int blocks = 1, kHeldRows = 0;

  SALN_HD PartsKernel(const Call& call, Memory& shared, Memory& global)
      : PartsKernel(call, shared, EitherMemory(call.choice.near_is_shared, shared, global), global) {}

  SALN_DEVICE void reduce(G& g, const Tile<float>& tile) const {
    matrix_.complete(g, tile);
    matrix_.reduce(g, tile, this->exact_.d, this->exact_.e, this->exact_.tau);
  }

 private:
  SALN_HD PartsKernel(const Call& call, Memory& shared, EitherMemory near, Memory& global)
      : Base(call, shared, nullptr, 0, near, call.choice.order, call.choice.count), matrix_(near, call.choice.order) {
    if (call.choice.vectors) VectorSpace<float>(call.choice.order, call.choice.count, global);
    this->tile_ = global.take<float>(tile_elements(call.choice.order, kQuads));
  }

  MemoryMatrix<float, G> matrix_;
};

}  // namespace saln::device
