// Which kernel serves a call on a GPU, what it occupies and what it is predicted to cost. Pure host arithmetic, so that
// it can be asked on any machine.
#pragma once
#include <string>

#include "cuda/kernels/kernels.cuh"

namespace saln {

// What the arithmetic needs to know of a GPU. The defaults are an H100 SXM: rates as measured (memory by a copy, matrix
// by an 8192³ product), the rest from NVIDIA's H100 white paper.
struct Gpu {
  int major = 9, minor = 0;
  int multiprocessors = 132;
  int64_t shared_per_block = 227 << 10, shared_per_multiprocessor = 228 << 10, shared_reserved = 1 << 10;
  int64_t registers_per_multiprocessor = 65536;
  int blocks_per_multiprocessor = 32, warps_per_multiprocessor = 64;
  double clock = 1.755e9;                            // Hz
  double memory = 3.0e12, l2 = 5.5e12;               // bytes a second
  int64_t l2_bytes = 33 << 20;                       // of a pool that stays in it
  double half_rate = 798e12, tf32_rate = 399e12;     // operations a second, dense matrix units
  double float_rate = 67e12, double_rate = 33.5e12;  // outside them
};

struct CudaPlan {
  Plan numbers;  // solver, side, order, count, n_iter, operations and bytes, as on any machine
  device::Choice choice;
  Kernel kernel = Kernel::global;
  int threads = 0;
  int64_t shared_bytes = 0;  // a block
  int registers = 0;         // a thread, as compiled for sm_90a
  int blocks = 0;            // resident on a multiprocessor
  int64_t grid = 0;          // blocks of the launch; each takes every grid-th candidate
  int64_t block_bytes = 0;   // of the workspace, a block's
  // Where the Gram matrices are formed in parts: candidates that two launches take, the matrix's blocks and their
  // shared memory; else all of them, and 0.
  int64_t at_once = 0, blocks_a_matrix = 0, split_shared_bytes = 0;
  int64_t parts_bytes = 0;      // of the workspace, behind the blocks'
  int64_t workspace_bytes = 0;  // all of it
  double floor_seconds = 0;
  std::string floor_by;  // what the floor is made of: "memory", "l2", "matrix units", "arithmetic"
  double seconds = 0;    // predicted
  std::string reason;
};

// Blocks that a multiprocessor holds at once, by threads, registers and shared memory; at least one.
int resident_blocks(const Gpu& gpu, int threads, int registers, int64_t shared_bytes);

CudaPlan make_cuda_plan(const Problem& problem, const Task& task, const Gpu& gpu);

// What the planned kernel is launched with.
device::Call call_of(const Problem& problem, const Task& task, const Results& results, const CudaPlan& plan,
                     void* workspace);

// What is known of a kernel beside what a call makes of it.
struct KernelFacts {
  const char* name;
  int registers, threads;  // of a thread, as compiled for sm_90a; of a block
  int held_rows;           // of a matrix that lies in registers while it is reduced, else 0
  bool streams;            // the matrix lies in the workspace and is read again at every step
  device::Footprint (*measure)(const device::Call&);
};
const KernelFacts& facts_of(Kernel kernel);

}  // namespace saln
