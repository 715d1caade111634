// One call on the CPU: plan, scratch memory, threads.
#pragma once
#include "core/problem.h"

namespace saln {

// Throws std::bad_alloc where scratch memory cannot be had. Results must hold what the task's output asks for.
void run_cpu(const Problem& problem, const Task& task, const Results& results);

}  // namespace saln
