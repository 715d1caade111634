// A candidate's parts are functions apart that hand on through shared memory: what one keeps in registers does not
// crowd the others, and the largest alone decides how many blocks are resident.
#pragma once
#include "cuda/kernels/call.cuh"
#include "cuda/machine/group.cuh"
#include "cuda/machine/memory.cuh"

namespace saln::device {

// What lies at the start of shared memory, where functions apart find it.
struct Current {
  Call call;          // the launch's
  int64_t candidate;  // the one this block works on
};
SALN_DEVICE const Call& shared_call() { return reinterpret_cast<const Current*>(shared_base())->call; }
SALN_DEVICE int64_t& shared_candidate() { return reinterpret_cast<Current*>(shared_base())->candidate; }

template <class K>
SALN_DEVICE K shared_kernel() {
  const Call& call = shared_call();
  Memory near(shared_base()), far(call.workspace + block_rank() * call.workspace_stride);
  near.take<Current>(1);
  return K(call, near, far);
}

// From `prepare` on a part says whether there is something to solve. The last two are what only some calls ask for, as
// `transform` is: apart, they are not in the way of the others.
enum class Part {
  gather,
  gather_panels,
  gather_parts,
  transform,
  prepare,
  prepare_columns,
  iterate,
  solve,
  write,
  vectors,
  pivots
};

// K::run_part<kPart>(c) says whether there is something to solve, from preparing on, and ends with a barrier.
template <class K, Part kPart>
SALN_DEVICE bool part_here() {
  return shared_kernel<K>().template run_part<kPart>(shared_candidate());
}
template <class K, Part kPart>
SALN_APART bool part() {
  return part_here<K, kPart>();
}

// From rows to the raw tile, the way the call has it.
template <class K>
SALN_DEVICE void gather_rows() {
  const Choice& choice = shared_call().choice;
  if constexpr (K::kTakesParts)
    if (choice.parts > 0 || !K::kHasProducts) {
      part<K, Part::gather_parts>();
      return;
    }
  if constexpr (K::kHasPanels)
    if (choice.in_panels) {
      part_here<K, Part::gather_panels>();
      return;
    }
  if constexpr (K::kHasProducts) part<K, Part::gather>();
}

template <class K>
SALN_DEVICE void run_block(const Call& call) {
  static_assert(sizeof(Call) % sizeof(int32_t) == 0);
  for (int i = thread_rank(); i < int(sizeof(Call) / sizeof(int32_t)); i += K::threads)
    reinterpret_cast<int32_t*>(shared_base())[i] = reinterpret_cast<const int32_t*>(&call)[i];
  if (thread_rank() == 0) shared_candidate() = call.first + block_rank();
  sync_block();
  shared_kernel<K>().begin();
  while (uniform(shared_candidate() < shared_call().problem.n_candidates)) {
    bool solve;
    if constexpr (K::kHasMatrix) {
      gather_rows<K>();
      if (shared_call().choice.transforms) part<K, Part::transform>();
    }
    if constexpr (K::kHasColumns)
      solve =
          shared_call().choice.side == Side::covariance ? part<K, Part::prepare_columns>() : part<K, Part::prepare>();
    else
      solve = part<K, Part::prepare>();
    if (uniform(solve)) {
      // In the kernel itself: it takes all registers, and what is called must leave some alone.
      if constexpr (K::kIterates) part_here<K, Part::iterate>();
      if constexpr (K::kSolvesInPlace)
        part_here<K, Part::solve>();
      else
        part<K, Part::solve>();
      if constexpr (K::kHasMatrix)
        if (shared_call().choice.vectors) part<K, Part::vectors>();
    }
    if constexpr (K::kHasMatrix)
      if (shared_call().choice.need == Need::pivots) part<K, Part::pivots>();
    part<K, Part::write>();
    if (thread_rank() == 0) shared_candidate() += grid_size();
    sync_block();
  }
}

// Bytes of a block: shared memory and workspace.
struct Footprint {
  size_t shared, workspace;
};
template <class K>
Footprint footprint(const Call& call) {
  Memory near(nullptr), far(nullptr);
  near.take<Current>(1);
  K measured(call, near, far);
  return {(near.used() + 15) / 16 * 16, (far.used() + 255) / 256 * 256};
}

}  // namespace saln::device
