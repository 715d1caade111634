// Planted faults, each of which must end the run.
#include <cstring>

#include "trial.h"

using namespace saln::device;
using saln::simulator::Global;
using saln::simulator::launch;

namespace {

void overrun() {
  launch(1, 32, 100, [](char* shared) { shared[thread_rank() * 4] = 0; });
}
void underrun() {
  launch(1, 32, 100, [](char* shared) { shared[-1 - thread_rank()] = 0; });
}
void global_overrun() {
  const Global source(40);
  launch(1, 32, 512, [&](char* shared) {
    copy_async(shared + 16 * thread_rank(), source.as<char>() + 16 * (thread_rank() % 3), 16);
    commit_copies();
    wait_copies<0>();
  });
}
void read_before_wait() {
  const Global source(16);
  launch(1, 32, 512, [&](char* shared) {
    copy_async(shared + 16 * thread_rank(), source.data.get(), 16);
    commit_copies();
    if (shared[16 * thread_rank()] == 1) commit_copies();
    wait_copies<0>();
  });
}
void never_waited() {
  const Global source(16);
  launch(1, 32, 512, [&](char* shared) { copy_async(shared + 16 * thread_rank(), source.data.get(), 16); });
}
void misaligned_shared() {
  const Global source(16);
  launch(1, 32, 1024, [&](char* shared) { copy_async(shared + 20 * thread_rank() + 4, source.data.get(), 16); });
}
void misaligned_global() {
  const Global source(64);
  launch(1, 32, 512, [&](char* shared) { copy_async(shared + 16 * thread_rank(), source.data.get() + 8, 16); });
}
void misaligned_blocks() {
  launch(1, 32, 1024, [](char* shared) {
    uint32_t to[4];
    load_blocks(shared + 24 * thread_rank(), to);
  });
}
void misaligned_four() {
  launch(1, 32, 1024, [](char* shared) {
    float to[4];
    load_four(reinterpret_cast<const float*>(shared) + thread_rank(), to);
  });
}
void misaligned_four_here() {
  launch(1, 32, 1024, [](char* shared) {
    float to[4];
    load_four_here(reinterpret_cast<const float*>(shared) + thread_rank(), to);
  });
}
void not_shared() {
  const Global elsewhere(512), source(16);
  launch(1, 32, 512, [&](char*) { copy_async(elsewhere.as<char>() + 16 * thread_rank(), source.data.get(), 16); });
}
void four_not_shared() {
  const Global elsewhere(512);
  launch(1, 32, 512, [&](char*) {
    float to[4];
    load_four_here(elsewhere.as<float>() + 4 * thread_rank(), to);
  });
}
void not_tf32() {
  launch(1, 32, 0, [](char*) {
    float c[4] = {};
    multiply_tf32(c, {0x3f800001u, 0, 0, 0}, 0, 0);
  });
}
void lane_returns() {
  launch(1, 32, 0, [](char*) {
    if (thread_rank() != 7) sync_warp();
  });
}
void warp_returns() {
  launch(1, 64, 0, [](char*) {
    if (thread_rank() < 32) sync_block();
  });
}
void lane_elsewhere() {
  launch(1, 32, 0, [](char*) {
    if (thread_rank() == 7)
      sync_warp();
    else
      sync_block();
  });
}
void same_kind_elsewhere() {
  launch(1, 32, 0, [](char*) {
    if (thread_rank() == 7)
      sync_warp();
    else
      sync_warp();
  });
}
// A missing barrier, between warps or lanes, in either direction, or between blocks.
void race_in_block() {
  launch(1, 64, 256, [](char* shared) {
    int* mine = reinterpret_cast<int*>(shared);
    mine[thread_rank()] = 1;
    sync_warp();
    if (mine[(thread_rank() + 32) % 64] == 2) sync_warp();
  });
}
void race_in_warp() {
  launch(1, 32, 128, [](char* shared) {
    int* mine = reinterpret_cast<int*>(shared);
    mine[thread_rank()] = 1;
    shuffle(0, 0);  // orders nothing
    if (mine[(thread_rank() + 1) % 32] == 2) shared[0] = 1;
  });
}
void race_of_reuse() {
  launch(1, 32, 128, [](char* shared) {
    int* mine = reinterpret_cast<int*>(shared);
    mine[thread_rank()] = 1;
    sync_warp();
    mine[thread_rank()] = mine[(thread_rank() + 1) % 32] + 1;
  });
}
void race_of_copy() {
  const Global source(16);
  std::memset(source.data.get(), 0, 16);
  launch(1, 32, 512, [&](char* shared) {
    copy_async(shared + 16 * thread_rank(), source.data.get(), 16);
    commit_copies();
    wait_copies<0>();
    if (shared[16 * (31 - thread_rank())] == 2) commit_copies();
  });
}
void race_between_blocks() {
  const Global result(4);
  launch(2, 32, 0, [&](char*) {
    if (thread_rank() == 0) *result.as<int>() = block_rank();
  });
}

}  // namespace

int main(int, char** arguments) {
#define TEST(name) \
  {                \
    #name, name    \
  }
  return saln::simulator::run_named({TEST(overrun),
                                     TEST(underrun),
                                     TEST(global_overrun),
                                     TEST(read_before_wait),
                                     TEST(never_waited),
                                     TEST(misaligned_shared),
                                     TEST(misaligned_global),
                                     TEST(misaligned_blocks),
                                     TEST(misaligned_four),
                                     TEST(misaligned_four_here),
                                     TEST(not_shared),
                                     TEST(four_not_shared),
                                     TEST(not_tf32),
                                     TEST(lane_returns),
                                     TEST(warp_returns),
                                     TEST(lane_elsewhere),
                                     TEST(same_kind_elsewhere),
                                     TEST(race_in_block),
                                     TEST(race_in_warp),
                                     TEST(race_of_reuse),
                                     TEST(race_of_copy),
                                     TEST(race_between_blocks)},
                                    arguments[1]);
#undef TEST
}
