// A candidate's parts are functions apart that hand on through shared memory: what one keeps in registers does not
// crowd the others, and the largest alone decides how many blocks are resident.
#pragma once
#include "call.cuh"
#include "group.cuh"
#include "memory.cuh"

namespace saln::device {

// The launch's call lies at the start of shared memory, where functions apart find it.
SALN_DEVICE const Call& shared_call() { return *reinterpret_cast<const Call*>(shared_base()); }

template <class K>
SALN_DEVICE K shared_kernel() {
  const Call& call = shared_call();
  Memory near(shared_base()), far(call.workspace + block_rank() * call.workspace_stride);
  near.take<Call>(1);
  return K(call, near, far);
}

enum class Part { prepare, prepare_columns, iterate, solve, write };

// K::run_part<kPart>(c) says whether there is something to solve, and ends with a barrier.
template <class K, Part kPart>
SALN_APART bool part(int64_t c) {
  return shared_kernel<K>().template run_part<kPart>(c);
}

template <class K>
SALN_DEVICE void run_block(const Call& call) {
  static_assert(sizeof(Call) % sizeof(int32_t) == 0);
  for (int i = thread_rank(); i < int(sizeof(Call) / sizeof(int32_t)); i += K::threads)
    reinterpret_cast<int32_t*>(shared_base())[i] = reinterpret_cast<const int32_t*>(&call)[i];
  sync_block();
  shared_kernel<K>().begin();
  for (int64_t c = block_rank(); c < shared_call().problem.n_candidates; c += grid_size()) {
    bool solve;
    if constexpr (K::kHasColumns)
      solve =
          shared_call().choice.side == Side::covariance ? part<K, Part::prepare_columns>(c) : part<K, Part::prepare>(c);
    else
      solve = part<K, Part::prepare>(c);
    if (solve) {
      // In the kernel itself: it takes all registers, and what is called must leave some alone.
      if constexpr (K::kIterates) shared_kernel<K>().template run_part<Part::iterate>(c);
      if constexpr (K::kSolvesInPlace)
        shared_kernel<K>().template run_part<Part::solve>(c);
      else
        part<K, Part::solve>(c);
    }
    part<K, Part::write>(c);
  }
}

// Bytes of a block: shared memory and workspace.
struct Footprint {
  size_t shared, workspace;
};
template <class K>
Footprint footprint(const Call& call) {
  Memory near(nullptr), far(nullptr);
  near.take<Call>(1);
  K measured(call, near, far);
  return {(near.used() + 15) / 16 * 16, (far.used() + 255) / 256 * 256};
}

}  // namespace saln::device
