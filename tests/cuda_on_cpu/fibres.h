// A GPU's threads on one CPU: every CUDA thread is a fibre, and the fibres of a block take turns where they meet.
// Fibres meet in a fixed order, so a run is repeatable to the bit. ThreadSanitizer, told of every fibre and of what the
// barriers order, sees them as concurrent threads; AddressSanitizer sees shared memory that ends where it should.
//
// fibres.cpp is compiled without instrumentation: what it does on behalf of all threads is nobody's race.
#pragma once
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <vector>

namespace saln::simulator {

using Where = std::source_location;

// An asynchronous copy under way: `bytes` bytes, zeros behind them to kCopyBytes.
constexpr int kCopyBytes = 16;
struct Copy {
  char* to;
  const char* from;
  int bytes, group;
};

struct Thread {
  int rank = 0, block = 0;
  std::vector<Copy> copies;  // not waited for yet, the oldest first
  int group = 0;             // the number of commits so far

  // the scheduler's
  void* stack_pointer = nullptr;
  char* stack = nullptr;
  void* fake_stack = nullptr;  // AddressSanitizer's
  void* fibre = nullptr;       // ThreadSanitizer's
  Thread* next = nullptr;
};

extern Thread* current;
extern int threads, grid;
// of the current block
extern char* shared;
extern size_t shared_bytes;

// Ends the process with what is wrong and where.
[[noreturn]] void fail(const Where& where, const char* format, ...) __attribute__((format(printf, 2, 3)));

// What a lane tells its warp.
struct alignas(16) Slot {
  uint32_t words[8] = {};
};

// Waits until all lanes of the warp are at this very place; gives what each of the 32 said, good until the next
// meeting. Memory is ordered between the lanes only if so asked.
const Slot* meet_warp(const char* what, const Where& where, const Slot& said, bool orders_memory);
// Waits until all warps of the block are at a block barrier; orders memory.
void meet_block(const char* what, const Where& where);

// Runs body(context, shared) once a thread. Shared memory has just this many bytes, each 0xff: a NaN of every type.
// `backward` runs blocks and threads the other way round.
void launch(int grid, int threads, size_t shared_bytes, bool backward, void (*body)(void*, char*), void* context);

}  // namespace saln::simulator
