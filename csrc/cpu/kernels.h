// What one build of the CPU kernels offers; kernels.cpp is compiled once per instruction set.
#pragma once
#include <atomic>

#include "core/plan.h"
#include "cpu/team.h"

namespace saln {

struct Kernels {
  const char* name;
  int vector_bytes;
  bool (*supported)();  // does this processor run it
  size_t (*workspace)(const Problem&, const Task&, const Plan&);
  // Takes groups of plan.lanes candidates off `next` until none is left.
  void (*run)(const Problem&, const Task&, const Plan&, const Results&, const Team&, std::atomic<int64_t>& next,
              char* workspace);
};

// The best one for this processor, or the one that SALN_CPU_ISA names; throws std::runtime_error if that is none.
const Kernels& kernels();
// Every one compiled in, best first, ended by nullptr.
const Kernels* const* all_kernels();

}  // namespace saln
