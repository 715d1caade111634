// Runs a call on a GPU. No torch header, no CUDA header: what the ops need to know.
#pragma once
#include <cstddef>

#include "core/problem.h"

namespace saln {

// Bytes of device memory a call needs beside inputs and outputs. `device` is a CUDA ordinal.
size_t cuda_workspace(const Problem& problem, const Task& task, int device);

// Launches on `stream` (a cudaStream_t) of the current device, and does not wait. Throws std::runtime_error.
void run_cuda(const Problem& problem, const Task& task, const Results& results, void* workspace, void* stream);

}  // namespace saln
