// What one build of the greedy kernels offers; greedy_kernels.cpp is compiled once per instruction set.
#pragma once
#include <cstddef>

#include "core/greedy.h"
#include "cpu/team.h"

namespace saln {

struct GreedyKernels {
  const char* name;
  size_t (*workspace)(const Problem&, const GreedyTask&);
  void (*run)(const Problem&, const GreedyTask&, const GreedyResults&, const Team&, int64_t candidate, char* workspace);
};

// Those of the instruction set that `kernels` chose.
const GreedyKernels& greedy_kernels();

// Throws std::bad_alloc where scratch memory cannot be had.
void run_greedy_cpu(const Problem& problem, const GreedyTask& task, const GreedyResults& results);

}  // namespace saln
