// The Gram side of up to kOrder rows in float32, solved exactly: the matrix lies in registers while it is reduced, and,
// where there is room for them, the next candidate's first rows are on their way. What is in shared memory has constant
// places.
#pragma once
#include "cuda/kernels/candidate_kernel.cuh"
#include "cuda/solve/tridiagonalize_registers.cuh"

namespace saln::device {

// Blocks of up to 32 rows that are resident on a multiprocessor: more of them spill where code is made for these.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ != 900 && __CUDA_ARCH__ != 1000
constexpr int kSmallBlocks = 16;
#else
constexpr int kSmallBlocks = 20;
#endif

template <int kOrder, int kThreads>
class RegisterKernel : public CandidateKernel<RegisterKernel<kOrder, kThreads>, float, Group<kThreads>, kOrder> {
  using Base = CandidateKernel<RegisterKernel, float, Group<kThreads>, kOrder>;
  using G = Group<kThreads>;
  using Space = typename RegisterMatrix<kOrder, G>::Space;
  using Products = typename Base::Products;

 public:
  static constexpr bool kEstimates = false, kIterates = false, kHasColumns = false, kQuads = false, kStreams = false,
                        kHasPanels = false, kHasProducts = true, kTakesParts = false;
  static constexpr int kHeldRows = kOrder;
  // The solving part is in the kernel itself: what is called must leave some registers alone.
  static constexpr bool kSolvesInPlace = true;
  // resident on a multiprocessor, which bounds the registers
  static constexpr int blocks = kOrder <= 32 ? kSmallBlocks : kOrder <= 64 ? 16 : 3;

  SALN_HD RegisterKernel(const Call& call, Memory& shared, Memory& global)
      : RegisterKernel(call, shared, global, shared.take<char>(kBefore + kTile)) {}

  // Ends with a barrier.
  SALN_DEVICE void reduce(G& g, const Tile<float>& tile) const {
    RegisterMatrix<kOrder, G> matrix(vectors_);
    matrix.load(g, tile, this->exact_.d);
    matrix.reduce(g, tile, this->exact_.d, this->exact_.e, this->exact_.tau);
  }

 private:
  static constexpr int64_t kMatrix = kOrder * (kOrder + 1) / 2 * int64_t(sizeof(float));
  // The stages that are not the tile's: what is sent ahead is on its way while the tile is in use.
  static constexpr int64_t kBefore = Products::kSendsAhead ? Products::kStage : 0;
  static constexpr int64_t kOthers = Products::kStage * Products::kStages - kBefore;
  // Behind the matrix is what its reduction needs.
  static constexpr int64_t kReduced = kMatrix + Space::kOthers * int64_t(sizeof(float));
  static constexpr int64_t kTile = kReduced > kOthers ? kReduced : kOthers;

  // Nothing is in the tile while rows go through the stages. Nor is anything in what the values are found with while
  // the matrix is reduced.
  SALN_HD RegisterKernel(const Call& call, Memory& shared, Memory& global, char* stages)
      : Base(call, shared, stages, Products::kStages, shared, kOrder, kOrder),
        vectors_(this->builder_.work(), this->exact_.squares, this->exact_.values,
                 reinterpret_cast<float*>(stages + kBefore + kMatrix)) {
    this->tile_ = reinterpret_cast<float*>(stages + kBefore);
    // At the end: few calls need it, and all other places are constants.
    if (kBefore == 0 && call.problem.similarity == Similarity::gradient)
      this->builder_.set_apart(shared.take<char>(Products::kStage));
    if (call.choice.vectors) VectorSpace<float>(kOrder, call.choice.count, global);
  }

  Space vectors_;
};

}  // namespace saln::device
