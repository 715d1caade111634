// The shim's primitives against their PTX definitions.
#include <random>
#include <vector>

#include "trial.h"

using namespace saln::device;
using saln::simulator::Global;
using saln::simulator::launch;

namespace {

#define EXPECT(truth)                                             \
  do {                                                            \
    if (!(truth)) {                                               \
      std::printf("%s:%d: not %s\n", __FILE__, __LINE__, #truth); \
      std::exit(1);                                               \
    }                                                             \
  } while (0)

void ranks() {
  std::vector<int> seen(3 * 64, -1);
  for (const bool backward : {false, true})
    launch(3, 64, 0, [&](char*) { seen[block_rank() * 64 + thread_rank()] = grid_size() + backward; }, backward);
  for (const int s : seen) EXPECT(s == 4);
}

void shared_memory() {
  std::vector<uint32_t> seen(2);
  launch(2, 32, 12, [&](char* shared) {
    if (thread_rank() == 0) {
      std::memcpy(&seen[block_rank()], shared + 8, 4);
      std::memset(shared, 0, 12);
    }
  });
  EXPECT(seen[0] == 0xffffffffu && seen[1] == 0xffffffffu);
}

void barriers() {
  for (const bool backward : {false, true}) {
    int wrong = 0;
    launch(
        1, 96, 96 * 4,
        [&](char* shared) {
          int* mine = reinterpret_cast<int*>(shared);
          const int rank = thread_rank(), lane = rank % 32;
          for (int round = 0; round < 5; ++round) {
            mine[rank] = 100 * round + rank;
            sync_block();
            if (mine[(rank + 33 * round) % 96] != 100 * round + (rank + 33 * round) % 96) ++wrong;
            sync_block();
            mine[rank] = round;
            sync_warp();
            if (mine[rank - lane + (lane + round) % 32] != round) ++wrong;
            sync_warp();
          }
        },
        backward);
    EXPECT(wrong == 0);
  }
}

void shuffles() {
  launch(1, 64, 0, [&](char*) {
    const int rank = thread_rank(), base = rank / 32 * 32;
    EXPECT(shuffle(rank, 5) == base + 5);
    EXPECT(shuffle(double(rank) / 3, rank * 7 % 32) == double(base + rank * 7 % 32) / 3);
    EXPECT(shuffle(int64_t(rank) << 40, 31) == int64_t(base + 31) << 40);
    for (int mask = 0; mask < 32; ++mask) EXPECT(shuffle_xor(float(rank), mask) == float(rank ^ mask));
    uint32_t third = 0;
    for (int lane = 0; lane < 32; ++lane) third |= uint32_t((base + lane) % 3 == 0) << lane;
    EXPECT(ballot(rank % 3 == 0) == third);
    EXPECT(count_bits(third) == 11);
  });
}

void copies() {
  const Global source(32 * 16 + 7);
  for (int i = 0; i < 32 * 16 + 7; ++i) source.as<char>()[i] = char(i % 100 + 1);
  launch(1, 32, 3 * 32 * 16, [&](char* shared) {
    const int lane = thread_rank();
    char* to = shared + 16 * lane;
    copy_async(to, source.as<char>() + 16 * lane, 16);
    commit_copies();
    copy_async(to + 512, source.as<char>() + 16 * lane, lane % 17);
    copy_async(to + 1024, source.as<char>() + (lane ? 0 : 512), lane ? 0 : 7);
    commit_copies();
#if defined(SALN_TSAN)
    for (int i = 0; i < 16; ++i) EXPECT(to[i] == char(0xff));
#endif
    wait_copies<1>();
    for (int i = 0; i < 16; ++i) EXPECT(to[i] == source.as<char>()[16 * lane + i]);
#if defined(SALN_TSAN)
    for (int i = 0; i < 16; ++i) EXPECT(to[512 + i] == char(0xff));
#endif
    wait_copies<0>();
    for (int i = 0; i < 16; ++i) EXPECT(to[512 + i] == (i < lane % 17 ? source.as<char>()[16 * lane + i] : 0));
    for (int i = 0; i < 16; ++i) EXPECT(to[1024 + i] == (!lane && i < 7 ? source.as<char>()[512 + i] : 0));
    copy_async(to, source.as<char>(), 16);  // not committed: a wait does not see it
    wait_copies<0>();
    commit_copies();
    wait_copies<0>();
    EXPECT(to[0] == source.as<char>()[0]);
    sync_warp();
    float four[4];
    load_four(reinterpret_cast<const float*>(shared + 16 * ((lane + 1) % 32)), four);
    EXPECT(!std::memcmp(four, source.as<char>(), 16));
  });
}

void blocks() {
  launch(1, 32, 32 * 48, [&](char* shared) {
    const int lane = thread_rank();
    for (int i = 0; i < 16; ++i) shared[48 * lane + i] = char(16 * (lane / 8) + 2 * (lane % 8) + i);
    sync_warp();
    uint32_t to[4];
    load_blocks(shared + 48 * lane, to);
    // PTX, ldmatrix .x4: row r of matrix m from thread 8m + r; thread t holds elements 2(t % 4), + 1 of row t / 4.
    for (int m = 0; m < 4; ++m)
      for (int i = 0; i < 4; ++i) EXPECT(char(to[m] >> 8 * i) == char(16 * m + 2 * (lane / 4) + 4 * (lane % 4) + i));
  });
}

uint32_t pack_bfloat16(int low, int high) {
  return std::bit_cast<uint32_t>(float(low)) >> 16 | (std::bit_cast<uint32_t>(float(high)) & 0xffff0000u);
}
uint32_t pack_float16(int low, int high) {
  const auto half = [](int x) {
    const uint32_t bits = std::bit_cast<uint32_t>(float(x));
    return x == 0 ? 0u : (bits >> 16 & 0x8000u) | (((bits >> 23 & 0xff) - 112) << 10) | (bits >> 13 & 0x3ff);
  };
  return half(low) | half(high) << 16;
}

// PTX, mma.m16n8k16 and .m16n8k8: where each thread's registers stand in A (row, k), B (k, column) and C.
void fragments() {
  std::mt19937 random(1);
  int a[16][16], b[16][8], c[16][8];
  for (auto& row : a)
    for (int& x : row) x = int(random() % 31) - 15;
  for (auto& row : b)
    for (int& x : row) x = int(random() % 31) - 15;
  for (auto& row : c)
    for (int& x : row) x = int(random() % 1000);
  const auto expected = [&](int row, int column, int depth) {
    int sum = c[row][column];
    for (int k = 0; k < depth; ++k) sum += a[row][k] * b[k][column];
    return float(sum);
  };
  launch(1, 32, 0, [&](char*) {
    const int group = thread_rank() / 4, t = thread_rank() % 4;
    const auto check = [&](const float (&found)[4], int depth) {
      for (int i = 0; i < 4; ++i) EXPECT(found[i] == expected(group + i / 2 * 8, 2 * t + i % 2, depth));
    };
    for (const bool half : {false, true}) {
      uint32_t from_a[4], from_b[2];
      const auto pack = half ? pack_float16 : pack_bfloat16;
      for (int i = 0; i < 4; ++i) {
        const int row = group + i % 2 * 8, k = 2 * t + i / 2 * 8;
        from_a[i] = pack(a[row][k], a[row][k + 1]);
      }
      for (int i = 0; i < 2; ++i) from_b[i] = pack(b[2 * t + 8 * i][group], b[2 * t + 8 * i + 1][group]);
      float sum[4];
      for (int i = 0; i < 4; ++i) sum[i] = float(c[group + i / 2 * 8][2 * t + i % 2]);
      if (half)
        multiply_float16(sum, from_a, from_b[0], from_b[1]);
      else
        multiply_bfloat16(sum, from_a, from_b[0], from_b[1]);
      check(sum, 16);
    }
    uint32_t from_a[4], from_b[2];
    for (int i = 0; i < 4; ++i) from_a[i] = to_tf32(float(a[group + i % 2 * 8][t + i / 2 * 4]));
    for (int i = 0; i < 2; ++i) from_b[i] = to_tf32(float(b[t + 4 * i][group]));
    float sum[4];
    for (int i = 0; i < 4; ++i) sum[i] = float(c[group + i / 2 * 8][2 * t + i % 2]);
    multiply_tf32(sum, from_a, from_b[0], from_b[1]);
    check(sum, 8);
  });
}

// Rows of 32 bytes in shared memory, taken as device.cuh says, give a bᵀ.
void blocks_make_operands() {
  launch(1, 32, 24 * 32, [&](char* shared) {
    const int lane = thread_rank();
    const auto value = [](int row, int k) { return (row * 7 + k * 3) % 11 - 5; };
    for (int i = 0; lane < 24 && i < 8; ++i) {
      const uint32_t pair = pack_bfloat16(value(lane, 2 * i), value(lane, 2 * i + 1));
      std::memcpy(shared + 32 * lane + 4 * i, &pair, 4);
    }
    sync_warp();
    uint32_t a[4], b[4];
    load_blocks(shared + 32 * (lane % 16) + lane / 16 * 16, a);
    load_blocks(shared + 32 * (16 + lane % 8) + lane / 8 % 2 * 16, b);
    float c[4] = {1, 2, 3, 4};
    multiply_bfloat16(c, a, b[0], b[1]);
    for (int i = 0; i < 4; ++i) {
      int sum = i + 1;
      for (int k = 0; k < 16; ++k) sum += value(lane / 4 + i / 2 * 8, k) * value(16 + 2 * (lane % 4) + i % 2, k);
      EXPECT(c[i] == float(sum));
    }
  });
}

void arithmetic() {
  using saln::simulator::multiply_and_add;
  const float one[2] = {1, 1}, tiny[2] = {0x1p-25f, -0x1p-25f}, ulp[2] = {0x1p-24f, 0x1p-24f};
  EXPECT(multiply_and_add(1.0f, one, tiny) == 1.0f);                           // cut off before they are added
  EXPECT(multiply_and_add(1.0f, one, ulp) == 1.0f + 0x1p-23f);                 // one bit is kept
  EXPECT(multiply_and_add(-1.0f, one, {0x1p-24f, 0.0f}) == -1.0f + 0x1p-24f);  // exact
  EXPECT(multiply_and_add(1.0f, one, {0x1p-24f, 0.0f}) == 1.0f);               // towards zero, both ways
  EXPECT(multiply_and_add(-1.0f, one, {-0x1p-24f, 0.0f}) == -1.0f);
  EXPECT(multiply_and_add(0x1.fffffep127f, one, {0.0f, 0.0f}) == 0x1.fffffep127f);
  EXPECT(multiply_and_add(0.0f, {0x1p-100f, 0}, {0x1p-49f, 0}) == 0x1p-149f);
  EXPECT(std::isnan(multiply_and_add(0.0f, {INFINITY, 0}, {0.0f, 0})));
  EXPECT(multiply_and_add(1.0f, {INFINITY, 0}, {-1.0f, 0}) == -INFINITY);
  EXPECT(std::isnan(multiply_and_add(INFINITY, {INFINITY, 0}, {-1.0f, 0})));
}

void conversions() {
  EXPECT(larger_or_nan(1, 2) == 2 && larger_or_nan(2, 1) == 2 && larger_or_nan(-INFINITY, 1) == 1);
  EXPECT(std::isnan(larger_or_nan(NAN, 1)) && std::isnan(larger_or_nan(1, NAN)));
  for (const float x : {1.0f, 3.0f, -7.0f, 0x1p-60f, 1e30f}) {
    EXPECT(std::fabs(reciprocal(x) * double(x) - 1) < 0x1.1p-22);
    EXPECT(x < 0 || std::fabs(reciprocal_root(x) * std::sqrt(double(x)) - 1) < 0x1.1p-22);
  }
  EXPECT(from_bfloat16(0x3fc0) == 1.5f && from_bfloat16(0x8001) == -0x1p-133f);
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const int exponent = int(bits >> 10 & 31), rest = int(bits & 1023);
    const float found = from_float16(uint16_t(bits));
    EXPECT(std::signbit(found) == (bits >> 15 == 1));
    if (exponent == 31)
      EXPECT(rest ? std::isnan(found) : std::isinf(found));
    else
      EXPECT(std::fabs(found) == float(std::ldexp(exponent ? 1024 + rest : rest, (exponent ? exponent : 1) - 25)));
  }
  const auto tf32 = [](float x) { return std::bit_cast<float>(to_tf32(x)); };
  EXPECT(tf32(1 + 0x1p-11f) == 1 + 0x1p-10f && tf32(-1 - 0x1p-11f) == -1 - 0x1p-10f);  // ties away from zero
  EXPECT(tf32(1 + 0x1.ffcp-12f) == 1.0f && tf32(0x1.ffcp3f) == 0x1.ffcp3f);
  EXPECT(tf32(0x1.fffffep127f) == INFINITY && tf32(-INFINITY) == -INFINITY && std::isnan(tf32(NAN)));
}

}  // namespace

int main(int, char** arguments) {
#define TEST(name) \
  {                \
    #name, name    \
  }
  return saln::simulator::run_named(
      {TEST(ranks), TEST(shared_memory), TEST(barriers), TEST(shuffles), TEST(copies), TEST(blocks), TEST(fragments),
       TEST(blocks_make_operands), TEST(arithmetic), TEST(conversions)},
      arguments[1]);
#undef TEST
}
