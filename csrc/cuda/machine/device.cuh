// What the kernels ask of the machine: thread numbers, barriers, shuffles, asynchronous copies, matrix units. The one
// header, with warpgroup.cuh, that holds PTX. Compiled for the host, the same names come from the shim of
// tests/cuda_on_cpu; without it they are only declared, which is enough to lay out memory.
#pragma once
#include <cstdint>

#if !defined(__CUDACC__) && __has_include("shim.h")
#include "shim.h"
#elif !defined(__CUDACC__)
#define SALN_DEVICE inline
#define SALN_APART inline

namespace saln::device {

char* shared_base();
int thread_rank();
int block_rank();
int grid_size();
void sync_block();
void sync_warp();
template <class T>
T shuffle(T value, int lane);
template <class T>
T shuffle_xor(T value, int mask);
uint32_t ballot(bool vote);
int count_bits(uint32_t x);
template <class T>
T uniform(T x);
template <class T>
void forget(T& x);
void copy_async(void* shared, const void* global, int bytes);
void copy_async_if(uint32_t wanted, void* shared, const void* global);
void commit_copies();
template <int pending>
void wait_copies();
float load_here(const float* from);
void load_four_here(const float* from, float (&to)[4]);
void load_four(const float* from, float (&to)[4]);
void store_two(float* to, float a, float b);
void store_four(float* to, float a, float b, float c, float d);
void load_blocks(const void* row, uint32_t (&to)[4]);
void multiply_bfloat16(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1);
void multiply_float16(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1);
void multiply_tf32(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1);
uint32_t to_tf32(float x);
float larger_or_nan(float a, float b);
float reciprocal(float x);
float reciprocal_root(float x);
float from_bfloat16(uint16_t bits);
float from_float16(uint16_t bits);
uint32_t shared_address(const void* shared);
template <bool kBfloat16, int kSize>
void multiply_rows(float (&c)[kSize], const char* rows, const char* columns, int step, bool add);
void begin_rows();
void end_rows();
template <int kSize>
void hold(float (&c)[kSize]);
void show_unit();

}  // namespace saln::device
#else
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#define SALN_DEVICE __device__ __forceinline__
// A function that is called: what it keeps in registers does not crowd its caller's.
#define SALN_APART __device__ __noinline__

namespace saln::device {

// The block's dynamic shared memory.
SALN_DEVICE char* shared_base() {
  extern __shared__ __align__(16) char saln_shared[];
  return saln_shared;
}

// Read anew wherever it is asked for: what is computed from it is then not kept in registers from one candidate to the
// next.
SALN_DEVICE int thread_rank() {
  int rank;
  asm volatile("mov.u32 %0, %%tid.x;" : "=r"(rank));
  return rank;
}
SALN_DEVICE int block_rank() {
  int rank;
  asm volatile("mov.u32 %0, %%ctaid.x;" : "=r"(rank));
  return rank;
}
SALN_DEVICE int grid_size() { return int(gridDim.x); }
SALN_DEVICE void sync_block() { __syncthreads(); }
SALN_DEVICE void sync_warp() { __syncwarp(); }

// All 32 lanes take part in what follows.
template <class T>
SALN_DEVICE T shuffle(T value, int lane) {
  return __shfl_sync(0xffffffffu, value, lane);
}
template <class T>
SALN_DEVICE T shuffle_xor(T value, int mask) {
  return __shfl_xor_sync(0xffffffffu, value, mask);
}
SALN_DEVICE uint32_t ballot(bool vote) { return __ballot_sync(0xffffffffu, vote); }
SALN_DEVICE int count_bits(uint32_t x) { return __popc(x); }
// What is the same in all lanes, and from here on the compiler knows: of loops and branches by it all lanes come out
// together, and shuffles behind them need no second way.
SALN_DEVICE bool uniform(bool x) { return ballot(x) != 0; }
SALN_DEVICE int uniform(int x) { return __reduce_max_sync(0xffffffffu, x); }
SALN_DEVICE uint32_t shared_address(const void* shared) { return uint32_t(__cvta_generic_to_shared(shared)); }

// The compiler no longer knows where x comes from: what a loop computes of it is computed anew, and not kept in
// registers.
template <class T>
SALN_DEVICE void forget(T& x) {
  static_assert(sizeof(T) == 4);
  asm volatile("" : "+r"(x));
}

// 16 bytes of shared memory from `bytes` (0 to 16) of global memory, zeros behind them; both addresses 16-byte aligned.
SALN_DEVICE void copy_async(void* shared, const void* global, int bytes) {
  const uint32_t to = uint32_t(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(global), "r"(bytes) : "memory");
}
// 16 bytes, unless `wanted` is 0: without a branch.
SALN_DEVICE void copy_async_if(uint32_t wanted, void* shared, const void* global) {
  const uint32_t to = uint32_t(__cvta_generic_to_shared(shared));
  asm volatile(
      "{.reg .pred wanted; setp.ne.b32 wanted, %2, 0; @wanted cp.async.cg.shared.global [%0], [%1], 16;}" ::"r"(to),
      "l"(global), "r"(wanted)
      : "memory");
}
SALN_DEVICE void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits for this thread's copies, the youngest `pending` groups excepted.
template <int pending>
SALN_DEVICE void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}

// Numbers of shared memory, loaded where the program says so and not ahead, which would take a register longer.
SALN_DEVICE float load_here(const float* from) {
  float x;
  asm volatile("ld.shared.f32 %0, [%1];" : "=f"(x) : "r"(uint32_t(__cvta_generic_to_shared(from))) : "memory");
  return x;
}

SALN_DEVICE void load_four_here(const float* from, float (&to)[4]) {
  asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];"
               : "=f"(to[0]), "=f"(to[1]), "=f"(to[2]), "=f"(to[3])
               : "r"(uint32_t(__cvta_generic_to_shared(from)))
               : "memory");
}

// Four consecutive numbers of shared memory, 16-byte aligned.
SALN_DEVICE void load_four(const float* from, float (&to)[4]) {
  const float4 four = *reinterpret_cast<const float4*>(from);
  to[0] = four.x;
  to[1] = four.y;
  to[2] = four.z;
  to[3] = four.w;
}

// 8-byte aligned
SALN_DEVICE void store_two(float* to, float a, float b) { *reinterpret_cast<float2*>(to) = make_float2(a, b); }
SALN_DEVICE void store_four(float* to, float a, float b, float c, float d) {
  *reinterpret_cast<float4*>(to) = make_float4(a, b, c, d);
}

// Four 8×8 blocks of shared memory, rows of 16 bytes: lane l names row l % 8 of block l / 8 and receives bytes
// 4 (l % 4) … of row l / 4 of every block (ldmatrix).
SALN_DEVICE void load_blocks(const void* row, uint32_t (&to)[4]) {
  const uint32_t from = uint32_t(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(from)
               : "memory");
}

// c [16×8] += a bᵀ for a [16×k], b [8×k], each row's k elements 32 bytes; operands as load_blocks gives them: a in the
// order (rows 0–7, first 16 bytes), (rows 8–15, first), (rows 0–7, last), (rows 8–15, last); b first, last. Lane l
// holds c at row l / 4 and l / 4 + 8, columns 2 (l % 4) and the next.
SALN_DEVICE void multiply_bfloat16(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
SALN_DEVICE void multiply_float16(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
SALN_DEVICE void multiply_tf32(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
// The nearest number with 11 significant bits, as multiply_tf32 takes it.
SALN_DEVICE uint32_t to_tf32(float x) {
  uint32_t y;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(y) : "f"(x));
  return y;
}

// The larger, or NaN if either is.
SALN_DEVICE float larger_or_nan(float a, float b) {
  float x;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(x) : "f"(a), "f"(b));
  return x;
}

// 1/x and 1/√x to two units in the last place, of normal numbers: no instructions for others. 1/0 and 1/∞ are ∞ and 0.
SALN_DEVICE float reciprocal(float x) {
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
SALN_DEVICE float reciprocal_root(float x) {
  float y;
  asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

SALN_DEVICE float from_bfloat16(uint16_t bits) { return __bfloat162float(__ushort_as_bfloat16(bits)); }
SALN_DEVICE float from_float16(uint16_t bits) { return __half2float(__ushort_as_half(bits)); }

}  // namespace saln::device
#include "cuda/machine/warpgroup.cuh"
#endif
